"""EG103: the static egress gateway feature is not enabled."""

from collections.abc import Iterator

from checks.azure.unread import azure_not_read, incomplete_answer
from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import GROUP, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import SEGDOC, TSG, az_aks, change, inspect, kubectl, kubectl_apply, update_without_value
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, fail, healthy, unknown, warn
from checks.static_egress.configuration_yaml import new_manifest, own_ranges, pool_for, pool_note
from checks.static_egress.new_pools import create_pool
from checks.static_egress.procedures import wait_for_prefix

_DEFINITION = f"CustomResourceDefinition staticgatewayconfigurations.{GROUP}"
_SHOWN = 3
_PROFILE = "networkProfile.staticEgressGatewayProfile.enabled"


@check(
    code="EG103",
    title="The static egress gateway feature is not enabled",
    severity=Severity.BLOCKS,
    hop="static egress",
    article=("PRE-2",),
    scope=Scope.CLUSTER,
    reads=(ManagedCluster, StaticGatewayConfiguration, DaemonSet, AgentPool, Subnet),
    explains={
        "static-egress-components-unhealthy": "AKS installs the DaemonSets with the feature, and removes them with it",
        "gateway-configuration-missing": "without the feature the StaticGatewayConfiguration CRD is not installed",
        "gateway-configuration-terminating": "without the feature no controller completes the deletion",
        "gateway-configuration-invalid": "without the feature no controller validates the StaticGatewayConfiguration",
        "pod-network-setup-fails": Because(
            "without the feature no cni-manager answers when a gateway pod's network is set up", share="sandbox"
        ),
        "gateway-pods-not-running": Because(
            "without the feature pods that need a static egress gateway stay in ContainerCreating", share="sandbox"
        ),
    },
)
def static_egress_disabled(facts: Facts) -> Iterator[Observation]:
    """What it checks: `networkProfile.staticEgressGatewayProfile.enabled` in Azure, and whether the
    StaticGatewayConfiguration CRD is installed. It fails if the feature is neither enabled nor installed. It warns if
    the feature is disabled in Azure but installed with DaemonSets: this is the open-source operator, which the add-on
    does not support, or a feature that is being removed. It also warns if the feature is enabled but not installed.

    Why it matters: traffic of gateway pods goes through a static egress gateway. Without the feature they get no
    network.

    What usually fixes it: `az aks update --enable-static-egress-gateway`, then a node pool in Gateway mode and a
    StaticGatewayConfiguration.

    Source: article PRE-2; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"."""
    cluster = facts.one(ManagedCluster)
    if cluster is not None and cluster.static_egress_enabled:
        yield _enabled(facts, cluster)
    elif cluster is not None and not cluster.complete:
        yield incomplete_answer()
    elif (gap := facts.gap(StaticGatewayConfiguration)) is not None:
        azure = "Reading Azure is not configured" if cluster is None else "The feature is not enabled in Azure"
        summary = f"{azure}; the static egress gateway CRDs are not checked: {gap}."
        yield unknown(summary, actions=_show(facts), reason=str(gap))
    elif not facts.installed(StaticGatewayConfiguration):
        yield _off(facts, cluster)
    else:
        yield _installed(facts, cluster)


def _enabled(facts: Facts, cluster: ManagedCluster) -> Observation:
    on = Evidence(cluster.ref, _PROFILE, "true", "true")
    if facts.installed(StaticGatewayConfiguration):
        return healthy(f"The static egress gateway is enabled and installed on {cluster.ref}.", evidence=[on])
    return warn(
        f"The static egress gateway CRDs are not installed yet, although the feature is enabled on {cluster.ref}.",
        subject=cluster.ref,
        evidence=[on, Evidence(_DEFINITION, "", "not installed", "installed")],
        actions=[
            *_show(facts),
            update_without_value(
                facts.cluster,
                "Reconcile the cluster if the CRDs are still missing after ten minutes",
                SEGDOC,
                f"`kubectl get crd staticgatewayconfigurations.{GROUP}` lists it",
            ),
        ],
    )


