"""EG103: the static egress gateway feature is off."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import GROUP, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import SEGDOC, TSG, az_aks, change, kubectl, look
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, fail, healthy, skip, unknown, warn

DEFINITION = f"CustomResourceDefinition staticgatewayconfigurations.{GROUP}"
PROFILE = "networkProfile.staticEgressGatewayProfile.enabled"


@check(
    code="EG103",
    title="The static egress gateway is not enabled",
    severity=Severity.BLOCKS,
    hop="static egress",
    article=("PRE-2",),
    scope=Scope.CLUSTER,
    reads=(ManagedCluster, StaticGatewayConfiguration, DaemonSet),
    explains={
        "static-egress-components-unhealthy": "its DaemonSets are installed with the feature, and removed with it",
        "gateway-configuration-missing": "without the feature the cluster has no kind StaticGatewayConfiguration to create",
        "gateway-configuration-terminating": "the feature's controller, which ends a deletion, is not there",
        "gateway-configuration-invalid": "the feature's controller, which judges a configuration, is not there",
        "pod-network-setup-fails": Because(
            "nothing answers the request for a tunnel when a gateway pod's network is set up", share="sandbox"
        ),
        "gateway-pods-not-running": Because(
            "pods that ask for a static egress gateway stay in ContainerCreating without one", share="sandbox"
        ),
    },
)
def static_egress_disabled(facts: Facts) -> Iterator[Observation]:
    """What it checks: `networkProfile.staticEgressGatewayProfile.enabled` in Azure, and whether the cluster has the kind
    StaticGatewayConfiguration. Off and not installed fails; off in Azure but installed with its DaemonSets warns (the
    open-source operator, which the add-on does not support, or a feature being removed); on but not installed warns.

    Why it matters: gateway pods leave through a static egress gateway. Without the feature they get no network.

    What usually fixes it: `az aks update --enable-static-egress-gateway`, then a node pool of mode Gateway and a
    StaticGatewayConfiguration.

    Source: article PRE-2; AKS docs, configure static egress gateway
    """
    cluster = facts.one(ManagedCluster)
    if cluster is not None and cluster.static_egress_enabled:
        yield _enabled(facts, cluster)
    elif cluster is not None and not cluster.whole:
        yield unknown("Azure's answer describes no managed cluster: it has neither a state nor a network.")
    elif (gap := facts.gap(StaticGatewayConfiguration)) is not None:
        told = "Azure is not looked at" if cluster is None else "Azure has the static egress gateway not enabled"
        yield unknown(f"{told}, and what the cluster itself has could not be read: {gap}.", actions=_looks(facts))
    elif not facts.installed(StaticGatewayConfiguration):
        yield _off(facts, cluster)
    else:
        yield _without_azure_s_word(facts, cluster)


def _enabled(facts: Facts, cluster: ManagedCluster) -> Observation:
    on = Evidence(cluster.ref, PROFILE, "true", "true")
    if facts.installed(StaticGatewayConfiguration):
        return healthy(f"The static egress gateway of {cluster.ref} is enabled and installed.", evidence=[on])
    return warn(
        f"The static egress gateway of {cluster.ref} is enabled, but the cluster does not have its resource kinds yet.",
        subject=cluster.ref,
        evidence=[on, Evidence(DEFINITION, "", "not installed", "installed")],
        actions=[
            *_looks(facts),
            change(
                "Reconcile the cluster if this lasts longer than ten minutes",
                az_aks(facts.cluster, "update"),
                SEGDOC,
                f"`kubectl get crd staticgatewayconfigurations.{GROUP}` finds it",
            ),
        ],
    )


def _off(facts: Facts, cluster: ManagedCluster | None) -> Observation:
    missing = Evidence(DEFINITION, "", "not installed", "installed")
    subject = cluster.ref if cluster else f"cluster {facts.cluster.name}"
    summary = f"The static egress gateway is not enabled on {subject}."
    evidence = [_profile(cluster), missing] if cluster else [missing]
    if cluster is None:
        summary = f"The {subject} does not have the static egress gateway's resource kinds."
    actions = [*_looks(facts), _enable(facts)]
    return fail(summary, subject=subject, evidence=evidence, actions=actions, about=[sandbox("static-egress-disabled")])


def _without_azure_s_word(facts: Facts, cluster: ManagedCluster | None) -> Observation:
    """The kinds are installed though Azure has the feature off, or is not looked at: who runs them?"""
    running = [d for d in facts.all(DaemonSet) if "kube-egress-gateway" in d.name]
    seen = [Evidence(d.ref, "status.numberReady", str(d.ready), str(d.desired)) for d in running]
    if cluster is None:
        if running:
            return healthy("The cluster has the static egress gateway's kinds and DaemonSets.", evidence=seen)
        return skip(
            "Azure is not looked at, and the cluster alone does not tell whether it is on.", actions=_looks(facts)
        )
    if running:
        where = ", ".join(sorted({d.namespace for d in running}))
        return warn(
            f"The static egress gateway is not enabled on {cluster.ref}, yet its components run in {where}: a self-managed "
            "operator, which the Istio add-on does not support, or a feature being removed.",
            subject=cluster.ref,
            evidence=[_profile(cluster), *seen],
            actions=[*_looks(facts), _enable(facts)],
        )
    return fail(
        f"The static egress gateway is not enabled on {cluster.ref}, and none of its components run.",
        subject=cluster.ref,
        evidence=[_profile(cluster), Evidence("DaemonSets kube-egress-gateway-*", "", "none", "two")],
        actions=[*_looks(facts), _enable(facts)],
        about=[sandbox("static-egress-disabled")],
    )


def _profile(cluster: ManagedCluster) -> Evidence:
    return Evidence(cluster.ref, PROFILE, "false or not set", "true")


def _looks(facts: Facts) -> list[Action]:
    query = "networkProfile.staticEgressGatewayProfile"
    return [
        look("See whether the feature is on", az_aks(facts.cluster, "show", "--query", query), TSG),
        look("See whether its kinds are installed", kubectl("get", "crd", f"staticgatewayconfigurations.{GROUP}")),
    ]


def _enable(facts: Facts) -> Action:
    return change(
        "Enable the static egress gateway",
        az_aks(facts.cluster, "update", "--enable-static-egress-gateway"),
        SEGDOC,
        "kube-egress-gateway-cni-manager runs on every node in aks-static-egress-gateway; a node pool of mode Gateway and a "
        "StaticGatewayConfiguration are needed next",
    )
