"""The second hop: from a server of the gateway to the destination."""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import Configuration
from checks.istio.route.gateways import BoundServer
from checks.istio.route.hosts import looks_like_service
from checks.istio.route.needs import routes_about
from checks.istio.route.registry import gateway_named, services
from checks.istio.route.rules import MESH, Destination, Rule, gateway_refs, taken
from checks.istio.route.service_entries import Entry, destination_entries, entries_for, providing
from checks.istio.route.virtual_services import at_server, hosts_of, overlap, sees
from checks.istio.route.visibility import discovered


@dataclass(frozen=True, slots=True)
class Exit:
    """Requests leave the gateway: a rule at a server sends them to a port of a destination that an entry declares."""

    server: BoundServer
    rule: Rule
    destination: Destination
    port: int
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Passing:
    """What becomes of a host at one server of the gateway."""

    exits: tuple[Exit, ...]
    breaks: tuple[Break, ...]


def leave(facts: Facts, found: Configuration, host: str, server: BoundServer) -> Passing:
    """Follows the host from a server of the gateway. Reads VirtualService, ServiceEntry, Service."""
    asked, bound = at_server(facts, host, server, facts.gateway.namespace, found.mesh)
    if not asked.rules:
        return Passing((), (_unasked(facts, found, host, server, bound),))
    chosen = taken(asked.rules, server.kind.routes, frozenset({server.name}), server.port, host)
    if not chosen:
        return Passing((), (Break(Fault.NO_GATEWAY_RULE, host, asked.rules[0].route, server=server),))
    exits: list[Exit] = []
    breaks: list[Break] = []
    for rule in chosen:
        for destination in rule.destinations:
            leaving, broken = _exit(facts, found, host, server, rule, destination)
            exits.extend(leaving)
            breaks.extend(broken)
    shadowed = {id(rule.route): rule.route for rule in asked.rules}
    for rule in chosen:
        shadowed.pop(id(rule.route), None)
    if shadowed and exits:
        breaks.append(Break(Fault.DUPLICATE, host, chosen[0].route, others=tuple(shadowed.values()), server=server))
    return Passing(tuple(exits), tuple(breaks))


def _exit(
    facts: Facts, found: Configuration, host: str, server: BoundServer, rule: Rule, destination: Destination
) -> tuple[list[Exit], Iterator[Break]]:
    where = (host, rule.route, rule, destination, server)
    name, namespace = facts.gateway.name, facts.gateway.namespace
    if destination.host == found.service:
        return [], iter([Break(Fault.LOOP, *where)])
    if looks_like_service(destination.host, name, namespace):
        return [], iter([Break(Fault.WRONG_NAME, *where)])
    entries = destination_entries(facts, destination.host, namespace, found.mesh)
    if not entries:
        if destination.host in services(facts):
            return [Exit(server, rule, destination, destination.port or server.port, None)], iter(())
        covering = entries_for(facts, destination.host)
        text = covering[0].ref if covering else ""
        return [], iter([Break(Fault.UNKNOWN_DESTINATION, *where, text=text)])
    port = destination.port or _only_port(entries) or server.port
    used = providing(entries, port)
    if used is None:
        declared = ", ".join(str(each.number) for entry in entries for each in entry.entry.ports)
        text = f"{entries[0].ref} | {declared or '(none)'}"
        return [], iter([Break(Fault.NO_DESTINATION_PORT, *where, port=port, text=text)])
    omitted = destination.port is None and _only_port(entries) is None
    doubt = [Break(Fault.PORT_OMITTED, *where, port=port)] if omitted else []
    return [Exit(server, rule, destination, port, used)], iter(doubt)


def _only_port(entries: tuple[Entry, ...]) -> int | None:
    """The port that a destination without one means: the only one that is declared."""
    numbers = {port.number for each in entries for port in each.entry.ports}
    return next(iter(numbers)) if len(numbers) == 1 else None


def _unasked(
    facts: Facts, found: Configuration, host: str, server: BoundServer, bound: tuple[VirtualService, ...]
) -> Break:
    """Why no rule is asked at the server: the one reason that decides."""
    mine = routes_about(found, host)
    if bound:
        return Break(Fault.WRONG_KIND, host, bound[0], server=server)
    naming = [each for each in mine if server.name in gateway_refs(each)]
    if naming:
        unseen = [each for each in naming if not sees(facts, each, facts.gateway.namespace, found.mesh)]
        if hidden := [each for each in unseen if overlap(each, server, host)]:
            seen_at_all = discovered(facts, hidden[0].namespace, found.mesh)
            fault = Fault.NOT_SEEN_BY_GATEWAY if seen_at_all else Fault.NOT_DISCOVERED
            return Break(fault, host, hidden[0], server=server)
        return Break(Fault.NO_OVERLAP, host, naming[0], server=server)
    if (missing := _missing_gateway(facts, mine)) is not None:
        route, ref = missing
        return Break(Fault.NO_SUCH_GATEWAY, host, route, server=server, text=ref)
    if mine:
        return Break(Fault.NOT_BOUND, host, mine[0], server=server)
    return Break(Fault.NO_ROUTE, host, server=server)


def _missing_gateway(facts: Facts, routes: tuple[VirtualService, ...]) -> tuple[VirtualService, str] | None:
    for route in routes:
        for ref in gateway_refs(route):
            if ref != MESH and gateway_named(facts, ref) is None:
                return route, ref
    return None


def missing_server(facts: Facts, found: Configuration, host: str, port: int) -> Break:
    """Why no server takes the host where it arrives: its Gateway does not exist, or does not list it on that port."""
    mine = routes_about(found, host)
    if (missing := _missing_gateway(facts, mine)) is not None:
        route, ref = missing
        return Break(Fault.NO_SUCH_GATEWAY, host, route, text=ref, port=port)
    first = mine[0] if mine else None
    lost = next((s for s in found.servers if s.lost_to is not None and s.port == port and s.serves(host)), None)
    if lost is not None:
        return Break(Fault.NO_SERVER, host, first, server=lost, port=port)
    near = next((s for s in found.all_servers if s.port == port), None) or next(iter(found.all_servers), None)
    if first is not None and near is not None and near.port == port and not _shared(near, hosts_of(first)):
        return Break(Fault.NO_OVERLAP, host, first, server=near, port=port)
    return Break(Fault.NO_SERVER, host, first, server=near, port=port)


def _shared(server: BoundServer, hosts: tuple[str, ...]) -> bool:
    return any(server.concerns(host) for host in hosts)
