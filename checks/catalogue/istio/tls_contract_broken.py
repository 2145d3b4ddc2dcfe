"""EG510: the TLS settings of the two sides of a hop do not match."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router
from checks.facts.istio_networking import DestinationRule
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import examined_hosts, nothing_configured
from checks.istio.configured.revision_settings import require_settings
from checks.istio.faults.gateway_clusters import GatewayCluster, gateway_clusters
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.faults.resolved_routes import ROUTER_READS, resolved_routes, routing_of_run
from checks.istio.fixes.exports import private
from checks.istio.fixes.fields import remove_field
from checks.istio.fixes.show_commands import show_object
from checks.istio.fixes.tls_settings import tls_place
from checks.istio.harmless_changes import command_if_harmless
from checks.istio.mesh.destination_rules import MergedRule
from checks.istio.proxy.clusters import Cluster
from checks.model.commands import ISTIO_EGW, ISTIO_TLSO, change
from checks.model.findings import Evidence, Involved, Observation, Severity, healthy, skip, warn
from checks.model.raw_values import flag, text


@decided_by_router
@check(
    code="EG510",
    title="TLS settings do not match on a hop through the gateway",
    severity=Severity.BLOCKS,
    article=("IST-5", "IST-6"),
    reads=ROUTER_READS,
    explains={"traffic-failing": Because("the TLS settings of two hops differ", share="host")},
)
def tls_contract_broken(facts: Facts) -> Iterator[Observation]:
    """What it checks: for each host, the DestinationRule that applies at sidecars for the gateway's Service against the
    Gateway's server, and the one that applies at the gateway for the destination against the destination's port. The lookup
    is istiod's: the proxy's own namespace, the host's, the root namespace; oldest first; settings of a port replace those
    of the whole rule. It fails if requests are not routed because the two sides do not match. It warns about
    insecureSkipVerify, about a credential that also reaches sidecars, and about several rules of which only the oldest
    applies.

    Why it matters: gateways get no automatic mutual TLS. Plain text to a TLS port, TLS to a plain text port and TLS in TLS
    get 503, 400 or a reset connection.

    What usually fixes it: the `tls` block that the finding names: added on the side that lacks it, or removed.

    Source: article IST-5 and IST-6; Istio's pages on egress TLS origination; docs/domain/istio.md#tls-contract;
    docs/domain/istio.md#tls-origination."""
    clusters = gateway_clusters(facts)
    found = [seen for each in clusters for seen in (*_unverified(facts, each), *_at_sidecars(facts, each))]
    found += _several_rules(facts, clusters)  # of routes that work: of others the router reports the rule that applies
    yield from found
    require_settings(facts)
    if found:
        return
    if not examined_hosts(facts):
        yield skip(nothing_configured(facts))
    elif not clusters:
        yield skip("No host is routed through a hop to compare (virtual-service-route-broken).")
    else:
        yield healthy(f"TLS settings match on every hop through {facts.gateway.ref}.")


def _about(hosts: tuple[str, ...]) -> list[Involved]:
    return [Involved("host", each) for each in hosts]


def _unverified(facts: Facts, found: GatewayCluster) -> Iterator[Observation]:
    """A DestinationRule with which the gateway does not verify the destination's certificate."""
    cluster, place = found.cluster, tls_place(found.cluster)
    if place is None or not flag(cluster.policy.get("tls"), "insecureSkipVerify"):
        return
    rule, path = place
    yield warn(
        f"{path} of {rule.ref} makes {facts.gateway.ref} accept any certificate of {cluster.name.host} "
        "(insecureSkipVerify).",
        subject=f"host {found.hosts[0]}",
        evidence=[Evidence(rule.ref, f"{path}.insecureSkipVerify", "true", "without insecureSkipVerify")],
        actions=[
            show_object(rule),
            change(
                "Enable verification of the certificate",
                command_if_harmless(facts, remove_field(rule, f"{path}.insecureSkipVerify")),
                ISTIO_TLSO,
                "new connections succeed within seconds",
            ),
        ],
        about=_about(found.hosts),
    )


