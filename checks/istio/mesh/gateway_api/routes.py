"""Routes of the Gateway API as the VirtualServices that istiod makes of them.

Source: Istio `HTTPRouteCollection`, `GRPCRouteCollection`, `TLSRouteCollection`, `TCPRouteCollection`,
`mergeHTTPRoutes` in `kube/gateway/route_collections.go`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checks.facts.gateway_api import GatewayRoute, TCPRoute, TLSRoute
from checks.istio.mesh.gateway_api.attachment import Attachment, Attachments
from checks.istio.mesh.gateway_api.backends import tcp_destinations, weights
from checks.istio.mesh.gateway_api.conversion_error import RouteError
from checks.istio.mesh.gateway_api.gateways import GENERATED
from checks.istio.mesh.gateway_api.http_rules import http_rules, ordered
from checks.istio.mesh.gateway_api.references import ReferenceGrants
from checks.istio.mesh.objects.hosts import hosts_overlap, is_subset
from checks.istio.mesh.objects.routing_rules import ProtocolRules, RoutingRule, RoutingRules
from checks.model.raw_values import items, text


@dataclass(frozen=True, slots=True)
class _HostRules:
    """The rules of one HTTPRoute or GRPCRoute for one host at one parent.

    Rules with the same key are merged.
    """

    key: str
    host: str
    gateway: str
    route: GatewayRoute
    rules: tuple[RoutingRule, ...]


def http_virtual_services(
    routes: Iterable[GatewayRoute], attachments: Attachments, grants: ReferenceGrants, without_backends: int
) -> Iterator[RoutingRules]:
    """One VirtualService for each parent and host.

    It contains the rules of all HTTPRoutes and GRPCRoutes for that host. A rule that lists no backend answers with the
    status code `without_backends`.
    """
    merged: dict[str, list[_HostRules]] = {}
    for route in sorted(routes, key=_age):
        for each in _by_host(route, attachments.of(route), grants, without_backends):
            merged.setdefault(each.key, []).append(each)
    for key, found in merged.items():
        rules = ordered(rule for each in found for rule in each.rules)
        first = found[0]
        yield _virtual_service(first.route, key.replace("/", "~"), first.host, first.gateway, http=rules)


def _age(route: GatewayRoute) -> tuple[str, str, str]:
    return text(route.raw, "metadata", "creationTimestamp"), route.namespace, route.name


def _by_host(
    route: GatewayRoute, attachments: Sequence[Attachment], grants: ReferenceGrants, without_backends: int
) -> Iterator[_HostRules]:
    for each in attachments:
        rules = tuple(
            _on_port(rule, each.port) for rule in http_rules(route, None if each.in_mesh else grants, without_backends)
        )
        place = each.gateway
        if each.in_mesh:
            place = f"{route.namespace}/{each.port}" if each.port is not None else route.namespace
        for host in (each.hosts if each.in_mesh else route.hostnames or ("*",)) if rules else ():
            if each.takes(host):
                yield _HostRules(f"{place}/{host}", host, each.gateway, route, rules)


def _on_port(rule: RoutingRule, port: int | None) -> RoutingRule:
    """The rule for one port only: `augmentPortMatch`."""
    if port is None:
        return rule
    return replace(rule, raw={**rule.raw, "match": [{**each, "port": port} for each in rule.matches() or ({},)]})


def tcp_virtual_services(
    routes: Iterable[TCPRoute], attachments: Attachments, grants: ReferenceGrants
) -> Iterator[RoutingRules]:
    """One VirtualService for each parent and host of each TCPRoute."""
    for route in routes:
        count = 0
        for each in attachments.of(route):
            found = tuple(_on_port(rule, each.port) for rule in _rules(route, {}, None if each.in_mesh else grants))
            for host in each.hosts if each.in_mesh else ("*",):
                yield _virtual_service(route, f"{route.name}~tcp~{count}~{GENERATED}", host, each.gateway, tcp=found)
                count += 1


def tls_virtual_services(
    routes: Iterable[TLSRoute], attachments: Attachments, grants: ReferenceGrants
) -> Iterator[RoutingRules]:
    """One VirtualService for each parent and host of each TLSRoute."""
    for route in routes:
        count = 0
        for each in attachments.of(route):
            for host, names in _server_names(route, each):
                match = [{"sniHosts": list(names), **({"port": each.port} if each.port is not None else {})}]
                found = tuple(_rules(route, {"match": match}, None if each.in_mesh else grants)) if names else ()
                yield _virtual_service(route, f"{route.name}~tls~{count}~{GENERATED}", host, each.gateway, tls=found)
                count += 1


def _server_names(route: TLSRoute, attachment: Attachment) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(host, server names) for each host of the parent."""
    wanted = route.hostnames or ("*",)
    if not attachment.in_mesh:
        if attachment.hostname:
            wanted = _common(wanted, attachment.hostname)
        yield from ((host, wanted) for host in wanted)
        return
    names = attachment.hosts if wanted == ("*",) else wanted
    for host in attachment.hosts:
        # A route with one name keeps it whatever the host is (`compatibleRoutesForHost`).
        yield host, names if len(names) == 1 else tuple(each for each in names if hosts_overlap(host, each))


def _common(names: Sequence[str], listener: str) -> tuple[str, ...]:
    found = (each if is_subset(each, listener) else listener if is_subset(listener, each) else "" for each in names)
    return tuple(dict.fromkeys(each for each in found if each))


def _rules(route: GatewayRoute, match: dict[str, Any], grants: ReferenceGrants | None) -> list[RoutingRule]:
    """The rules of a TCPRoute or TLSRoute; empty if a field of the route is refused."""
    try:
        return [
            RoutingRule(
                {**(match if weights(backends) else {}), "route": tcp_destinations(route, backends, grants)},
                f"spec.rules[{index}]",
                route,
                route.namespace,
                gateway_api=True,
            )
            for index, raw in enumerate(route.rules)
            for backends in (items(raw, "backendRefs"),)
        ]
    except RouteError:
        return []


def _virtual_service(
    source: GatewayRoute,
    name: str,
    host: str,
    gateway: str,
    *,
    http: tuple[RoutingRule, ...] = (),
    tls: tuple[RoutingRule, ...] = (),
    tcp: tuple[RoutingRule, ...] = (),
) -> RoutingRules:
    rules = ProtocolRules(http, tls, tcp)
    return RoutingRules(
        source, source.namespace, (host,), frozenset({gateway}), lambda: rules, name=name, gateway_api=True
    )