def _off(facts: Facts, cluster: ManagedCluster | None) -> Observation:
    missing = Evidence(_DEFINITION, "", "not installed", "installed")
    subject = cluster.ref if cluster else f"cluster {facts.cluster.name}"
    summary = f"The static egress gateway is not enabled on {subject}."
    evidence = [_profile(cluster), missing] if cluster else [missing]
    if cluster is None:
        summary = f"The static egress gateway CRDs are not installed on {subject}."
    actions = [*_enable(facts, cluster), *_show(facts)]
    return fail(
        summary, subject=subject, evidence=evidence, actions=actions, about=[sandbox(static_egress_disabled.slug)]
    )


def _installed(facts: Facts, cluster: ManagedCluster | None) -> Observation:
    """The CRDs are installed although Azure does not report the feature as enabled.

    It is not enabled, or Azure is not read.
    """
    running = [d for d in facts.all(DaemonSet) if "kube-egress-gateway" in d.name]
    seen = [Evidence(d.ref, "status.numberReady", str(d.ready), str(d.desired)) for d in running]
    if cluster is None:
        if running:
            return healthy("The static egress gateway CRDs and DaemonSets are installed.", evidence=seen)
        return azure_not_read("The static egress gateway feature is", _show(facts))
    if running:
        where = ", ".join(sorted({d.namespace for d in running}))
        return warn(
            f"The static egress gateway is not enabled on {cluster.ref}, but its components run in {where}: a self-managed "
            "operator, which the Istio add-on does not support, or a feature that is being removed.",
            subject=cluster.ref,
            evidence=[_profile(cluster), *seen],
            actions=[*_enable(facts, cluster), *_show(facts)],
        )
    return fail(
        f"The static egress gateway is not enabled on {cluster.ref}, and none of its components run.",
        subject=cluster.ref,
        evidence=[_profile(cluster), Evidence("DaemonSets kube-egress-gateway-*", "", "none", "two")],
        actions=[*_enable(facts, cluster), *_show(facts)],
        about=[sandbox(static_egress_disabled.slug)],
    )


def _profile(cluster: ManagedCluster) -> Evidence:
    return Evidence(cluster.ref, _PROFILE, "false or not set", "true")


def _show(facts: Facts) -> list[Action]:
    query = "networkProfile.staticEgressGatewayProfile"
    return [
        inspect("Show whether the feature is enabled", az_aks(facts.cluster, "show", "--query", query), TSG),
        inspect("Show whether its CRDs are installed", kubectl("get", "crd", f"staticgatewayconfigurations.{GROUP}")),
    ]


def _enable(facts: Facts, cluster: ManagedCluster | None) -> list[Action]:
    """Enable the feature, then create the removed StaticGatewayConfigurations again."""
    enable = change(
        "Enable the static egress gateway",
        az_aks(facts.cluster, "update", "--enable-static-egress-gateway"),
        SEGDOC,
        "kube-egress-gateway-cni-manager runs on every node, and "
        f"`kubectl get crd staticgatewayconfigurations.{GROUP}` lists it",
    )
    return [enable, *_configurations(facts, cluster)]


def _configurations(facts: Facts, cluster: ManagedCluster | None) -> Iterator[Action]:
    if cluster is None or facts.readable(StaticGatewayConfiguration):
        return
    pool = pool_for(facts, "")
    if facts.readable(AgentPool) and not any(each.is_gateway for each in facts.readable(AgentPool)):
        pool = "gwpool"
        yield create_pool(facts, pool)
    entries = [each for each in cluster.egress_gateways if each.enabled and each.configuration]
    for namespace, name in list(dict.fromkeys((each.namespace, each.configuration) for each in entries))[:_SHOWN]:
        yield change(
            f"Create StaticGatewayConfiguration {namespace}/{name} again, from your own manifest if it had more settings"
            f"{pool_note(pool)}",
            kubectl_apply(new_manifest(facts, namespace, name, pool)),
            SEGDOC,
            "it gets a new egress IP prefix within five minutes, which every allow-list needs; then the pods start. "
            + own_ranges(facts),
        )
        yield wait_for_prefix(namespace, name, used=True)
