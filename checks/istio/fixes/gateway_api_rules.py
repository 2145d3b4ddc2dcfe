"""The rules of Gateway API routes as they are written: filters and weights of backends."""

from checks.facts.changes import JsonPatch
from checks.facts.gateway_api import GatewayRoute
from checks.istio.fixes.fields import appended, json_pointer, remove_field
from checks.model.raw_values import Raw, items, number, text

_FILTERS = {"redirect": "RequestRedirect", "rewrite": "URLRewrite", "fault": "(none)"}
"""The filter that istiod reads as a field of a VirtualService's rule."""


def written_rule(route: GatewayRoute, field: str) -> Raw:
    """The rule of a route at `spec.rules[0]`, or to which a field below it belongs."""
    index = field.removeprefix("spec.rules[").partition("]")[0]
    return route.rules[int(index)] if index.isdecimal() and int(index) < len(route.rules) else {}


def filter_field(route: GatewayRoute, field: str, key: str) -> str:
    """The path of the filter of a rule that istiod reads as `redirect` or `rewrite`."""
    filters = items(written_rule(route, field), "filters")
    found = next((at for at, each in enumerate(filters) if text(each, "type") == _FILTERS.get(key)), None)
    return f"{field}.filters[{found}]" if found is not None else f"{field}.filters"


def routed_instead(route: GatewayRoute, field: str, backend: Raw) -> JsonPatch:
    """The route with a backend in a rule, in place of its RequestRedirect filter if it has one."""
    filters = items(written_rule(route, field), "filters")
    found = next((at for at, each in enumerate(filters) if text(each, "type") == _FILTERS["redirect"]), None)
    removed = ({"op": "remove", "path": json_pointer(f"{field}.filters", found)},) if found is not None else ()
    return JsonPatch(route, (*removed, {"op": "add", "path": json_pointer(field, "backendRefs"), "value": [backend]}))


def without_hostname_rewrite(route: GatewayRoute, field: str) -> JsonPatch:
    """The route without the URLRewrite filter at this path.

    If the filter also rewrites the path, only its hostname is removed.
    """
    filters = items(written_rule(route, field), "filters")
    index = field.rpartition("[")[2].removesuffix("]")
    rewrite = filters[int(index)].get("urlRewrite") if index.isdecimal() and int(index) < len(filters) else None
    both = isinstance(rewrite, dict) and bool(rewrite.get("path"))
    return remove_field(route, f"{field}.urlRewrite.hostname" if both else field)


def has_no_weight(rule: Raw) -> bool:
    """Whether a rule has backends, and all of them have weight 0."""
    backends = items(rule, "backendRefs")
    return bool(backends) and all(number(each, "weight") == 0 for each in backends)


def with_weights(route: GatewayRoute, field: str) -> JsonPatch:
    """The route without the weights of a rule's backends: all get an equal share."""
    backends = items(written_rule(route, field), "backendRefs")
    paths = (json_pointer(f"{field}.backendRefs", at, "weight") for at, _ in enumerate(backends))
    return JsonPatch(route, tuple({"op": "remove", "path": each} for each in paths))


def with_rule(route: GatewayRoute, path: str, backend: Raw) -> JsonPatch:
    """The route with one more rule for a path prefix.

    `/` is for every request that no other rule matches.
    """
    condition = {} if path == "/" else {"matches": [{"path": {"type": "PathPrefix", "value": path}}]}
    return appended(route, "spec.rules", {**condition, "backendRefs": [backend]})


def written_matches(route: GatewayRoute) -> str:
    """The conditions of the rules of a route in one line."""
    every = (match for rule in route.rules for match in items(rule, "matches") or ({},))
    return "; ".join(dict.fromkeys(_match_in_words(each) for each in every)) or "(no rule)"


def _match_in_words(match: Raw) -> str:
    path = f"path {text(match, 'path', 'value')}" if text(match, "path", "value") else ""
    method = f"method {text(match, 'method')}" if text(match, "method") else ""
    named = [
        f"{word} {text(each, 'name')}"
        for word, key in (("header", "headers"), ("query parameter", "queryParams"))
        for each in items(match, key)
    ]
    return " and ".join(each for each in (path, method, *named) if each) or "every request"
