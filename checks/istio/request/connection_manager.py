"""A request in Envoy's HTTP connection manager: authorization, virtual host, route, action.

Source: Envoy, "HTTP routing"."""

from checks.facts.istio_networking import EnvoyFilter
from checks.istio.mesh.gateway_api.http_rules import NO_BACKEND
from checks.istio.mesh.objects.hosts import without_port
from checks.istio.proxy.listeners import HttpManager
from checks.istio.proxy.routes import HttpRoute, VirtualHost
from checks.istio.request.authorization import DownstreamPeer, denied_by
from checks.istio.request.forwarding import Arrival, Decisions, Forwarded
from checks.istio.request.matching import NotModelled, route_matches
from checks.istio.request.outcome import ConfigurationPart, Ending
from checks.istio.request.rewrites import rewritten
from checks.istio.request.wire import Bytes, Connect, Http, Tls
from checks.model.raw_values import Raw, mapping, number


def http_decisions(arrival: Arrival, manager: HttpManager, session: tuple[str, str] | None) -> Decisions:
    """The decisions about bytes in a filter chain that reads HTTP.

    `session` is the server name and the identity of the client; None for plain text. Raises NotModelled.
    """
    request = arrival.connection.outermost
    if isinstance(request, Tls):
        yield arrival.fails(Ending.TLS_TO_HTTP_SERVER, "TLS arrives at an HTTP server")
    elif isinstance(request, Bytes):
        yield arrival.fails(Ending.NOT_HTTP, "bytes that are not HTTP arrive at an HTTP server", flag="DPE")
    elif isinstance(request, Connect):
        raise NotModelled("CONNECT request")
    else:
        yield from _request(arrival, manager, request, session)


def _request(arrival: Arrival, manager: HttpManager, request: Http, session: tuple[str, str] | None) -> Decisions:
    if "x-forwarded-proto" not in request.headers:
        seen = "https" if session is not None else "http"
        request = request.with_headers({**request.headers, "x-forwarded-proto": seen})
    here, connection = arrival.at, arrival.connection
    peer = DownstreamPeer(arrival.source, connection.address, connection.port, *(session or ("", "")), request)
    # A sidecar checks only what arrives for its own application.
    denied = denied_by(here.policies, peer, here.authorizers) if here.proxy.gateway else None
    if denied is not None:
        yield arrival.fails(Ending.REQUEST_DENIED, f"{denied.ref} denies the request", 403, "RBAC", denied)
        return
    authority = without_port(request.authority)
    configuration = here.routes(manager.route, authority)
    host = configuration.virtual_host(authority) if configuration is not None else None
    if host is None:
        yield arrival.fails(
            Ending.NO_VIRTUAL_HOST, f"no virtual host of {manager.route} for {request.authority}", 404, "NR"
        )
        return
    step = arrival.step(ConfigurationPart.VIRTUAL_HOST, f"{host.name} of {manager.route}", host.origin)
    for each in _virtual_host(arrival, host, request):
        yield each.after(step)


def _virtual_host(arrival: Arrival, host: VirtualHost, request: Http) -> Decisions:
    _unless_changed(arrival, host.changed_by)
    if host.status:
        yield arrival.fails(Ending.FIXED_ANSWER, f"fixed answer of {host.name}", host.status)
        return
    if host.require_tls and request.headers.get("x-forwarded-proto") != "https":
        yield arrival.fails(Ending.HTTPS_REDIRECT, "httpsRedirect", 301)
        return
    for route in host.routes:
        if route_matches(route.match, request):
            _unless_changed(arrival, route.changed_by)
            step = arrival.step(ConfigurationPart.ROUTE, route.origin.field, route.origin)
            for each in _route(arrival, route, request):
                yield each.after(step)
            return
    _unless_changed(arrival, host.appended_by)
    yield arrival.fails(Ending.NO_ROUTE, f"no route of {host.name} matches", 404, "NR")


def _unless_changed(arrival: Arrival, source: EnvoyFilter | None) -> None:
    if source is not None:
        raise NotModelled(f"{source.ref} changes the configuration of {arrival.at.name}")


def _route(arrival: Arrival, route: HttpRoute, request: Http) -> Decisions:
    raw: Raw = route.rule.raw if route.rule is not None else {}
    left = 100.0
    abort = mapping(raw, "fault", "abort")
    if abort:
        status, percent = _abort(abort)
        yield arrival.fails(Ending.FAULT_INJECTION, "fault injection", status, "FI").of(percent)
        left -= percent
    if left <= 0:
        return
    for each in _action(arrival, route, raw, request):
        yield each.of(left)


def _abort(abort: Raw) -> tuple[int, float]:
    # A gRPC status is sent with HTTP status 200.
    status = number(abort, "httpStatus") or 200
    if "percentage" in abort:
        value = abort["percentage"]
        return status, float(value.get("value") or 0) if isinstance(value, dict) else 0.0
    return status, float(number(abort, "percent") or 100)


def _action(arrival: Arrival, route: HttpRoute, raw: Raw, request: Http) -> Decisions:
    if raw.get("redirect") is not None:
        yield arrival.fails(Ending.REDIRECT, "redirect", number(raw, "redirect", "redirectCode") or 301)
        return
    if raw.get("directResponse") is not None:
        yield arrival.fails(Ending.DIRECT_RESPONSE, "direct response", number(raw, "directResponse", "status") or 200)
        return
    total = sum(weight for _, weight, _ in route.clusters)
    if not total:
        yield arrival.fails(Ending.NO_DESTINATION, "no destination", 503, "NC")
        return
    missing = NO_BACKEND if route.rule is not None and route.rule.gateway_api else None
    for name, weight, destination in route.clusters:
        moved = rewritten(request, route, destination, single=len(route.clusters) == 1)
        following = arrival.connection.carrying((moved, *arrival.connection.layers[1:]))
        yield Forwarded(name, following, route.origin, http=True, not_found=missing).of(100 * weight / total)
