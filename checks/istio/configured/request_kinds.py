"""The kinds of requests for a host, of a question or as the gateway is configured."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.istio.configured.configured_hosts import configured_hosts
from checks.istio.configured.routing_index import leads_to, routing_index
from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_subset, is_wildcard
from checks.istio.mesh.objects.routing_rules import RoutingRule, RoutingRules
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.services import MeshPort
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.client_request import ClientRequest, Clients
from checks.istio.request.routing import Routing
from checks.model.raw_values import number
from checks.model.requested_host import USUAL_PORTS, RequestedHost

_USUAL = (("http", 80), ("https", 443))


@dataclass(frozen=True, slots=True, order=True)
class RequestKind:
    """A scheme and a port."""

    scheme: str
    port: int


def concrete(host: str) -> str:
    """A host name that a client can use: of a wildcard one that no object names."""
    return f"any-name{host[1:]}" if is_wildcard(host) and len(host) > 1 else host


def followed(routing: Routing, host: RequestedHost, clients: Iterable[Clients]) -> tuple[ClientRequest, ...]:
    """The requests of these clients to a host.

    Scheme and port are those of the question. Without them, the requests are http, https and every configured kind.
    """
    kinds = requested_kinds(routing, host)
    return tuple(
        ClientRequest(each.scheme, concrete(host.name), each.port, who, host.path or "/")
        for each in kinds
        for who in clients
    )


def requests_inside(
    routing: Routing, host: RequestedHost, service: str, clients: Iterable[Clients]
) -> tuple[ClientRequest, ...]:
    """The requests of these clients to a host inside the cluster.

    Scheme and port are those of the question, or else those of the ports of its Service.
    """
    declared = () if host.port is not None else tuple(dict.fromkeys(_of_ports(routing, service)))
    kinds = declared or requested_kinds(routing, host)
    return tuple(
        ClientRequest(each.scheme, host.name, each.port, who, host.path or "/") for each in kinds for who in clients
    )


def _of_ports(routing: Routing, service: str) -> Iterator[RequestKind]:
    for each in _declared_ports(routing, service):
        protocol = each.protocol
        scheme = "http" if protocol.is_http_or_detected else "https" if protocol.is_tls else "tcp"
        yield RequestKind(scheme, each.number)


def requested_kinds(routing: Routing, host: RequestedHost) -> tuple[RequestKind, ...]:
    """The kinds of requests that a question means."""
    if host.scheme and host.port is not None:
        return (RequestKind(host.scheme, host.port),)
    if host.port is not None:
        return (RequestKind(_declared_scheme(routing, host.name, host.port), host.port),)
    configured = configured_kinds(routing, host.name)
    usual = tuple(RequestKind(*each) for each in _USUAL)
    if configured and not {each.scheme for each in configured} & {"http", "https"}:
        return configured
    return tuple(dict.fromkeys((*usual, *configured)))


def configured_kinds(routing: Routing, host: str) -> tuple[RequestKind, ...]:
    """The kinds for which the gateway is configured.

    They are those of the rules that lead to it, if a server takes one of them. Else a rule has the wrong protocol: then they
    are those of the ports as ServiceEntries declare them, else of the servers. Rules for an unusual port
    that no ServiceEntry declares, and at which no rule has the host as its destination, have the wrong port: the kinds are
    then those of the declared ports. If objects name the host only with a dot
    at the end, which no application sends, the kinds are those for that name. If neither a rule nor a server of the gateway
    has the host, they are those of the servers and rules that are intended for the gateway.
    """
    return _kinds_of_name(routing, host) or _kinds_of_name(routing, f"{host}.") or _intended_kinds(routing, host)


def _intended_kinds(routing: Routing, host: str) -> tuple[RequestKind, ...]:
    """The kinds of servers of Gateways that do not select the gateway's pods.

    Without such a server, the rules that are bound to these Gateways have the kinds.
    """
    try:
        intended = configured_hosts(routing.facts)
    except Unreadable:
        return ()
    servers = [each for each in intended.servers if any(is_subset(host, name) for name in each.host_names)]
    if servers:
        return tuple(sorted({_of_server(each) for each in servers}))
    about = [each for each in routing_index(routing.facts).about(host) if each in intended.routes]
    return tuple(sorted({kind for scheme, rule in _rules_in(about) for kind in _of_rule(routing, host, rule, scheme)}))


def _kinds_of_name(routing: Routing, host: str) -> tuple[RequestKind, ...]:
    ruled = {kind for scheme, rule in _rules_to(routing, host) for kind in _of_rule(routing, host, rule, scheme)}
    servers = _servers(routing, host)
    if any(each.scheme in _schemes(server) for each in ruled for server in servers):
        return tuple(sorted(_with_declared_ports(routing, host, ruled)))
    declared = {each for kind in ruled for each in _declared(routing, host, kind.port)} if servers else set()
    return tuple(sorted(declared or {_of_server(each) for each in servers} or ruled))


def _with_declared_ports(routing: Routing, host: str, ruled: set[RequestKind]) -> Iterator[RequestKind]:
    """The kinds of rules.

    If all ports of a scheme are wrong, they are the declared ports of that scheme.
    """
    for scheme in {each.scheme for each in ruled}:
        named = {each.port for each in ruled if each.scheme == scheme}
        right = USUAL_PORTS.get(scheme) in named or named & {*_destination_ports(routing, host)}
        yield from (
            RequestKind(scheme, each) for each in (named if right else _right_ports(routing, host, scheme, named))
        )


def _right_ports(routing: Routing, host: str, scheme: str, named: set[int]) -> set[int]:
    """The declared ports of a scheme if no named port can get its requests, else those."""
    declared = list(_declared_ports(routing, host))
    known = named & {each.number for each in declared if not _is_for_other(scheme, each.protocol)}
    ports = {each.number for each in declared if _is_declared_for(scheme, each.protocol)}
    return named if known or not ports else ports


def _destination_ports(routing: Routing, host: str) -> Iterator[int]:
    """The ports of destinations at the host itself."""
    for routes in routing_index(routing.facts).about(host):
        yield from (port for name, port in routes.destinations(None) if name.lower() == host)


def _is_for_other(scheme: str, protocol: Protocol) -> bool:
    """Whether a port with this protocol certainly gets no requests of the scheme."""
    return protocol.is_tls if scheme == "http" else protocol.is_http if scheme == "https" else False


def _is_declared_for(scheme: str, protocol: Protocol) -> bool:
    return not (protocol.is_http or protocol.is_tls) if scheme == "tcp" else _is_for(scheme, protocol)


def _declared(routing: Routing, host: str, port: int) -> Iterator[RequestKind]:
    """The kind of a port by its declaration, if that is HTTP or TLS."""
    for each in _declared_ports(routing, host):
        if each.number == port and (each.protocol.is_http or each.protocol.is_tls):
            yield RequestKind("http" if each.protocol.is_http else "https", port)


def _servers(routing: Routing, host: str) -> list[GatewayServer]:
    index: HostIndex[GatewayServer] = routing.facts.once(
        "servers by host", lambda _: _server_index(routing), routing.gateway
    )
    return index.overlapping(host)


def _server_index(routing: Routing) -> HostIndex[GatewayServer]:
    try:
        listeners = [proxy.inbound for proxy in routing.gateway_proxies() if proxy.inbound is not None]
        servers = [each for listener in listeners for each in listener.servers]
    except Unreadable:
        servers = []
    return HostIndex((each, each.host_names) for each in servers)


def _schemes(server: GatewayServer) -> tuple[str, ...]:
    """The schemes of requests that a server can take."""
    if server.passthrough:
        return ("https",)
    if server.is_http:
        return ("http",)
    return ("tcp", "https") if server.is_tls else ("tcp", "https", "http")


def _of_server(server: GatewayServer) -> RequestKind:
    scheme = _schemes(server)[0]
    return RequestKind(scheme, {"https": 443, "http": 80}.get(scheme, server.server.port.number))


def _rules_to(routing: Routing, host: str) -> Iterator[tuple[str, RoutingRule]]:
    """(scheme, rule) of each rule that routes the host to the gateway's Service."""
    service = routing.facts.gateway.service_host
    for scheme, rule in _rules_in(routing_index(routing.facts).about(host)):
        if leads_to(rule, service):
            yield scheme, rule


