"""EG202: a network plugin on which static egress gateways are not proven."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.cni_modes import cni_mode
from checks.model.commands import SEGDOC, az_aks, kubectl, look
from checks.model.findings import Evidence, Observation, Scope, Severity, healthy, skip, unknown, warn


@check(
    code="EG202",
    title="The cluster's network plugin is not proven with static egress gateways",
    severity=Severity.RISKS,
    article=("NET-2",),
    scope=Scope.AZURE,
    reads=(ManagedCluster,),
)
def cni_mode_unproven(facts: Facts) -> Iterator[Observation]:
    """What it checks: `networkPlugin` and `networkPluginMode`. Azure CNI with overlay or node subnet passes; kubenet and a
    plugin of your own warn; a plugin that is not known is unknown. Pod Subnet is a check of its own (EG201).

    Why it matters: the egress plugin chains itself behind the node's network plugin, and not every one lets it.

    What usually fixes it: Azure CNI Overlay, the documented ground. With a plugin of your own: a conflist that can be chained.

    Source: article NET-2; AKS docs, configure static egress gateway; kube-egress-gateway issue 775
    """
    show = look("See the network profile", az_aks(facts.cluster, "show", "--query", "networkProfile"), SEGDOC)
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield skip("Azure is not looked at by configuration, so the network plugin is not known.", actions=[show])
        return
    plugin, mode = cluster.network_plugin, cluster.network_plugin_mode
    evidence = [
        Evidence(cluster.ref, "networkProfile.networkPlugin", plugin or "(not set)", "azure"),
        Evidence(cluster.ref, "networkProfile.networkPluginMode", mode or "(not set)", "overlay, or not set"),
    ]
    known = cni_mode(plugin, mode)
    if known is None:
        name = f"{plugin or '(none given)'} in mode {mode}" if mode else plugin or "(none given)"
        summary = f"Whether static egress gateways work with the network plugin {name} is not known."
        yield unknown(summary, subject=cluster.ref, evidence=evidence, actions=[show])
    elif known.doubt:
        plugins = kubectl("get", "daemonsets", "-A")
        yield warn(
            f"The {cluster.ref} uses {known.name}: {known.doubt}.",
            subject=cluster.ref,
            evidence=evidence,
            actions=[show, look("See which network components run on the nodes", plugins)],
        )
    else:
        yield healthy(f"The {cluster.ref} uses {known.name}, which carries static egress gateways.", evidence=evidence)
