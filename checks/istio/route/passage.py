"""The way of a host through the gateway, both hops, for all clients that matter: what reaches what, and where it breaks."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from checks.facts.fact import Fact
from checks.facts.istio_networking import DestinationRule, Exported, ServiceEntry
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import HOST_READS, Configuration, configuration
from checks.istio.route.clients import Clients, client_groups
from checks.istio.route.gateway_hop import Exit, Passing, leave, missing_server
from checks.istio.route.gateways import BoundServer
from checks.istio.route.needs import entries_about, routes_about
from checks.istio.route.registry import destination_rules
from checks.istio.route.rules import MESH, gateway_refs
from checks.istio.route.sidecar_hop import Arrival, Departure, arrive, depart, server_of
from checks.istio.route.virtual_services import mesh_routes, sees

ROUTE_READS: tuple[type[Fact], ...] = (*HOST_READS, Service, ServiceEntry, DestinationRule)
"""What a check that follows hosts declares."""


FOLLOWS = frozenset({Fault.NO_ROUTE, Fault.DUPLICATE, Fault.NOT_BOUND, Fault.NOT_DISCOVERED})
"""Breaks at the gateway that say nothing new where sidecars send nothing there."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Requests of some clients arrive at a server of the gateway (`server` is None where none takes them)."""

    arrival: Arrival
    server: BoundServer | None


@dataclass(frozen=True, slots=True)
class Passage:
    """The way of one host. `exits` are the ways out of the gateway; `foreign` the other egress gateway that it takes."""

    host: str
    departures: tuple[tuple[Clients, Departure], ...]
    crossings: tuple[Crossing, ...]
    exits: tuple[Exit, ...]
    breaks: tuple[Break, ...]
    foreign: str = ""

    @property
    def whole(self) -> bool:
        """Whether requests of every client get through."""
        return bool(self.crossings and self.exits) and not any(not each.warns for each in self.breaks)


def passage(facts: Facts, host: str) -> Passage:
    """Follows the host, once for all checks. Reads ROUTE_READS as far as they could be read: who concludes from absence
    asks for the kind itself."""
    gateway = facts.gateway
    about = (gateway.namespace, gateway.name, host, facts.question.client)
    return facts.once("passage", lambda window: _follow(window, configuration(window), host), about)


def _follow(facts: Facts, found: Configuration, host: str) -> Passage:
    gateway = facts.gateway
    service = next((s for s in facts.readable(Service, gateway.namespace) if s.name == gateway.name), None)
    groups = _clients(facts, found, host)
    departures = tuple((group, depart(facts, found, host, group)) for group in groups)
    breaks: list[Break] = [each for _, departure in departures for each in departure.breaks]
    crossings = [
        Crossing(arrival, server_of(found, host, arrival)) for _, dep in departures for arrival in dep.arrivals
    ]
    exits: list[Exit] = []
    passed: set[tuple[str, int]] = set()
    for crossing in crossings:
        breaks.extend(arrive(facts, found, host, crossing.arrival, service))
        breaks.extend(_meet(facts, found, host, crossing))
        server = crossing.server
        if server is not None and (server.name, server.index) not in passed:
            passed.add((server.name, server.index))
            passing = leave(facts, found, host, server)
            exits.extend(passing.exits)
            breaks.extend(passing.breaks)
    foreign = next((dep.foreign for _, dep in departures if dep.foreign), "")
    if not crossings and not foreign:
        for passing in _untouched(facts, found, host):
            exits.extend(passing.exits)
            breaks.extend(each for each in passing.breaks if each.fault not in FOLLOWS)
    elif exits:
        breaks.extend(_unused(found, host, passed))
    return Passage(host, departures, tuple(crossings), tuple(exits), _merged(breaks, groups), foreign)


def _meet(facts: Facts, found: Configuration, host: str, crossing: Crossing) -> Iterable[Break]:
    arrival, server = crossing.arrival, crossing.server
    if server is None:
        # Another Gateway's server may take the port: which one does is told only where a Gateway selects the gateway.
        broken = missing_server(facts, found, host, arrival.gateway_port)
        yield replace(broken, destination=arrival.destination) if broken.fault is Fault.NO_SERVER else broken
    elif server.kind.routes != arrival.kind:
        yield Break(Fault.WRONG_KIND, host, arrival.rule.route, arrival.rule, server=server)


def _untouched(facts: Facts, found: Configuration, host: str) -> Iterable[Passing]:
    """Where nothing arrives, what would become of it at the gateway all the same: so that one look mends the whole way."""
    live = (each for each in found.all_servers if each.lost_to is None and each.serves(host))
    return tuple(leave(facts, found, host, server) for server in live)


def _unused(found: Configuration, host: str, passed: set[tuple[str, int]]) -> Iterable[Break]:
    for server in found.servers:
        if server.lost_to is None and server.serves(host) and (server.name, server.index) not in passed:
            yield Break(Fault.UNUSED_SERVER, host, server=server, port=server.port)


def _clients(facts: Facts, found: Configuration, host: str) -> tuple[Clients, ...]:
    """The clients to judge from: those that get a route to this gateway, or all where none does (Ruling 13)."""
    mine = [each for each in routes_about(found, host) if MESH in gateway_refs(each)]
    things: list[Exported] = [*mesh_routes(facts, host), *mine]
    things += [each.entry for each in entries_about(facts, host)]
    things += [rule for _, rule in destination_rules(facts).covering(found.service)]
    groups = client_groups(facts, things)
    if facts.question.client:
        return groups
    seeing = tuple(g for g in groups if any(sees(facts, each, g.namespace, found.mesh) for each in mine))
    return seeing or groups


def _merged(breaks: Iterable[Break], groups: tuple[Clients, ...]) -> tuple[Break, ...]:
    """Each broken place once, with the clients for whom it breaks; none named where it breaks for all of them."""
    by_place: dict[tuple[object, ...], Break] = {}
    for each in breaks:
        known = by_place.get(each.place, each)
        by_place[each.place] = replace(known, clients=tuple(dict.fromkeys((*known.clients, *each.clients))))
    return tuple(replace(b, clients=()) if len(b.clients) == len(groups) else b for b in by_place.values())
