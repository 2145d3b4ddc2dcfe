"""EG202: a network plugin that is not documented to work with static egress gateways."""

from collections.abc import Iterator

from checks.azure.unread import azure_not_read
from checks.engine.check import check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.cni_modes import cni_mode
from checks.model.commands import SEGDOC, az_aks, inspect, kubectl
from checks.model.findings import Evidence, Observation, Scope, Severity, healthy, unknown, warn


@check(
    code="EG202",
    title="The network plugin is not documented to work with static egress gateways",
    severity=Severity.RISKS,
    article=("NET-2",),
    scope=Scope.AZURE,
    reads=(ManagedCluster,),
)
def cni_mode_unproven(facts: Facts) -> Iterator[Observation]:
    """What it checks: `networkPlugin` and `networkPluginMode`. Azure CNI with overlay or node subnet passes; kubenet
    and a bring-your-own CNI plugin warn; any other plugin is not checked. Azure CNI Pod Subnet is checked by
    pod-subnet-cni.

    Why it matters: kube-egress-cni is chained to the node's network plugin, and not every plugin supports chaining.

    What usually fixes it: a cluster with Azure CNI Overlay, which is documented. With a bring-your-own CNI plugin: a
    CNI configuration to which kube-egress-cni can be chained.

    Source: article NET-2; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)";
    kube-egress-gateway issue 775."""
    show = inspect("Show the network profile", az_aks(facts.cluster, "show", "--query", "networkProfile"), SEGDOC)
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield azure_not_read("The network plugin is", [show])
        return
    plugin, mode = cluster.network_plugin, cluster.network_plugin_mode
    evidence = [
        Evidence(cluster.ref, "networkProfile.networkPlugin", plugin or "(not set)", "azure"),
        Evidence(cluster.ref, "networkProfile.networkPluginMode", mode or "(not set)", "overlay, or not set"),
    ]
    known = cni_mode(plugin, mode)
    if known is None:
        name = f"{plugin or '(not set)'} in mode {mode}" if mode else plugin or "(not set)"
        summary = f"It is not known whether network plugin {name} works with static egress gateways."
        yield unknown(summary, subject=cluster.ref, evidence=evidence, actions=[show])
    elif known.doubt:
        daemon_sets = kubectl("get", "daemonsets", "-A")
        yield warn(
            f"The {cluster.ref} uses {known.name}: {known.doubt}.",
            subject=cluster.ref,
            evidence=evidence,
            actions=[show, inspect("List the network components on the nodes", daemon_sets)],
        )
    else:
        yield healthy(
            f"The {cluster.ref} uses {known.name}, which works with static egress gateways.", evidence=evidence
        )