def _rules_in(every: Iterable[RoutingRules]) -> Iterator[tuple[str, RoutingRule]]:
    """(scheme, rule) of each rule."""
    for routes in every:
        for scheme, rules in (("http", routes.http), ("https", routes.tls), ("tcp", routes.tcp)):
            yield from ((scheme, each) for each in rules)


def _of_rule(routing: Routing, host: str, rule: RoutingRule, scheme: str) -> Iterator[RequestKind]:
    ports = {number(match, "port") or 0 for match in rule.matches()} or {0}
    for port in ports - {0}:
        yield RequestKind(scheme, port)
    if 0 in ports:
        declared = {each.number for each in _declared_ports(routing, host) if _is_for(scheme, each.protocol)}
        for port in sorted(declared) or [USUAL_PORTS.get(scheme, 80)]:
            yield RequestKind(scheme, port)


def _is_for(scheme: str, protocol: Protocol) -> bool:
    return protocol.is_http if scheme == "http" else protocol.is_tls if scheme == "https" else True


def _declared_ports(routing: Routing, host: str) -> Iterator[MeshPort]:
    try:
        mesh: Mesh = routing.mesh(max(routing.facts.gateway.revisions, default=""))
    except Unreadable:
        return
    for name in mesh.exports.hosts_overlapping(host):
        for service in mesh.exports.by_host[name].values():
            yield from service.ports


def _declared_scheme(routing: Routing, host: str, port: int) -> str:
    """The scheme of a port: by its number, its declaration, or the rules for it."""
    usual = {number_: scheme for scheme, number_ in _USUAL}
    if port in usual:
        return usual[port]
    protocols = {each.protocol for each in _declared_ports(routing, host) if each.number == port}
    for scheme in ("https", "http", "tcp"):
        if any(_is_for(scheme, each) for each in protocols):
            return scheme
    configured = [each for each in configured_kinds(routing, host) if each.port == port]
    return configured[0].scheme if configured else "http"
