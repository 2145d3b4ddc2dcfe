"""The route of the question's host.

It covers every kind of request, with all clients of one outcome together. The module is pure: it reads facts and
returns a `Route`. The outcome is the router's (checks/istio/request), the reasons are its faults (checks/istio/faults).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from checks.azure.outbound_destinations import OutboundDestination, ipv4_address
from checks.facts.admission_webhooks import MutatingWebhookConfiguration
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Fact
from checks.facts.logs import ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.public_addresses import NatGateway, PublicIPAddress, PublicIPPrefix
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.configured.cluster_hosts import cluster_host
from checks.istio.configured.configured_hosts import configured_hosts
from checks.istio.configured.request_kinds import configured_kinds
from checks.istio.faults.definition.broken_request import BrokenRequest, progress
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.faults.resolved_routes import resolved_routes
from checks.istio.mesh.mesh import MESH_READS
from checks.istio.request.answers import CONNECTION_RESET, answer
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing, routing
from checks.istio.trace.access_log_lines import NO_ANSWER, newest_access
from checks.istio.trace.corrections import corrections_of
from checks.istio.trace.counted_hops import counted_hops
from checks.istio.trace.described_hops import broken_hop, passed_hops
from checks.istio.trace.request_view import RequestView
from checks.istio.trace.source_address import SourceAddress, client_address
from checks.istio.trace.static_egress_hop import EgressFault, static_egress
from checks.istio.trace.summaries import inside_summary, request_summary, route_summary
from checks.istio.trace.unknown_client import unknown_client
from checks.model.requested_host import requested_host
from checks.model.route import Hop, HopName, Mark, Outcome, Route, TracedRequest

TRACE_READS: tuple[type[Fact], ...] = (
    *MESH_READS,
    Deployment,
    MutatingWebhookConfiguration,
    StaticGatewayConfiguration,
    GatewayVMConfiguration,
    ManagedCluster,
    AgentPool,
    Subnet,
    NetworkSecurityGroup,
    RouteTable,
    NatGateway,
    PublicIPAddress,
    PublicIPPrefix,
    ProxyLog,
    ProxyTraffic,
)
"""The kinds that tracing a route reads."""

_DROPPED = {EgressFault.DENIED.cause, EgressFault.DROPPED.cause}

_OUTCOMES = {
    Result.THROUGH: Outcome.THROUGH,
    Result.BYPASSES: Outcome.BYPASSES,
    Result.FAILS: Outcome.FAILS,
    Result.MIXED: Outcome.MIXED,
    Result.UNKNOWN: Outcome.UNKNOWN,
}


def trace(facts: Facts, codes: Mapping[str, str]) -> Route:
    """The route of the question's host. `codes` are the codes of the run's checks by slug.

    Raises Unreadable if an object that every request needs could not be read."""
    host, gateway = requested_host(facts.question.host or ""), str(facts.gateway)
    over = routing(facts)
    hosts = configured_hosts(facts).hosts
    if (stranger := unknown_client(facts)) is not None:
        return Route(host.name, gateway, stranger.problem, (), True, hosts, stranger.problem, stranger.nearest)
    configured = configured_kinds(over, host.name)
    requests = tuple(_joined(_traced(facts, over, each, codes) for each in resolved_routes(facts)))
    inside = cluster_host(facts)
    if inside is not None:
        return Route(host.name, gateway, f"{inside.sentence}.", requests, False, hosts)
    known = bool(configured) or host.name in hosts
    return Route(
        host.name, gateway, route_summary(facts, host.name, requests, hosts, known=known), requests, known, hosts
    )


def _traced(facts: Facts, over: Routing, route: ResolvedRoute, codes: Mapping[str, str]) -> TracedRequest:
    request, outcome = route.request, route.outcome
    if route.gap is not None and not route.certain:
        return _unread(facts, route, f"not checked: {route.gap}")
    end = min(outcome.ends, key=lambda each: progress(each, over.gateway))
    gateway = next(iter(over.gateway_proxies()), None)
    view = RequestView(facts, over, request, end, route.faults, over.proxy(request.clients.pod), gateway)
    reached = _reached(view, _OUTCOMES[outcome.result], codes)
    inside = cluster_host(facts)
    result, seen = reached.outcome, "" if inside is not None else str(reached.address or "")
    kept = counted_hops(facts, _completed(reached.hops, result), view.end.service or view.end.destination)
    reply = _answer(view, result, kept)
    summary = request_summary(facts, request, result, kept, reply, seen, meant=route.meant)
    if inside is not None:
        summary = inside_summary(facts, request, result, reply, inside.sentence)
    fixes = corrections_of(BrokenRequest(over, request, outcome), route.faults)
    names = request.clients.names
    return TracedRequest(request.scheme, request.port, names, result, route.meant, summary, reply, seen, kept, fixes)


@dataclass(frozen=True, slots=True)
class _Reached:
    """The hops that a request reaches, its outcome, and its source address."""

    hops: tuple[Hop, ...]
    outcome: Outcome
    address: SourceAddress | None = None


def _reached(view: RequestView, result: Outcome, codes: Mapping[str, str]) -> _Reached:
    hops, broken = tuple(passed_hops(view)), broken_hop(view, codes)
    if broken is not None:
        bypasses = view.end.result is Result.BYPASSES
        address = client_address(view.facts, view.request.clients.pods) if bypasses else None
        return _Reached((*hops, broken), result, address)
    if view.end.result is not Result.THROUGH:
        return _Reached((*hops, Hop(HopName.MESH_ROUTE, Mark.UNKNOWN, view.end.reason)), result)
    behind = _from_gateway(view, codes)
    return replace(behind, hops=(*hops, *behind.hops))


def _answer(view: RequestView, result: Outcome, hops: Iterable[Hop]) -> str:
    """The answer that the application gets, also if the request fails behind the gateway."""
    plain = view.request.scheme in ("http", "grpc")
    causes = {each.cause for each in hops if each.mark is Mark.BREAKS}
    if NO_ANSWER in causes:
        return "503 (UH, no healthy upstream)" if plain else CONNECTION_RESET
    if causes & _DROPPED:
        return "503 (UF): the connection times out" if plain else CONNECTION_RESET
    if view.end.result is Result.THROUGH and result is Outcome.FAILS:
        return "503 (UH): the gateway's pods get no network without an egress IP prefix" if plain else CONNECTION_RESET
    return answer(view.end, view.request.scheme, gateway=view.at_gateway)


def _from_gateway(view: RequestView, codes: Mapping[str, str]) -> _Reached:
    """The part of the route from the gateway's pods to the destination."""
    end = view.end
    outside = not end.service.endswith(".svc.cluster.local")
    destination = OutboundDestination(view.request.host, end.port, ipv4_address(end.destination))
    egress = static_egress(view.facts, codes, destination, outside=outside)
    if egress.hop.mark is Mark.LEAVES:
        return _Reached((egress.hop,), Outcome.BYPASSES, egress.address)
    if egress.hop.mark is Mark.BREAKS:
        return _Reached((egress.hop,), Outcome.FAILS)
    if egress.hop.mark is Mark.UNKNOWN:
        return _Reached((egress.hop,), Outcome.UNKNOWN)
    line = newest_access(view.facts, end.service or end.destination, end.port)
    address = egress.address if line.outcome is Outcome.THROUGH else None
    return _Reached((egress.hop, line.hop(egress.address)), line.outcome, address)


