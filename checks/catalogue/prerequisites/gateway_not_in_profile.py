"""EG104: the gateway is not in the mesh profile, or is disabled there."""

from collections.abc import Iterator

from checks.azure.unread import incomplete_answer
from checks.engine.check import check
from checks.facts.egress_gateway import is_named_for
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import AZ_VERSION, HOWTO, TSG, az_aks, change, enable_gateway, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, fail, healthy, skip

_PROFILE = "serviceMeshProfile.istio.components.egressGateways"
_SHOWN = 10
"""The number of gateways that a message lists before it counts the rest.

A cluster can have 500.
"""


@check(
    code="EG104",
    title="The gateway is not enabled in the mesh profile",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(ManagedCluster, Service, Deployment),
)
def gateway_not_in_profile(facts: Facts) -> Iterator[Observation]:
    """What it checks: the egress gateways of the mesh profile, by name and namespace. It fails if the gateway has
    `enabled: false`, and if only the cluster has it, by its Service or a Deployment; further checks of the gateway then do
    not apply. A gateway that neither of them has is an error in the command, with similar names. If reading Azure is not
    configured, the cluster decides whether the gateway exists.

    Why it matters: AKS creates a gateway's Deployments and Service from the mesh profile, and removes them with the
    entry.

    What usually fixes it: `az aks mesh enable-egress-gateway`.

    Source: article SEG-1; AKS documentation, "Deploy egress gateways for Istio service mesh add-on for Azure
    Kubernetes Service"."""
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield skip(
            f"The mesh profile is not checked: reading Azure is not configured. The cluster has {facts.gateway.ref}."
        )
        return
    if not cluster.has_profile:
        yield incomplete_answer()
        return
    gateway = facts.gateway
    if not gateway.known:
        yield _not_in_profile(facts, cluster)
        return
    entry = f"{_PROFILE}[{gateway}]"
    if gateway.enabled:
        named = Evidence(cluster.ref, f"{entry}.gatewayConfigurationName", gateway.configuration or "(not set)")
        yield healthy(
            f"Egress gateway {gateway} is enabled in the mesh profile.",
            evidence=[Evidence(cluster.ref, f"{entry}.enabled", "true", "true"), named],
        )
        return
    yield fail(
        f"Egress gateway {gateway} is disabled in the mesh profile.",
        subject=gateway.ref,
        evidence=[Evidence(cluster.ref, f"{entry}.enabled", "false", "true")],
        actions=[_enable(facts, gateway.namespace, gateway.name, gateway.configuration), _show(facts)],
        stops=Scope.GATEWAY,
    )


def _not_in_profile(facts: Facts, cluster: ManagedCluster) -> Observation:
    gateway = facts.gateway
    enabled = [f"{e.namespace}/{e.name}" for e in cluster.egress_gateways if e.enabled]
    left = _left(facts)
    return fail(
        f"Egress gateway {gateway} is not in the mesh profile, but the cluster has {', '.join(left[:3])}.",
        subject=gateway.ref,
        evidence=[
            Evidence(cluster.ref, _PROFILE, _shown(enabled, facts), str(gateway)),
            *(
                Evidence(each, "metadata.name", "exists", "created and removed with the entry of the profile")
                for each in left
            ),
        ],
        actions=[
            _enable(facts, gateway.namespace, gateway.name, gateway.configuration),
            _show(facts),
            inspect(
                "List the StaticGatewayConfigurations that a gateway can use",
                kubectl("get", "staticgatewayconfigurations", "-A"),
            ),
        ],
        stops=Scope.GATEWAY,
    )


def _left(facts: Facts) -> list[str]:
    """The gateway's objects in the cluster; one kind is enough if the other is unreadable."""
    name, namespace = facts.gateway.name, facts.gateway.namespace
    services = [each.ref for each in facts.readable(Service, namespace) if each.name == name]
    named = [each.ref for each in facts.readable(Deployment, namespace) if is_named_for(each, name)]
    return [*services, *named]


def _shown(there: list[str], facts: Facts) -> str:
    """The gateways that the answer may name, and the number of the others."""
    named = sorted(facts.question.nameable(there))[:_SHOWN]
    more = len(there) - len(named)
    if not named:
        return f"{more} that are not named here" if more else "(none)"
    return ", ".join(named) + (f" and {more} more" if more else "")


def _show(facts: Facts) -> Action:
    query = f"{_PROFILE}[].{{name:name,namespace:namespace,enabled:enabled,configuration:gatewayConfigurationName}}"
    return inspect("List the gateways of the mesh profile", az_aks(facts.cluster, "show", "--query", query), TSG)


def _enable(facts: Facts, namespace: str, name: str, configuration: str) -> Action:
    return change(
        f"Enable the gateway, also in the template or pipeline that writes the mesh profile ({AZ_VERSION})",
        enable_gateway(facts.cluster, namespace, name, configuration),
        HOWTO,
        f"`{kubectl('get', 'deployment,service', namespace=namespace)}` lists {name} and its Deployment within minutes",
    )
