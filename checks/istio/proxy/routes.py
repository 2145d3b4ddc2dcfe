"""Route configurations: virtual hosts and the HTTP routes of VirtualServices, as Envoy matches them.

Source: Istio `pilot/pkg/networking/core/httproute.go`, `route/route.go`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checks.istio.mesh.egress_listeners import EgressListener
from checks.istio.mesh.names import hosts_overlap, is_address, is_wildcard
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.scope import SidecarScope
from checks.istio.mesh.services import MeshService, Resolution
from checks.istio.mesh.virtual_services import MESH, RoutingRule, RoutingRules
from checks.istio.proxy.clusters import PASSTHROUGH, ClusterName
from checks.istio.proxy.listeners import Provenance
from checks.istio.proxy.weights import destination_cluster
from checks.model.raw_values import Raw, flag, items, mapping, number, text


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """A route of a virtual host: a rule with one of its match blocks, or a cluster alone."""

    rule: RoutingRule | None
    match: Raw | None
    clusters: tuple[tuple[ClusterName, int, Raw], ...]
    """(cluster, weight, the destination's own settings)."""
    origin: Provenance

    @property
    def catches_all(self) -> bool:
        """Whether it matches every request: routes after it are never reached."""
        if not self.match:
            return True
        uri = mapping(self.match, "uri")
        path = not uri or text(uri, "prefix") == "/" or text(uri, "regex") == ".*"
        others = ("headers", "withoutHeaders", "queryParams", "method", "authority", "scheme")
        return path and not any(self.match.get(each) for each in others)


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """A virtual host: the domains it answers for, and its routes in order."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[HttpRoute, ...]
    status: int = 0
    """A fixed answer to every request; 0 if its routes decide."""
    require_tls: bool = False
    origin: Provenance = field(default_factory=lambda: Provenance(None))


@dataclass(frozen=True, slots=True)
class RouteConfiguration:
    """A route configuration by domain."""

    name: str
    by_domain: Mapping[str, VirtualHost]

    def virtual_host(self, host: str) -> VirtualHost | None:
        """The virtual host of an authority without port: the exact domain, the longest suffix, the longest prefix, `*`."""
        host = host.lower()
        if host in self.by_domain:
            return self.by_domain[host]
        best = max((each for each in self.by_domain if _suffix(each, host)), key=len, default=None)
        if best is None:
            best = max((each for each in self.by_domain if _prefix(each, host)), key=len, default=None)
        return self.by_domain[best] if best is not None else self.by_domain.get("*")


def _suffix(domain: str, host: str) -> bool:
    return len(domain) > 1 and domain.startswith("*") and host.endswith(domain[1:]) and len(host) > len(domain) - 1


def _prefix(domain: str, host: str) -> bool:
    return len(domain) > 1 and domain.endswith("*") and host.startswith(domain[:-1]) and len(host) > len(domain) - 1


def rule_routes(
    rules: RoutingRules, proxy: Proxy, port: int, gateway: str, services: Mapping[str, MeshService]
) -> tuple[HttpRoute, ...]:
    """The routes of a VirtualService for a Gateway (or `mesh`) and port, up to the first one that catches all."""
    found: list[HttpRoute] = []
    for rule in rules.http:
        blocks: Sequence[Raw | None] = rule.matches() or (None,)
        for match in blocks:
            if match is not None and not _applies(rule, match, proxy, port, gateway):
                continue
            found.append(HttpRoute(rule, match, _clusters(rule, port, services), Provenance(rule.source, rule.field)))
            if found[-1].catches_all:
                return tuple(found)
    return tuple(found)


def _applies(rule: RoutingRule, match: Raw, proxy: Proxy, port: int, gateway: str) -> bool:
    if (number(match, "port") or port) != port:
        return False
    gateways = rule.gateways(match)
    if gateways:
        return gateway in gateways
    labels_ = mapping(match, "sourceLabels")
    return all(proxy.labels.get(str(key)) == str(value) for key, value in labels_.items()) and text(
        match, "sourceNamespace"
    ) in ("", proxy.namespace)


def _clusters(
    rule: RoutingRule, port: int, services: Mapping[str, MeshService]
) -> tuple[tuple[ClusterName, int, Raw], ...]:
    found = []
    routes = items(rule.raw, "route")
    for each in routes:
        destination = mapping(each, "destination")
        weight = number(each, "weight") or 0
        if len(routes) == 1 or weight:
            service = services.get(rule.destination(destination))
            found.append((destination_cluster(rule, destination, service, port), weight or 100, each))
    return tuple(found)


def sidecar_routes(scope: SidecarScope, proxy: Proxy, name: str) -> RouteConfiguration | None:
    """The route configuration of a sidecar: of a port, or of one service (`host:port`) whose protocol is detected."""
    host, _, written = name.rpartition(":")
    port = int(written)
    egress = _egress(scope, port)
    if egress is None:
        return None
    hosts = list(_sidecar_hosts(egress, proxy, port))
    if host:
        own = [each for each in hosts if {name, host} & set(each.domains)]
        return RouteConfiguration(name, {"*": own[0]} if len(own) == 1 else {})
    hosts.append(_catch_all(scope))
    return RouteConfiguration(name, {domain: each for each in hosts for domain in each.domains})


def _egress(scope: SidecarScope, port: int) -> EgressListener | None:
    exact = next((each for each in scope.listeners if each.port == port), None)
    return exact or next((each for each in scope.listeners if not each.port), None)


def _catch_all(scope: SidecarScope) -> VirtualHost:
    origin = Provenance(scope.sidecar, "outboundTrafficPolicy.mode")
    if scope.outbound_policy in ("ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"):
        name = ClusterName(PASSTHROUGH)
        proxy = scope.egress_proxy
        if scope.outbound_policy == "ALLOW_ANY" and proxy is not None:
            name = ClusterName(text(proxy, "host"), number(proxy, "port", "number") or 0, text(proxy, "subset"))
        return VirtualHost("allow_any", ("*",), (HttpRoute(None, None, ((name, 100, {}),), origin),), origin=origin)
    return VirtualHost("block_all", ("*",), (), 502, origin=origin)


def _sidecar_hosts(egress: EgressListener, proxy: Proxy, port: int) -> Iterator[VirtualHost]:
    proxied = egress.port != 0 and egress.protocol is Protocol.HTTP_PROXY
    wanted = 0 if proxied else port
    services: dict[str, MeshService] = {}
    for each in egress.services:
        found = each if not wanted else each.of_port(wanted)
        if found is not None:
            services[each.host.lower()] = found
    rules = [each for each in egress.rules if _has_effect(each, services, proxy, wanted)]
    taken: set[str] = set()
    made: list[tuple[tuple[HttpRoute, ...], list[str], list[MeshService], RoutingRules | None]] = []
    for virtual_service in rules:
        routes = rule_routes(virtual_service, proxy, wanted, MESH, services)
        if not routes:
            continue
        hosts, own = _separated(virtual_service, services, egress)
        http = [each for each in own if any(p.protocol.is_http_or_detected for p in each.ports)]
        if http or wanted == 80:
            made.append((routes, hosts, http, virtual_service))
            taken |= {each.host for each in http}
    for service in services.values():
        if service.host in taken or service.resolution is Resolution.ALIAS:
            continue
        for own_port in service.ports:
            if own_port.protocol.is_http_or_detected:
                name = ClusterName(service.host, own_port.number)
                route = HttpRoute(None, None, ((name, 100, {}),), Provenance(service.source))
                made.append(((route,), [], [service], None))
    yield from _deduplicated(made, proxy)


def _has_effect(rules: RoutingRules, services: Mapping[str, MeshService], proxy: Proxy, port: int) -> bool:
    """Whether a VirtualService can add a virtual host. Routes of the Gateway API are for hosts that a service has, and
    only in the client's namespace or for services of their own namespace."""
    if rules.gateway_api:
        found = [services[each.lower()] for each in rules.hosts if each.lower() in services]
        return any(rules.namespace in (each.namespace, proxy.namespace) for each in found if not is_wildcard(each.host))
    return port == 80 or _selected(rules, services)


def _deduplicated(
    made: Sequence[tuple[tuple[HttpRoute, ...], list[str], list[MeshService], RoutingRules | None]], proxy: Proxy
) -> Iterator[VirtualHost]:
    """The first virtual host of a name and of a domain stays; a short name never takes a declared host's place."""
    known = {service.host for _, _, services, _ in made for service in services}
    names: set[str] = set()
    domains: set[str] = set()
    for routes, hosts, services, source in made:
        origin = Provenance(source.source if source is not None else services[0].source, "spec.hosts")
        wanted = [(host.lower(), [host.lower()], list[str]()) for host in hosts]
        wanted += [(service.host, *_domains(service, proxy)) for service in services]
        for name, all_domains, short in wanted:
            if name in names:
                continue
            names.add(name)
            kept = [
                each for each in all_domains if each.lower() not in domains and not (each in short and each in known)
            ]
            domains |= {each.lower() for each in kept}
            if kept:
                yield VirtualHost(name, tuple(kept), routes, origin=origin)


def _domains(service: MeshService, proxy: Proxy) -> tuple[list[str], list[str]]:
    """The domains of a service, and which of them are abbreviations."""
    host = service.host
    short: list[str] = [] if is_address(host) else [f"{host}."]
    suffix = ".svc.cluster.local"
    if host.endswith(suffix):
        bare = host.removesuffix(suffix)
        name, _, namespace = bare.partition(".")
        short += [bare, f"{bare}.svc"]
        if namespace == proxy.namespace:
            short.append(name)
    domains = [host, *short]
    if service.kubernetes and service.resolution is Resolution.ORIGINAL_DESTINATION:
        domains += [f"*.{each}" for each in domains]
    address = service.address
    if is_address(address) and address != "0.0.0.0":  # noqa: S104 - Istio's address of a service without one
        domains.append(address)
    return domains, short


def _selected(rules: RoutingRules, services: Mapping[str, MeshService]) -> bool:
    """Whether one of the hosts is, contains or lies within a service's host."""
    wildcards = [each for each in services if is_wildcard(each)]
    for host in (each.lower() for each in rules.hosts):
        if host in services or (is_wildcard(host) and any(hosts_overlap(host, each) for each in services)):
            return True
        if any(hosts_overlap(host, each) for each in wildcards):
            return True
    return False


def _separated(
    rules: RoutingRules, services: Mapping[str, MeshService], egress: EgressListener
) -> tuple[list[str], list[MeshService]]:
    """The hosts that no service has, and the services of the others. A wildcard covers the services for which no
    VirtualService is more specific; once a service matches it, it answers for no other host."""
    hosts: list[str] = []
    found: list[MeshService] = []
    plain = [each for each in rules.hosts if not is_wildcard(each)]
    for host in plain:
        if host.lower() in services:
            found.append(services[host.lower()])
        else:
            hosts.append(host)
    for host in rules.hosts:
        if not is_wildcard(host):
            continue
        if rules.gateway_api:
            hosts.append(host.lower())
            continue
        covered = [service for name, service in services.items() if hosts_overlap(name, host.lower())]
        found += [each for each in covered if egress.most_specific_rules(each.host) is rules]
        if not covered:
            hosts.append(host.lower())
    return hosts, found


def sets_require_tls(tls: Raw | None) -> bool:
    """Whether a Gateway server redirects plain HTTP."""
    return tls is not None and flag(tls, "httpsRedirect") is True
