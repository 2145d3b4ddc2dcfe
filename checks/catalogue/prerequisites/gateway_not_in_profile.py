"""EG104: Azure's mesh profile does not have the gateway, or has it disabled."""

from collections.abc import Iterator
from difflib import get_close_matches

from checks.engine.check import check
from checks.facts.egress_gateway import from_cluster, gateway_entries
from checks.facts.managed_cluster import EgressGatewayEntry, ManagedCluster
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import AZ_VERSION, HOWTO, TSG, az_aks, change, enable_gateway, kubectl, look, quoted
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, fail, healthy, skip, unknown

PROFILE = "serviceMeshProfile.istio.components.egressGateways"
SHOWN = 10
"""Gateways that a message lists before it only counts the rest: a cluster may have 500."""


@check(
    code="EG104",
    title="The mesh profile does not have this gateway enabled",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(ManagedCluster, Service, Deployment),
)
def gateway_not_in_profile(facts: Facts) -> Iterator[Observation]:
    """What it checks: the egress gateways of Azure's mesh profile, by name and namespace. A gateway that is not there, or
    is there with `enabled: false`, fails and ends the diagnosis of the gateway; names close to it are offered. Where Azure
    is not looked at, the cluster's Services and Deployments are asked whether there is such a gateway at all.

    Why it matters: AKS creates a gateway's Deployments and Service from the profile, and removes them with the entry.

    What usually fixes it: the right name; or `az aks mesh enable-egress-gateway`.

    Source: article SEG-1; AKS docs, deploy egress gateways for the Istio add-on
    """
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield _by_the_cluster(facts)
        return
    if not cluster.has_profile:
        yield unknown("Azure's answer has no mesh profile, and no other part of a managed cluster either.")
        return
    gateway = facts.gateway
    if not gateway.known:
        yield _not_there(facts, cluster)
        return
    entry = f"{PROFILE}[{gateway}]"
    if gateway.enabled:
        named = Evidence(cluster.ref, f"{entry}.gatewayConfigurationName", gateway.configuration or "(not set)")
        yield healthy(
            f"The mesh profile has {gateway.ref} enabled.",
            evidence=[Evidence(cluster.ref, f"{entry}.enabled", "true", "true"), named],
        )
        return
    yield fail(
        f"The mesh profile has {gateway.ref} disabled.",
        subject=gateway.ref,
        evidence=[Evidence(cluster.ref, f"{entry}.enabled", "false", "true")],
        actions=[_show(facts), _enable(facts, gateway.namespace, gateway.name, gateway.configuration)],
        stops=Scope.GATEWAY,
    )


def _not_there(facts: Facts, cluster: ManagedCluster) -> Observation:
    enabled = [f"{e.namespace}/{e.name}" for e in cluster.egress_gateways if e.enabled]
    return _absent(
        facts, Evidence(cluster.ref, PROFILE, _shown(enabled), _asked(facts)), "The mesh profile has", enabled
    )


def _by_the_cluster(facts: Facts) -> Observation:
    asked = facts.question
    services, deployments = facts.all(Service), facts.all(Deployment)
    if from_cluster(asked.gateway, asked.namespace, services, deployments, ()).known:
        return skip("Azure is not looked at, so the gateway is known only by its Service and Deployments.")
    shown = list(gateway_entries(services))
    evidence = Evidence(
        "Services with azureservicemesh/istio.component=egress-gateway", "", _shown(shown), _asked(facts)
    )
    return _absent(facts, evidence, "The cluster shows", shown)


def _absent(facts: Facts, evidence: Evidence, who: str, there: list[str]) -> Observation:
    asked = _asked(facts)
    close = _close(asked, there)
    summary = f"{who} no egress gateway {asked}" + (f"; close to it: {', '.join(close)}." if close else ".")
    actions = [_show(facts)]
    actions += [_again(facts, each) for each in close[:1]]
    actions.append(
        look("See which configurations a gateway could use", kubectl("get", "staticgatewayconfigurations", "-A"))
    )
    namespace = facts.question.namespace or EgressGatewayEntry.DEFAULT_NAMESPACE
    actions.append(_enable(facts, namespace, facts.question.gateway, ""))
    return fail(summary, subject=f"egress gateway {asked}", evidence=[evidence], actions=actions, stops=Scope.GATEWAY)


def _asked(facts: Facts) -> str:
    asked = facts.question
    return f"{asked.namespace}/{asked.gateway}" if asked.namespace else asked.gateway


def _close(asked: str, there: list[str]) -> list[str]:
    """The gateways that may have been meant: the same name in another namespace first, then names much like it."""
    name = asked.rpartition("/")[2]
    same = [each for each in there if each.rpartition("/")[2] == name]
    names = sorted({each.rpartition("/")[2] for each in there})
    alike = get_close_matches(name, names, n=3, cutoff=0.5)
    return (same + [each for match in alike if match != name for each in there if each.rpartition("/")[2] == match])[:3]


def _shown(there: list[str]) -> str:
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    return (", ".join(sorted(there)[:SHOWN]) or "(none)") + more


def _show(facts: Facts) -> Action:
    query = f"{PROFILE}[].{{name:name,namespace:namespace,enabled:enabled,configuration:gatewayConfigurationName}}"
    return look("List the gateways of the mesh profile", az_aks(facts.cluster, "show", "--query", query), TSG)


def _again(facts: Facts, other: str) -> Action:
    return look(f"Diagnose {other}, if that was meant", quoted("egress-diag", "diagnose", facts.cluster.name, other))


def _enable(facts: Facts, namespace: str, name: str, configuration: str) -> Action:
    return change(
        f"Enable the gateway, if it should exist ({AZ_VERSION})",
        enable_gateway(facts.cluster, namespace, name, configuration),
        HOWTO,
        f"`{kubectl('get', 'deployment,service', namespace=namespace)}` shows {name} and its Deployment within minutes",
    )