def _at_sidecars(facts: Facts, found: GatewayCluster) -> Iterator[Observation]:
    """A DestinationRule with a credential that also applies to sidecars, which cannot fetch it."""
    place, host = tls_place(found.cluster), found.cluster.name.host
    if place is None or not text(found.cluster.policy.get("tls"), "credentialName") or place[0].workload_selector:
        return
    rule, path = place
    clients = {name for each in found.routes for name in _reached(facts, each, rule, host)}
    if clients:
        yield warn(
            f"{path} of {rule.ref} also applies to sidecars, which cannot fetch its credential for {host}, in "
            f"{', '.join(sorted(clients)[:3])}.",
            subject=f"host {found.hosts[0]}",
            evidence=[Evidence(rule.ref, "spec.exportTo", ", ".join(rule.export_to) or "(not set)", "exportTo .")],
            actions=[
                show_object(rule),
                change(
                    "Limit the DestinationRule to the gateway's namespace",
                    command_if_harmless(facts, private(rule)),
                    ISTIO_TLSO,
                    "new connections succeed within seconds",
                ),
            ],
            about=_about(found.hosts),
        )


def _reached(facts: Facts, route: ResolvedRoute, rule: DestinationRule, host: str) -> Iterator[str]:
    """The clients of a route to whose sidecars the rule applies."""
    clients = route.request.clients
    proxy = routing_of_run(facts).proxy(clients.pod)
    if proxy is None or proxy.proxy.namespace == facts.gateway.namespace:
        return
    service = proxy.scope.by_host.get(host)
    merged = proxy.clusters.rule_for(service) if service is not None else None
    if merged is not None and any(each.key == rule.key for each in merged.sources):
        yield from clients.names


def _several_rules(facts: Facts, clusters: tuple[GatewayCluster, ...]) -> Iterator[Observation]:
    """DestinationRules that istiod merges although they set the same thing.

    Only the oldest applies.
    """
    seen: dict[tuple[str, ...], tuple[MergedRule, str, list[str]]] = {}
    for host, name, cluster in _used_clusters(facts, clusters):
        if (rule := cluster.rule) is not None and _overlaps(rule):
            seen.setdefault(tuple(each.ref for each in rule.sources), (rule, name, []))[2].append(host)
    for rule, name, hosts in seen.values():
        yield warn(
            f"Several DestinationRules of one namespace for {name} differ; only the oldest applies, {rule.first.ref}.",
            subject=f"host {hosts[0]}",
            evidence=[
                Evidence(each.ref, "metadata.creationTimestamp", _created(each), "oldest first")
                for each in rule.sources[:5]
            ],
            actions=[*(show_object(each) for each in rule.sources[:3]), change("Keep only one of them", "", ISTIO_EGW)],
            about=_about(tuple(dict.fromkeys(hosts))),
        )


def _used_clusters(facts: Facts, clusters: tuple[GatewayCluster, ...]) -> Iterator[tuple[str, str, Cluster]]:
    """(host, destination, cluster) of the clusters on the routes, at sidecars and gateway."""
    for each in clusters:
        if all(route.through for route in each.routes):
            yield each.hosts[0], each.cluster.name.host, each.cluster
    routing = routing_of_run(facts)
    for route in (each for each in resolved_routes(facts) if each.through):
        client = routing.proxy(route.request.clients.pod)
        for end in route.outcome.ends if client is not None else ():
            for step in end.steps:
                if client is not None and step.proxy == client.name and step.cluster is not None:
                    cluster = client.clusters.get(step.cluster)
                    if cluster is not None and cluster.name.host == facts.gateway.service_host:
                        yield route.host, cluster.name.host, cluster


def _overlaps(rule: MergedRule) -> bool:
    """Whether several of its sources have a policy of their own, or define one subset."""
    policies = [each for each in rule.sources if each.traffic_policy]
    names = [text(subset, "name") for each in rule.sources for subset in each.subsets]
    return len(policies) > 1 or len(set(names)) < len(names)


def _created(rule: DestinationRule) -> str:
    return f"{rule.created:%Y-%m-%dT%H:%M:%SZ}" if rule.created else "(unknown)"