def _completed(hops: Iterable[Hop], result: Outcome) -> tuple[Hop, ...]:
    """All hops in order; those that are not reached are marked so."""
    kept = {each.name: each for each in hops}
    names = [each for each in HopName if result is not Outcome.BYPASSES or each is not HopName.DESTINATION]
    return tuple(kept.get(each, Hop(each, Mark.BEYOND)) for each in names)


def _unread(facts: Facts, route: ResolvedRoute, reason: str) -> TracedRequest:
    request = route.request
    hops = _completed([Hop(HopName.MESH_ROUTE, Mark.UNKNOWN, reason)], Outcome.UNKNOWN)
    summary = request_summary(facts, request, Outcome.UNKNOWN, hops, "", "", meant=route.meant)
    names = request.clients.names
    return TracedRequest(request.scheme, request.port, names, Outcome.UNKNOWN, route.meant, summary, "", "", hops)


def _joined(traced: Iterable[TracedRequest]) -> Iterator[TracedRequest]:
    """Requests of clients that differ in nothing but their names, together."""
    groups: dict[object, list[TracedRequest]] = {}
    for each in traced:
        hops = tuple(hop for hop in each.hops if hop.name is not HopName.CLIENT)
        first = each.hops[0]
        groups.setdefault((each.scheme, each.port, each.outcome, hops, first.mark, first.cause), []).append(each)
    for alike in groups.values():
        names = tuple(dict.fromkeys(name for each in alike for name in each.clients))
        yield replace(alike[0], clients=names)
