"""HTTPRoute and GRPCRoute rules as VirtualService rules, in the Gateway API's order.

Source: Istio `convertHTTPRoute`, `convertGRPCRoute`, `sortHTTPRoutes` in `kube/gateway/conversion.go`; Gateway API,
HTTPRouteRule `matches` (precedence).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from checks.facts.gateway_api import GatewayRoute, GRPCRoute
from checks.istio.mesh.gateway_api.backends import http_destinations, weights
from checks.istio.mesh.gateway_api.conversion_error import RouteError
from checks.istio.mesh.gateway_api.filters import rule_filters
from checks.istio.mesh.gateway_api.references import ReferenceGrants
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.model.raw_values import Raw, at, items, mapping, text

_DEFAULT_MATCHES: tuple[Raw, ...] = ({"path": {"type": "PathPrefix", "value": "/"}},)
NO_BACKEND = 500
"""The status code of a rule without a usable backend.

Either no backend has a weight, or the backend does not exist.
"""


def http_rules(
    route: GatewayRoute, grants: ReferenceGrants | None, without_backends: int = NO_BACKEND
) -> list[RoutingRule]:
    """One rule for each match block of each rule.

    Without `grants`, every backend is allowed. A route with a field that istiod refuses has no rules.
    """
    try:
        return [
            RoutingRule({**rule, **match}, f"spec.rules[{index}]", route, route.namespace, gateway_api=True)
            for index, raw in enumerate(route.rules)
            for rule in (_rule(route, raw, grants, without_backends),)
            for match in _matches(route, raw)
        ]
    except RouteError:
        return []


def _rule(route: GatewayRoute, raw: Raw, grants: ReferenceGrants | None, without_backends: int) -> dict[str, Any]:
    backends = items(raw, "backendRefs")
    rule = rule_filters(items(raw, "filters"), grpc=isinstance(route, GRPCRoute))
    if not weights(backends) and "redirect" not in rule:
        return {**rule, "directResponse": {"status": NO_BACKEND if backends else without_backends}}
    return {**rule, "route": http_destinations(route, backends, grants)}


def _matches(route: GatewayRoute, raw: Raw) -> list[dict[str, Any]]:
    """`match` for each match block; one without `match` if a rule has no block."""
    grpc = isinstance(route, GRPCRoute)
    blocks = items(raw, "matches") if grpc or raw.get("matches") is not None else _DEFAULT_MATCHES
    return [{"match": [(_grpc_match if grpc else _http_match)(each)]} for each in blocks] or [{}]


def _http_match(block: Raw) -> dict[str, Any]:
    found: dict[str, Any] = {"uri": _path(block)}
    if headers := _conditions(items(block, "headers")):
        found["headers"] = headers
    if query := _conditions(items(block, "queryParams")):
        found["queryParams"] = query
    if text(block, "method"):
        found["method"] = {"exact": text(block, "method")}
    return found


def _path(block: Raw) -> dict[str, str]:
    kind, value = text(block, "path", "type") or "PathPrefix", text(block, "path", "value") or "/"
    match kind:
        case "PathPrefix":
            return {"prefix": "/"} if value == "/" else {"pathSeparatedPrefix": value.removesuffix("/")}
        case "Exact":
            return {"exact": value}
        case "RegularExpression":
            return {"regex": value}
        case _:
            raise RouteError(f"path type {kind}")


def _conditions(conditions: Iterable[Raw]) -> dict[str, dict[str, str]]:
    found = {}
    for each in conditions:
        kind = text(each, "type") or "Exact"
        if kind not in ("Exact", "RegularExpression"):
            raise RouteError(f"match type {kind}")
        found[text(each, "name")] = {"exact" if kind == "Exact" else "regex": text(each, "value")}
    return found


def _grpc_match(block: Raw) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if at(block, "method") is not None:
        found["uri"] = _grpc_method(mapping(block, "method"))
    if headers := _conditions(items(block, "headers")):
        found["headers"] = headers
    return found


def _grpc_method(method: Raw) -> dict[str, str]:
    """The path of gRPC is `/service/method`."""
    service, name, kind = text(method, "service"), text(method, "method"), text(method, "type") or "Exact"
    if kind not in ("Exact", "RegularExpression") or not (service or name):
        raise RouteError("gRPC method")
    if not service:
        return {"regex": f"/[^/]+/{name}"}
    if kind == "RegularExpression":
        return {"regex": f"/{service}/{name or '.+'}"}
    return {"exact": f"/{service}/{name}"} if name else {"pathSeparatedPrefix": f"/{service}/"}


_RANKS = {"exact": 3, "prefix": 2, "pathSeparatedPrefix": 2, "regex": 1}


def ordered(rules: Iterable[RoutingRule]) -> tuple[RoutingRule, ...]:
    """The rules of a host by precedence.

    Exact paths come first, then longer ones, then rules with a method, more headers and more query parameters. Equal
    rules keep their order.
    """
    return tuple(sorted(rules, key=_precedence))


def _precedence(rule: RoutingRule) -> tuple[bool, int, int, bool, int, int]:
    match: Mapping[str, Any] = next(iter(rule.matches()), {})
    kind, value = next(iter(mapping(match, "uri").items()), ("", ""))
    return (
        not rule.matches(),
        -_RANKS.get(kind, -1),
        -len(str(value)),
        "method" not in match,
        -len(mapping(match, "headers")),
        -len(mapping(match, "queryParams")),
    )
