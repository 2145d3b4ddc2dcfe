"""The destinations that routing objects declare for a host.

A request that arrives there through the gateway has the intended route.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from checks.facts.istio_networking import ServiceEntry
from checks.istio.mesh.gateway_api.gateways import ListenerGateway
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import hosts_overlap, qualified
from checks.istio.mesh.objects.routing_rules import RoutingRules
from checks.istio.mesh.protocols import Protocol, parse_protocol
from checks.istio.mesh.virtual_services import VirtualServices
from checks.istio.proxy.clusters import ClusterName

_EVERY_HOST = "*"


def is_declared(mesh: Mesh, host: str, clusters: Sequence[ClusterName]) -> bool:
    """Whether the last cluster that a request passed is a declared destination for its host.

    The host is in lower case and no wildcard. An address among those of a ServiceEntry stands for its hosts. Rules for
    every host (`*`, or a route without host names) declare a destination only for the hosts of their Gateway's servers,
    and for hosts whose own rules send to that Gateway: other requests can reach them by chance.
    """
    if not clusters:
        return False
    return any(_is_declared_for(mesh, name, clusters) for name in (host, *_addressed(mesh, host)))


def _addressed(mesh: Mesh, host: str) -> Iterator[str]:
    """The hosts of the ServiceEntries that have an address among theirs, if the host is one."""
    try:
        address = ip_address(host)
    except ValueError:
        return
    for name, services in mesh.exports.by_host.items():
        entries = (each.source for each in services.values() if isinstance(each.source, ServiceEntry))
        if any(address in network for entry in entries for network in _networks(entry)):
            yield name


def _networks(entry: ServiceEntry) -> Iterator[IPv4Network | IPv6Network]:
    for each in entry.addresses:
        try:
            yield ip_network(each, strict=False)
        except ValueError:
            continue  # istiod ignores what is no address


def _is_declared_for(mesh: Mesh, host: str, clusters: Sequence[ClusterName]) -> bool:
    service = clusters[-1].host
    return (
        any(each.alias_of == service for each in mesh.exports.by_host.get(host, {}).values())
        or _is_entry(mesh, host, service)
        or _is_destination(mesh.istio_rules, host, service)
        or _is_destination(mesh.virtual_services, host, service)
        or _is_destination_for_all(mesh, host, clusters)
    )


def _is_entry(mesh: Mesh, host: str, service: str) -> bool:
    """Whether a ServiceEntry defines the service with a host that overlaps."""
    return any(
        qualified(each, "") == service
        and any(isinstance(entry.source, ServiceEntry) for entry in mesh.exports.by_host[each].values())
        for each in mesh.exports.hosts_overlapping(host)
    )


def _is_destination(every: VirtualServices, host: str, service: str) -> bool:
    return any(name == service for name, _ in _destinations(_naming(every, host)))


def _naming(every: VirtualServices, host: str) -> Iterator[RoutingRules]:
    """The rules that name the host, perhaps by a wildcard for a domain."""
    for rules in every.rules_overlapping(host):
        if any(each != _EVERY_HOST and hosts_overlap(each.lower(), host) for each in rules.hosts):
            yield rules


def _destinations(every: Iterable[RoutingRules]) -> Iterator[tuple[str, int]]:
    """(host, port, 0 for any) of each destination, whatever the client is."""
    for rules in every:
        yield from ((qualified(name, ""), port) for name, port in rules.destinations(None))


def _is_destination_for_all(mesh: Mesh, host: str, clusters: Sequence[ClusterName]) -> bool:
    """Whether rules for every host declare the destination for this one."""
    every = [each for each in mesh.virtual_services.rules_overlapping(host) if _EVERY_HOST in each.hosts]
    if not every:
        return False
    if any(name == clusters[-1].host for name, _ in _destinations(each for each in every if _serves(mesh, each, host))):
        return True
    named = frozenset(_destinations(_naming(mesh.virtual_services, host)))
    unnamed = frozenset(name for name, _ in _destinations(every))
    addressed = False
    for each in clusters[:-1]:
        addressed = bool({(each.host, each.port), (each.host, 0)} & named) or (addressed and each.host in unnamed)
    return addressed and clusters[-1].host in unnamed


def _serves(mesh: Mesh, rules: RoutingRules, host: str) -> bool:
    """Whether a server of the rules' Gateways names the host.

    The hostname of a TCP listener of the Gateway API has no meaning.
    Source: Gateway API, `Listener.hostname`: ignored for protocols that do not match host names.
    """
    return any(
        name != _EVERY_HOST and hosts_overlap(name, host)
        for gateway in mesh.gateways
        if f"{gateway.namespace}/{gateway.name}" in rules.gateways
        for server in gateway.servers
        if not (isinstance(gateway, ListenerGateway) and parse_protocol(server.port.protocol) is Protocol.TCP)
        for name in server.host_names
    )
