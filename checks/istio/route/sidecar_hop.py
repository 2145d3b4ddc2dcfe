"""The first hop: from a client's sidecar to the gateway's Service."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.facts.egress_gateway import COMPONENT_LABEL
from checks.facts.istio_networking import VirtualService
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import Configuration
from checks.istio.route.clients import Clients
from checks.istio.route.destination_rules import effective
from checks.istio.route.gateways import BoundServer
from checks.istio.route.hosts import looks_like_service
from checks.istio.route.needs import routes_about
from checks.istio.route.registry import rules, services
from checks.istio.route.rules import KINDS, MESH, Destination, RouteKind, Rule, gateway_refs, taken
from checks.istio.route.service_entries import providing, seen_from
from checks.istio.route.virtual_services import SIDECARS, Asked, at_sidecars, mesh_routes, sees
from checks.istio.route.visibility import discovered

DEFAULT_PORT: dict[RouteKind, int] = {"http": 80, "tls": 443, "tcp": 80}
"""What applications dial where a rule names no port."""

HTTP_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB"})
TLS_PROTOCOLS = frozenset({"TLS", "HTTPS"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """Requests of one kind reach the gateway's Service: dialled as `port`, sent on to `gateway_port` by a rule."""

    clients: Clients
    kind: RouteKind
    port: int
    rule: Rule
    destination: Destination
    gateway_port: int


@dataclass(frozen=True, slots=True)
class Departure:
    """What becomes of a host at the sidecars of some clients. `foreign` is the Service of another egress gateway that the
    host is sent to: then it is not this gateway's business."""

    arrivals: tuple[Arrival, ...]
    breaks: tuple[Break, ...]
    foreign: str = ""


def depart(facts: Facts, found: Configuration, host: str, clients: Clients) -> Departure:
    """Follows the host from the sidecars of these clients. Reads VirtualService, Service, and what visibility needs."""
    arrivals: list[Arrival] = []
    breaks: list[Break] = []
    strays: list[tuple[Rule, Destination]] = []
    asked_any = False
    for kind in KINDS:
        asked = at_sidecars(facts, host, kind, clients.namespace, found.mesh)
        asked_any = asked_any or bool(asked.rules)
        hits, missed = _split(found, asked, kind, host)
        strays.extend(missed)
        arrivals.extend(Arrival(clients, kind, *hit) for hit in hits)
        if hits:
            breaks.extend(_doubts(found, host, clients, asked, hits))
    if arrivals:
        return Departure(tuple(arrivals), tuple(breaks))
    if (foreign := _foreign(facts, strays)) is not None:
        return Departure((), (), foreign)
    return Departure((), tuple(_lost(facts, found, host, clients, strays)))


Hit = tuple[int, Rule, Destination, int]


def _split(
    found: Configuration, asked: Asked, kind: RouteKind, host: str
) -> tuple[list[Hit], list[tuple[Rule, Destination]]]:
    """Destinations that are the gateway's Service (by the port dialled), and all others that requests can take."""
    hits: dict[tuple[str, str], Hit] = {}
    missed: dict[tuple[int, str], tuple[Rule, Destination]] = {}
    ports = {DEFAULT_PORT[kind]} | {port for rule in asked.rules for port in rule.ports}
    for port in sorted(ports):
        for rule in taken(asked.rules, kind, SIDECARS, port, host):
            for each in rule.destinations:
                if each.host == found.service:
                    hits.setdefault((rule.route.ref, each.path), (port, rule, each, each.port or port))
                else:
                    missed.setdefault((id(rule.route), each.path), (rule, each))
    return list(hits.values()), list(missed.values())


def _doubts(found: Configuration, host: str, clients: Clients, asked: Asked, hits: Iterable[Hit]) -> Iterator[Break]:
    """What works and may yet do harm."""
    if asked.ignored:
        yield Break(Fault.DUPLICATE, host, asked.rules[0].route, others=asked.ignored, clients=(clients,))
    for _, rule, destination, port in hits:
        if not rule.ports:
            yield Break(Fault.ANY_PORT, host, rule.route, rule, clients=(clients,))
        if destination.port is None:
            yield Break(Fault.PORT_OMITTED, host, rule.route, rule, destination, port=port, clients=(clients,))
        for other in rule.destinations:
            if other.host != found.service:
                yield Break(Fault.PARTLY_ELSEWHERE, host, rule.route, rule, other, clients=(clients,))


def _foreign(facts: Facts, strays: Iterable[tuple[Rule, Destination]]) -> str | None:
    known = services(facts)
    for _, destination in strays:
        service = known.get(destination.host)
        if service is not None and service.labels.get(COMPONENT_LABEL) == "egress-gateway":
            return destination.host
    return None


