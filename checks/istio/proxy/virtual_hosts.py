"""The virtual hosts of a sidecar: of VirtualServices, and of services without one.

Source: Istio `BuildSidecarVirtualHostWrapper` in `pilot/pkg/networking/core/route/route.go`, `buildVirtualHost` in
`httproute.go`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.istio.mesh.egress_listeners import EgressListener
from checks.istio.mesh.objects.hosts import hosts_overlap, is_address, is_wildcard
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRules
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import MeshService, Resolution
from checks.istio.proxy.clusters import ClusterName
from checks.istio.proxy.listeners import Provenance
from checks.istio.proxy.port_services import PortServices
from checks.istio.proxy.routes import HttpRoute, VirtualHost, rule_routes


@dataclass(frozen=True, slots=True)
class _Group:
    """Virtual hosts with the same routes: of hosts without a service, and of services."""

    routes: tuple[HttpRoute, ...]
    hosts: Sequence[str]
    services: Sequence[MeshService]
    origin: Provenance


def virtual_hosts(egress: EgressListener, proxy: Proxy, port: int, authority: str) -> Iterator[VirtualHost]:
    """The virtual hosts of a port that can answer for an authority in lower case.

    Other virtual hosts have no effect on it.
    """
    proxied = egress.port != 0 and egress.protocol is Protocol.HTTP_PROXY
    wanted = 0 if proxied else port
    services = PortServices(egress, wanted)
    near = services.near(authority, proxy.namespace)
    groups = list(_of_rules(egress, services, proxy, wanted, [authority, *(each.host.lower() for each in near)]))
    taken = {service.host for each in groups for service in each.services}
    groups += _of_services(each for each in near if each.host not in taken)
    yield from _deduplicated(groups, proxy)


def _of_rules(
    egress: EgressListener, services: PortServices, proxy: Proxy, port: int, near: Sequence[str]
) -> Iterator[_Group]:
    """Virtual hosts of the VirtualServices for the nearest hosts.

    `near` contains the authority and the services that it can mean.
    """
    authority, meant = near[0], frozenset(near[1:])
    for rules in egress.rules_near(near):
        if not _has_effect(rules, services, proxy, port):
            continue
        routes = rule_routes(rules, proxy, port, MESH, services)
        if not routes:
            continue
        hosts, own = _separated(rules, services, egress)
        http = [each for each in own if any(p.protocol.is_http_or_detected for p in each.ports)]
        if http or port == 80:
            named = [each for each in hosts if hosts_overlap(each.lower(), authority)]
            kept = [each for each in http if each.host.lower() in meant]
            yield _Group(routes, named, kept, Provenance(rules.source, "spec.hosts"))


def _of_services(services: Iterator[MeshService]) -> Iterator[_Group]:
    for each in services:
        if each.resolution is Resolution.ALIAS:
            continue
        for port in each.ports:
            if port.protocol.is_http_or_detected:
                cluster = ClusterName(each.host, port.number)
                route = HttpRoute(None, None, ((cluster, 100, {}),), Provenance(each.source))
                yield _Group((route,), (), (each,), Provenance(each.source, "spec.hosts"))


def _has_effect(rules: RoutingRules, services: PortServices, proxy: Proxy, port: int) -> bool:
    """Whether a VirtualService can add a virtual host.

    Routes of the Gateway API are for hosts that a service has, and only in the client's namespace or for services of
    their own namespace.
    """
    if rules.gateway_api:
        found = [known for each in rules.hosts if (known := services.get(each.lower())) is not None]
        return any(rules.applies_in(proxy.namespace, (each.namespace,)) for each in found if not is_wildcard(each.host))
    return port == 80 or any(services.overlapping(each.lower()) for each in rules.hosts)


def _separated(
    rules: RoutingRules, services: PortServices, egress: EgressListener
) -> tuple[list[str], list[MeshService]]:
    """The hosts that no service has, and the services of the other hosts.

    A wildcard covers the services for which no VirtualService is more specific. Once a service matches it, it answers
    for no other host.
    """
    hosts: list[str] = []
    found: list[MeshService] = []
    for host in rules.hosts:
        if not is_wildcard(host):
            service = services.get(host.lower())
            if service is not None:
                found.append(service)
            else:
                hosts.append(host)
    for host in rules.hosts:
        if not is_wildcard(host):
            continue
        if rules.gateway_api:
            hosts.append(host.lower())
            continue
        covered = services.overlapping(host.lower())
        found += [each for each in covered if egress.most_specific_rules(each.host) is rules]
        if not covered:
            hosts.append(host.lower())
    return hosts, found


def _deduplicated(groups: Sequence[_Group], proxy: Proxy) -> Iterator[VirtualHost]:
    """The virtual hosts without those whose name or domain an earlier one has.

    A short name never replaces a declared host.
    """
    known = {service.host for each in groups for service in each.services}
    names: set[str] = set()
    domains: set[str] = set()
    for group in groups:
        wanted = [(host.lower(), [host.lower()], list[str]()) for host in group.hosts]
        wanted += [(service.host, *_domains(service, proxy)) for service in group.services]
        for name, all_domains, short in wanted:
            if name in names:
                continue
            names.add(name)
            kept = [
                each for each in all_domains if each.lower() not in domains and not (each in short and each in known)
            ]
            domains |= {each.lower() for each in kept}
            if kept:
                yield VirtualHost(name, tuple(kept), group.routes, origin=group.origin)


def _domains(service: MeshService, proxy: Proxy) -> tuple[list[str], list[str]]:
    """The domains of a service and its aliases, and which of them are abbreviations."""
    short, domains = list[str](), list[str]()
    for host in (service.host, *service.aliases):
        abbreviated = [] if is_address(host) else proxy.abbreviations(host)
        short += abbreviated
        domains += [host, *abbreviated]
    if service.kubernetes and service.resolution is Resolution.ORIGINAL_DESTINATION:
        domains += [f"*.{each}" for each in domains]
    address = service.address
    if is_address(address) and address != "0.0.0.0":  # noqa: S104 - Istio's address of a service without one
        domains.append(address)
    return domains, short
