"""The requests for a host that a run follows: schemes, ports and clients."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.mesh.configuration import PUBLIC
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import DOMAIN, hosts_overlap, is_wildcard
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.services import MeshPort
from checks.istio.mesh.virtual_services import VirtualServices
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.client_request import ClientRequest, Clients
from checks.istio.request.routing import Routing
from checks.model.raw_values import items, mapping, number
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
    """The kinds of request for which the gateway is configured.

    They are those of rules that match its servers, else those of the servers, else those of the rules.
    """
    ruled = {kind for scheme, rule in _rules_to(routing, host) for kind in _of_rule(routing, host, rule, scheme)}
    servers = list(_servers(routing, host))
    fitting = {each for each in ruled if any(each.scheme in _schemes(server) for server in servers)}
    return tuple(sorted(fitting or {_of_server(each) for each in servers} or ruled))


def _servers(routing: Routing, host: str) -> Iterator[GatewayServer]:
    try:
        proxies = routing.gateway_proxies()
    except Unreadable:
        return
    for proxy in proxies:
        for each in proxy.inbound.servers if proxy.inbound is not None else ():
            if any(hosts_overlap(host, name.rpartition("/")[2].lower()) for name in each.hosts):
                yield each


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
    every: VirtualServices = routing.facts.once("readable VirtualServices", _every_virtual_service)
    service = routing.facts.gateway.service_host
    for routes in every.all_rules():
        if any(hosts_overlap(host, each.lower()) for each in routes.hosts):
            for scheme, rules in (("http", routes.http), ("https", routes.tls), ("tcp", routes.tcp)):
                for rule in rules:
                    if any(
                        rule.destination(mapping(each, "destination")) == service for each in items(rule.raw, "route")
                    ):
                        yield scheme, rule


def _every_virtual_service(facts: Facts) -> VirtualServices:
    return VirtualServices(facts.readable(VirtualService), frozenset({PUBLIC}))


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
    for name, entries in mesh.exports.by_host.items():
        if hosts_overlap(host, name.lower()):
            for service in entries.values():
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


def gateway_hosts(routing: Routing) -> tuple[str, ...]:
    """The hosts for which the gateway is configured.

    They are the hosts of its servers, and of VirtualServices that route to it.
    """
    service = routing.facts.gateway.service_host
    try:
        proxies = routing.gateway_proxies()
    except Unreadable:
        proxies = ()
    found = {
        name.rpartition("/")[2].lower()
        for proxy in proxies
        for server in (proxy.inbound.servers if proxy.inbound is not None else ())
        for name in server.hosts
    }
    every: VirtualServices = routing.facts.once("readable VirtualServices", _every_virtual_service)
    for routes in every.all_rules():
        rules = (*routes.http, *routes.tls, *routes.tcp)
        destinations = (
            rule.destination(mapping(each, "destination")) for rule in rules for each in items(rule.raw, "route")
        )
        if service in destinations:
            found |= {each.lower() for each in routes.hosts}
    return tuple(sorted(each for each in found if each != "*" and not each.endswith(f".svc.{DOMAIN}")))