def _lost(
    facts: Facts, found: Configuration, host: str, clients: Clients, strays: list[tuple[Rule, Destination]]
) -> Iterator[Break]:
    """Why nothing of the host reaches the gateway from these clients: the one reason that decides."""
    gateway = facts.gateway
    for rule, destination in strays:
        if looks_like_service(destination.host, gateway.name, gateway.namespace):
            yield Break(Fault.WRONG_NAME, host, rule.route, rule, destination, clients=(clients,))
            return
    mine = routes_about(found, host)
    others = tuple(each for each in mine if strays and each is not strays[0][0].route)
    if strays:
        rule, destination = strays[0]
        yield Break(Fault.ELSEWHERE, host, rule.route, rule, destination, others=others, clients=(clients,))
        return
    seen = [each for each in mesh_routes(facts, host) if sees(facts, each, clients.namespace, found.mesh)]
    if ours := [each for each in seen if any(each is route for route in mine)]:
        yield Break(Fault.NO_MESH_RULE, host, ours[0], clients=(clients,))
    elif hidden := [each for each in mine if MESH in gateway_refs(each)]:
        seen_at_all = discovered(facts, hidden[0].namespace, found.mesh)
        fault = Fault.NOT_SEEN_BY_CLIENTS if seen_at_all else Fault.NOT_DISCOVERED
        yield Break(fault, host, hidden[0], clients=(clients,))
    elif mine:
        yield Break(Fault.NOT_MESH, host, mine[0], clients=(clients,))
    elif seen:
        yield Break(Fault.NO_MESH_RULE, host, seen[0], clients=(clients,))
    else:
        yield Break(Fault.NO_ROUTE, host, clients=(clients,))


def arrive(facts: Facts, found: Configuration, host: str, arrival: Arrival, service: Service | None) -> Iterator[Break]:
    """What stands between a rule that names the gateway's Service and the Service itself. Reads DestinationRule and
    ServiceEntry, as far as they could be read."""
    rule, destination, clients = arrival.rule, arrival.destination, arrival.clients
    where = (host, rule.route, rule, destination)
    if service is not None and arrival.gateway_port not in {each.port for each in service.ports}:
        ports = ", ".join(str(each.port) for each in service.ports)
        yield Break(Fault.WRONG_PORT, *where, port=arrival.gateway_port, text=ports, clients=(clients,))
    if destination.subset:
        used = effective(facts, found.service, clients.namespace, facts.gateway.namespace, found.mesh)
        if used is None or used.subset(destination.subset) is None:
            text = ", ".join(each.ref for each in used.rules) if used else ""
            yield Break(Fault.NO_SUBSET, *where, text=text, clients=(clients,))
    yield from _protocol(facts, found, host, arrival)


def _protocol(facts: Facts, found: Configuration, host: str, arrival: Arrival) -> Iterator[Break]:
    """A sidecar routes what a port carries by the protocol that its ServiceEntry declares; SNI is only looked at on ports
    declared TLS or HTTPS, and there are no listeners for TLS ports that nothing declares (domain.md 5.2.5, 5.2.8)."""
    entries = seen_from(facts, host, arrival.clients.namespace, found.mesh)
    if not entries:
        return
    entry = providing(entries, arrival.port)
    port = entry.port(arrival.port) if entry else None
    wanted = HTTP_PROTOCOLS if arrival.kind == "http" else TLS_PROTOCOLS
    if arrival.kind == "tcp" or (port is None and arrival.kind == "http"):
        return
    if port is None or port.protocol not in wanted:
        text = f"{(entry or entries[0]).ref} | {port.protocol if port else ''}"
        yield Break(
            Fault.WRONG_PROTOCOL,
            host,
            arrival.rule.route,
            arrival.rule,
            port=arrival.port,
            text=text,
            clients=(arrival.clients,),
        )


def server_of(found: Configuration, host: str, arrival: Arrival) -> BoundServer | None:
    """The server that takes the host where it arrives: of a Gateway that selects the gateway, else of one that means to."""
    live = [s for s in found.all_servers if s.port == arrival.gateway_port and s.lost_to is None and s.serves(host)]
    fitting = [s for s in live if s.kind.routes == arrival.kind]
    return next(iter(fitting or live), None)


def names_of(routes: Iterable[VirtualService]) -> str:
    """Their names for a sentence."""
    return ", ".join(each.ref for each in routes)


def has_rules(facts: Facts, route: VirtualService, kind: RouteKind) -> bool:
    """Whether it has rules of the kind."""
    return any(rule.kind == kind for rule in rules(facts, route))
