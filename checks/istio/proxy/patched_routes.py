"""Route configurations to which the patches of EnvoyFilters are applied.

Source: Istio `pilot/pkg/networking/core/envoyfilter/rc_patch.go`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from checks.istio.proxy.clusters import ClusterName
from checks.istio.proxy.envoy_patches import EnvoyPatch
from checks.istio.proxy.listeners import Provenance
from checks.istio.proxy.routes import HttpRoute, RouteConfiguration, VirtualHost
from checks.model.raw_values import Raw, number, text, texts

_ADDED = ("ADD", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST")


def patched_routes(
    routes: RouteConfiguration, patches: Sequence[EnvoyPatch], gateway: bool, ports: Sequence[int]
) -> RouteConfiguration:
    """A route configuration after its patches.

    `ports` are those of the servers of a gateway that share it.
    """
    applying = [each for each in patches if _is_configuration(each.match("routeConfiguration"), routes, gateway, ports)]
    if not applying:
        return routes
    own = str(ports[0] if gateway and ports else _port(routes.name, gateway))
    made: dict[int, VirtualHost | None] = {}
    for host in routes.by_domain.values():
        if id(host) not in made:
            made[id(host)] = _patched_host(host, applying, own)
    found = {domain: made[id(host)] for domain, host in routes.by_domain.items()}
    known = {domain: host for domain, host in found.items() if host is not None}
    return replace(routes, by_domain=_with_added(known, applying))


def _is_configuration(match: Raw, routes: RouteConfiguration, gateway: bool, ports: Sequence[int]) -> bool:
    if text(match, "name") not in ("", routes.name):
        return False
    wanted = number(match, "portNumber")
    if not gateway:
        return wanted in (None, 0, _port(routes.name, gateway))
    parts = routes.name.split(".")
    named = parts[0] == "https" and len(parts) == 5
    own = (parts[2], f"{parts[4]}/{parts[3]}") if named else ("", "")
    return (
        text(match, "portName") in ("", own[0])
        and text(match, "gateway") in ("", own[1])
        and (wanted in (None, 0) or wanted in (ports or (_port(routes.name, gateway),)))
    )


def _port(name: str, gateway: bool) -> int:
    """The port in the name of a route configuration; 0 if it has none."""
    written = name.split(".")[1] if gateway and "." in name else name
    return int(written) if written.isdecimal() else 0


def _patched_host(host: VirtualHost, patches: Sequence[EnvoyPatch], port: str) -> VirtualHost | None:
    """A virtual host after its patches; None if one removes it."""
    for each in patches:
        if each.kind == "ROUTE_CONFIGURATION" and each.merges and not each.harmless:
            host = replace(host, changed_by=each.source)
        elif each.kind == "VIRTUAL_HOST" and _is_host(each, host, port):
            if each.removes:
                return None
            if each.operation not in _ADDED and not each.harmless:
                host = replace(host, changed_by=each.source)
    of_routes = [each for each in patches if each.kind == "HTTP_ROUTE" and _is_host(each, host, port)]
    if not of_routes:
        return host
    host = _with_fixed_answer(host, of_routes)
    host = replace(host, routes=tuple(r for each in host.routes for r in _patched_route(each, host, of_routes)))
    for each in of_routes:
        if each.operation in _ADDED:
            host = _with_added_route(host, each)
        elif each.merges and "match" in each.value:
            host = replace(host, changed_by=each.source)
    return host


def _with_fixed_answer(host: VirtualHost, patches: Sequence[EnvoyPatch]) -> VirtualHost:
    """A virtual host whose fixed answer, a route of the same name, a patch removes or changes."""
    for each in patches:
        match = each.match("routeConfiguration", "vhost", "route")
        if not host.status or text(match, "name") not in ("", host.name):
            continue
        if text(match, "action").upper() in ("", "ANY", "DIRECT_RESPONSE"):
            if each.removes:
                host = replace(host, status=0)
            elif each.operation not in _ADDED and not each.harmless:
                host = replace(host, changed_by=each.source)
    return host


def _with_added_route(host: VirtualHost, patch: EnvoyPatch) -> VirtualHost:
    """A virtual host with a route more: the routes after it do not decide alone any more."""
    match = patch.match("routeConfiguration", "vhost", "route")
    last = len(host.routes)
    at = last if patch.operation in ("ADD", "INSERT_AFTER") else 0
    if match and patch.operation != "ADD":
        found = next((index for index, each in enumerate(host.routes) if _is_route(match, each, host)), None)
        if found is None:
            return host
        at = {"INSERT_BEFORE": found, "INSERT_AFTER": found + 1}.get(patch.operation, 0)
    if host.status and patch.operation not in ("ADD", "INSERT_AFTER"):
        return replace(host, changed_by=patch.source)
    routes = (*host.routes[:at], *(replace(each, changed_by=patch.source) for each in host.routes[at:]))
    return replace(host, routes=routes, appended_by=patch.source)


def _is_host(patch: EnvoyPatch, host: VirtualHost, port: str) -> bool:
    """Whether a patch is for a virtual host; istiod calls it `host:port`."""
    match = patch.match("routeConfiguration", "vhost")
    own = host.name if ":" in host.name or host.name in ("allow_any", "block_all") else f"{host.name}:{port}"
    return text(match, "name") in ("", own) and text(match, "domainName") in ("", *host.domains)


def _patched_route(route: HttpRoute, host: VirtualHost, patches: Sequence[EnvoyPatch]) -> Iterator[HttpRoute]:
    for each in patches:
        if not _is_route(each.match("routeConfiguration", "vhost", "route"), route, host):
            continue
        if each.removes:
            return
        if each.operation in _ADDED or each.operation == "REPLACE" or each.harmless:
            continue  # there is no REPLACE of routes
        if each.new_cluster and route.clusters and not _other_action(route):
            cluster = (_parsed(each.new_cluster), 100, dict[str, Any]())
            route = replace(route, clusters=(cluster,), origin=Provenance(each.source, "spec.configPatches"))
        else:
            route = replace(route, changed_by=each.source)
    yield route


def _is_route(match: Raw, route: HttpRoute, host: VirtualHost) -> bool:
    action = text(match, "action").upper()
    return text(match, "name") in ("", _name(route, host)) and action in ("", "ANY", _other_action(route) or "ROUTE")


def _name(route: HttpRoute, host: VirtualHost) -> str:
    """The name that istiod gives a route: of its rule, and of the match block."""
    if route.rule is None:
        return host.name if host.name == "allow_any" else "default"
    block = text(route.match, "name") if route.match else ""
    return text(route.rule.raw, "name") + (f".{block}" if block else "")


def _other_action(route: HttpRoute) -> str:
    raw = route.rule.raw if route.rule is not None else {}
    return "REDIRECT" if raw.get("redirect") else "DIRECT_RESPONSE" if raw.get("directResponse") else ""


def _with_added(by_domain: dict[str, VirtualHost], patches: Sequence[EnvoyPatch]) -> dict[str, VirtualHost]:
    """The virtual hosts with those that patches add.

    Envoy refuses a route configuration in which two virtual hosts have one domain.
    """
    for each in patches:
        if each.kind != "VIRTUAL_HOST" or each.operation not in _ADDED:
            continue
        domains = [domain.lower() for domain in texts(each.value, "domains")]
        if any(domain in by_domain for domain in domains):
            return {domain: replace(host, changed_by=each.source) for domain, host in by_domain.items()}
        origin = Provenance(each.source, "spec.configPatches")
        added = VirtualHost(text(each.value, "name"), tuple(domains), (), origin=origin, changed_by=each.source)
        by_domain |= dict.fromkeys(domains, added)
    return by_domain


def _parsed(name: str) -> ClusterName:
    parts = name.split("|")
    if len(parts) == 4 and parts[1].isdecimal():
        return ClusterName(parts[3], int(parts[1]), parts[2])
    return ClusterName(name)
