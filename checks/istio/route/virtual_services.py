"""Which VirtualServices a sidecar or a gateway asks for a host, in the order in which their rules count."""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.route.gateways import BoundServer
from checks.istio.route.hosts import covers, matches, most_specific, resolve, served
from checks.istio.route.registry import bound_to, rules, virtual_services
from checks.istio.route.rules import MESH, RouteKind, Rule, gateway_refs
from checks.istio.route.visibility import MeshConfig, discovered, visible

SIDECARS = frozenset({MESH})


@dataclass(frozen=True, slots=True)
class Asked:
    """The rules of one kind that are asked for a host, in order. `ignored` are VirtualServices for the same host that the
    proxy leaves out, because an older one has it."""

    rules: tuple[Rule, ...]
    ignored: tuple[VirtualService, ...] = ()


def hosts_of(route: VirtualService) -> tuple[str, ...]:
    """Its hosts as istiod resolves them."""
    return tuple(resolve(each, route.namespace) for each in route.hosts)


def sees(facts: Facts, route: VirtualService, viewer: str, mesh: MeshConfig) -> bool:
    """Whether proxies of namespace `viewer` get it."""
    return visible(route, viewer, mesh) and discovered(facts, route.namespace, mesh)


def mesh_routes(facts: Facts, host: str) -> tuple[VirtualService, ...]:
    """Every VirtualService for sidecars that covers the host, the most specific first, then the oldest."""
    found = virtual_services(facts).covering(host)
    return tuple({id(route): route for _, route in found if MESH in gateway_refs(route)}.values())


def at_sidecars(facts: Facts, host: str, kind: RouteKind, viewer: str, mesh: MeshConfig) -> Asked:
    """What sidecars of namespace `viewer` ask. Of HTTP routes the most specific host's oldest VirtualService alone counts
    (IST0109); TLS and TCP rules of all are asked in turn."""
    routes = [
        route
        for route in mesh_routes(facts, host)
        if sees(facts, route, viewer, mesh) and any(rule.kind == kind for rule in rules(facts, route))
    ]
    if kind != "http" or not routes:
        return Asked(_rules(facts, routes, kind))
    best = most_specific(hosts_of(routes[0]), host)
    same = tuple(route for route in routes[1:] if most_specific(hosts_of(route), host) == best)
    return Asked(_rules(facts, routes[:1], kind), same)


def at_server(
    facts: Facts, host: str, server: BoundServer, viewer: str, mesh: MeshConfig
) -> tuple[Asked, tuple[VirtualService, ...]]:
    """What the gateway (of namespace `viewer`) asks at one of its servers, and all VirtualServices that are bound to it for
    the host, whatever the kind of their rules. The rules of several for one host follow each other, the oldest first."""
    about = ids_about(facts, host)
    bound = tuple(
        route
        for route in bound_to(facts, server.name)
        if id(route) in about
        if sees(facts, route, viewer, mesh) and overlap(route, server, host)
    )
    kind = server.kind.routes
    fitting = [route for route in bound if any(rule.kind == kind for rule in rules(facts, route))]
    best = most_specific((each for route in fitting for each in hosts_of(route)), host)
    chosen = [route for route in fitting if best is None or best in hosts_of(route)] if kind == "http" else fitting
    return Asked(_rules(facts, chosen, kind)), bound


def ids_about(facts: Facts, host: str) -> frozenset[int]:
    """Which VirtualServices have to do with the host, wildcards on either side. Reads VirtualService."""
    index = virtual_services(facts)
    return frozenset(id(route) for _, route in (*index.covering(host), *index.within(host)))


def overlap(route: VirtualService, server: BoundServer, host: str) -> bool:
    """Whether the server uses the VirtualService for this host: both have it, and its namespace may bind."""
    # What neither side has to do with the host cannot be common to them for it: most of both, on a gateway with many hosts.
    routed = tuple(each for each in hosts_of(route) if matches(each, host))
    common = (
        served((each for each in server.hosts if matches(each.host, host)), routed, route.namespace) if routed else ()
    )
    return any(covers(each, host) or covers(host, each) for each in common)


def _rules(facts: Facts, routes: Iterable[VirtualService], kind: RouteKind) -> tuple[Rule, ...]:
    return tuple(rule for route in routes for rule in rules(facts, route) if rule.kind == kind)
