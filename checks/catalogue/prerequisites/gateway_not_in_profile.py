"""EG104: the gateway does not exist in the mesh profile or is disabled there."""

from collections.abc import Iterator
from difflib import get_close_matches

from checks.azure.unread import incomplete_answer
from checks.engine.check import check
from checks.facts.egress_gateway import from_cluster, gateway_entries
from checks.facts.managed_cluster import EgressGatewayEntry, ManagedCluster
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import AZ_VERSION, HOWTO, TSG, az_aks, change, enable_gateway, inspect, kubectl, quoted
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
    reports_missing_gateway=True,
    article=("SEG-1",),
    reads=(ManagedCluster, Service, Deployment),
)
def gateway_not_in_profile(facts: Facts) -> Iterator[Observation]:
    """What it checks: the egress gateways of the mesh profile, by name and namespace. It fails if the gateway does not
    exist or has `enabled: false`; further checks of the gateway then do not apply, and similar names are shown. If
    reading Azure is not configured, the cluster's Services and Deployments decide whether the gateway exists.

    Why it matters: AKS creates a gateway's Deployments and Service from the mesh profile, and removes them with the
    entry.

    What usually fixes it: the correct name, or `az aks mesh enable-egress-gateway`.

    Source: article SEG-1; AKS documentation, "Deploy egress gateways for Istio service mesh add-on for Azure
    Kubernetes Service"."""
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield _in_cluster(facts)
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
        actions=[_show(facts), _enable(facts, gateway.namespace, gateway.name, gateway.configuration)],
        stops=Scope.GATEWAY,
    )


def _not_in_profile(facts: Facts, cluster: ManagedCluster) -> Observation:
    enabled = [f"{e.namespace}/{e.name}" for e in cluster.egress_gateways if e.enabled]
    shown = _shown(enabled, facts)
    return _absent(facts, Evidence(cluster.ref, _PROFILE, shown, _gateway_name(facts)), "in the mesh profile", enabled)


def _in_cluster(facts: Facts) -> Observation:
    question = facts.question
    services, deployments = facts.all(Service), facts.all(Deployment)
    if from_cluster(question.gateway, question.namespace, services, deployments, ()).known:
        return skip(
            "The mesh profile is not checked: reading Azure is not configured. The cluster has the gateway's objects."
        )
    shown = list(gateway_entries(services))
    evidence = Evidence(
        "Services with azureservicemesh/istio.component=egress-gateway", "", _shown(shown, facts), _gateway_name(facts)
    )
    return _absent(facts, evidence, "in the cluster", shown)


def _absent(facts: Facts, evidence: Evidence, where: str, there: list[str]) -> Observation:
    requested = _gateway_name(facts)
    close = _close(requested, facts.question.nameable(there))
    similar = f"; similar names: {', '.join(close)}" if close else ""
    summary = f"Egress gateway {requested} does not exist {where}{similar}."
    actions = [_show(facts)]
    actions += [_diagnose_other(facts, each) for each in close[:1]]
    actions.append(
        inspect(
            "List the StaticGatewayConfigurations that a gateway can use",
            kubectl("get", "staticgatewayconfigurations", "-A"),
        )
    )
    namespace = facts.question.namespace or EgressGatewayEntry.DEFAULT_NAMESPACE
    actions.append(_enable(facts, namespace, facts.question.gateway, ""))
    return fail(
        summary, subject=f"egress gateway {requested}", evidence=[evidence], actions=actions, stops=Scope.GATEWAY
    )


def _gateway_name(facts: Facts) -> str:
    question = facts.question
    return f"{question.namespace}/{question.gateway}" if question.namespace else question.gateway


def _close(requested: str, there: list[str]) -> list[str]:
    """Gateways with the same name in another namespace, then gateways with similar names."""
    name = requested.rpartition("/")[2]
    same = [each for each in there if each.rpartition("/")[2] == name]
    names = sorted({each.rpartition("/")[2] for each in there})
    alike = get_close_matches(name, names, n=3, cutoff=0.5)
    return (same + [each for match in alike if match != name for each in there if each.rpartition("/")[2] == match])[:3]


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


def _diagnose_other(facts: Facts, other: str) -> Action:
    return inspect(
        f"Diagnose {other} instead, if you meant that gateway",
        quoted("egress-diag", "diagnose", facts.cluster.name, other),
    )


def _enable(facts: Facts, namespace: str, name: str, configuration: str) -> Action:
    return change(
        f"Enable the gateway, if it should exist ({AZ_VERSION})",
        enable_gateway(facts.cluster, namespace, name, configuration),
        HOWTO,
        f"`{kubectl('get', 'deployment,service', namespace=namespace)}` lists {name} and its Deployment within minutes",
    )
