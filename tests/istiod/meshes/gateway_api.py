"""Changes of Gateway API objects.

They concern routes, their matches, filters and backends, listeners, grants and backend policies.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.istiod.meshes.draft import API, NAMESPACE, OTHER, PAY, WILDCARD, Change, Draft, Json, changes

ROUTES = ("HTTPRoute", "TLSRoute", "TCPRoute", "GRPCRoute")
MATCHES: list[Any] = [
    {"path": {"type": "PathPrefix", "value": "/v1"}},
    {"path": {"type": "Exact", "value": "/"}},
    {"path": {"type": "RegularExpression", "value": "/.*"}},
    {"headers": [{"name": "x-team", "value": "a"}]},
    {"queryParams": [{"name": "q", "value": "1"}]},
    {"method": "GET"},
    {"method": "POST"},
    {
        "path": {"type": "PathPrefix", "value": "/"},
        "headers": [{"name": "x-team", "type": "RegularExpression", "value": "a|b"}],
    },
]
_FILTERS: list[Any] = [
    {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}},
    {"type": "URLRewrite", "urlRewrite": {"hostname": OTHER}},
    {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/v2"}}},
    {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-team", "value": "a"}]}},
    {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "host", "value": OTHER}]}},
    {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["user-agent"]}},
    {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "x-seen", "value": "1"}]}},
    {"type": "RequestRedirect", "requestRedirect": {"hostname": OTHER, "port": 8443}},
    {
        "type": "URLRewrite",
        "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"}, "hostname": API},
    },
    {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "egw", "port": 80}}},
]


def kubernetes_gateway(draft: Draft) -> Json | None:
    """A Gateway of the Gateway API."""
    some = [each for each in draft.found("Gateway") if each["apiVersion"].startswith("gateway.networking")]
    return draft.rng.choice(some) if some else None


def any_route(draft: Draft, kinds: tuple[str, ...] = ROUTES) -> Json | None:
    """A route of one of the kinds."""
    some = [each for kind in kinds for each in draft.found(kind)]
    return draft.rng.choice(some) if some else None


def _rule(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        route = any_route(draft, ("HTTPRoute",))
        if route is None:
            return False
        route["spec"]["rules"][0][field] = [draft.pick(values)]
        if field == "matches":
            draft.paths += ["/v1", "/v1/a", "/v12", "/?q=1"]
            draft.headers += [("x-team", "a"), ("x-team", "b")]
        if any(each.get("type") == "RequestRedirect" for each in route["spec"]["rules"][0].get("filters", ())):
            route["spec"]["rules"][0].pop("backendRefs", None)
        return True

    return change


def _rule_field(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        route = any_route(draft, ("HTTPRoute",))
        if route is None:
            return False
        route["spec"]["rules"][0][field] = draft.pick(values)
        return True

    return change


def _backend_filters(draft: Draft) -> bool:
    route = any_route(draft, ("HTTPRoute",))
    if route is None or not route["spec"]["rules"][0].get("backendRefs"):
        return False
    route["spec"]["rules"][0]["backendRefs"][0]["filters"] = [draft.pick(_FILTERS[3:6])]
    return True


def listener_tls(draft: Draft) -> bool:
    """A listener that terminates TLS."""
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    listener = draft.rng.choice(gateway["spec"]["listeners"])
    mutual: Json = {"gateway.istio.io/tls-terminate-mode": draft.pick(["ISTIO_MUTUAL", "ISTIO_SIMPLE", "MUTUAL"])}
    certificate: Json = {
        "certificateRefs": [{"group": "", "kind": "Secret", "name": draft.pick(["gw-cert", "absent"])}]
    }
    listener["protocol"] = draft.pick(["HTTPS", "TLS"])
    listener["tls"] = {"mode": "Terminate", **(certificate if draft.rng.random() < 0.5 else {"options": mutual})}
    draft.secret("gw-cert", ["tls.crt", "tls.key"])
    return True


def _hostnames(draft: Draft) -> bool:
    route = any_route(draft, ("HTTPRoute", "TLSRoute"))
    if route is None:
        return False
    route["spec"]["hostnames"] = draft.pick([[PAY], [WILDCARD], [API, PAY], [OTHER]])
    return True


def _backend(draft: Draft) -> bool:
    route = any_route(draft)
    if route is None or not route["spec"]["rules"][0].get("backendRefs"):
        return False
    backend = draft.rng.choice(route["spec"]["rules"][0]["backendRefs"])
    backend |= draft.pick([{"port": 443}, {"port": 80}, {"name": "absent"}, {"namespace": "team-a"}, {"weight": 0}])
    return True


def _weights(draft: Draft) -> bool:
    route = any_route(draft)
    if route is None or not route["spec"]["rules"][0].get("backendRefs"):
        return False
    refs = route["spec"]["rules"][0]["backendRefs"]
    other = copy.deepcopy(refs[0])
    other["name"] = draft.pick(["absent", other["name"]])
    refs[0]["weight"], other["weight"] = draft.pick([(1, 1), (1, 0), (0, 1), (9, 1)])
    refs.append(other)
    return True


def _parent(draft: Draft) -> bool:
    route = any_route(draft)
    if route is None:
        return False
    parent = draft.rng.choice(route["spec"]["parentRefs"])
    parent |= draft.pick(
        [
            {"sectionName": "http"},
            {"sectionName": "absent"},
            {"port": 80},
            {"port": 443},
            {"namespace": "team-a"},
            {"name": "no"},
        ]
    )
    return True


def _listener(draft: Draft) -> bool:
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    listener = draft.rng.choice(gateway["spec"]["listeners"])
    listener |= draft.pick(
        [
            {"hostname": WILDCARD},
            {"hostname": PAY},
            {"port": 443},
            {"port": 8080},
            {"allowedRoutes": {"namespaces": {"from": "All"}}},
            {"allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}}},
        ]
    )
    return True


def _address(draft: Draft) -> bool:
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    gateway["spec"]["addresses"] = draft.pick(
        [
            [],
            [{"type": "Hostname", "value": "egw"}],
            [{"type": "Hostname", "value": f"absent.{NAMESPACE}.svc.cluster.local"}],
        ]
    )
    return True


def _namespace(draft: Draft) -> bool:
    route = any_route(draft)
    if route is None:
        return False
    route["metadata"]["namespace"] = "team-a"
    for parent in route["spec"]["parentRefs"]:
        parent.setdefault("namespace", NAMESPACE)
    if draft.rng.random() < 0.5:
        source = {"group": "gateway.networking.k8s.io", "kind": route["kind"], "namespace": "team-a"}
        draft.add("ReferenceGrant", "grant", {"from": [source], "to": [{"group": "", "kind": "Service"}]})
        for backend in route["spec"]["rules"][0].get("backendRefs", ()):
            backend.setdefault("namespace", NAMESPACE)
    return True


def backend_tls(draft: Draft) -> bool:
    """A BackendTLSPolicy for the ServiceEntry."""
    entry = draft.one("ServiceEntry", "bank")
    if entry is None:
        return False
    target: Json = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank"}
    if draft.rng.random() < 0.5:
        target["sectionName"] = draft.pick([each["name"] for each in entry["spec"]["ports"]])
    validation = {"hostname": draft.pick([API, PAY]), "wellKnownCACertificates": "System"}
    draft.add("BackendTLSPolicy", "bank-tls", {"targetRefs": [target], "validation": validation})
    return True


def _listener_set(draft: Draft) -> bool:
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    gateway["spec"]["allowedListeners"] = {"namespaces": {"from": draft.pick(["Same", "All", "None"])}}
    listener = {"name": "more", "port": draft.pick([80, 443]), "protocol": "HTTP", "hostname": draft.pick([PAY, API])}
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway["metadata"]["name"]}
    draft.add("ListenerSet", "more", {"parentRef": parent, "listeners": [listener]})
    return True


def _grpc(draft: Draft) -> bool:
    parent = (
        {"name": "bank"}
        if kubernetes_gateway(draft)
        else {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank"}
    )
    backend = {"group": "networking.istio.io", "kind": "Hostname", "name": API, "port": 80}
    rule: Json = {"backendRefs": [backend]}
    if draft.rng.random() < 0.4:
        rule["matches"] = [
            draft.pick([{"method": {"service": "bank.Api"}}, {"headers": [{"name": "x-team", "value": "a"}]}])
        ]
    draft.paths += ["/bank.Api/Get"]
    draft.add("GRPCRoute", "grpc", {"parentRefs": [parent], "hostnames": [API], "rules": [rule]})
    return True


def _mesh_route(draft: Draft) -> bool:
    entry = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank"}
    backend = draft.pick(
        [{"name": "egw", "port": 80}, {"group": "networking.istio.io", "kind": "Hostname", "name": API, "port": 80}]
    )
    namespace = draft.pick([NAMESPACE, "team-a"])
    if namespace != NAMESPACE:
        entry["namespace"] = NAMESPACE
    draft.add("HTTPRoute", "mesh-route", {"parentRefs": [entry], "rules": [{"backendRefs": [backend]}]}, namespace)
    return True


@changes("gateway-api")
def _changes() -> dict[str, Change]:
    return {
        "HTTPRoute.matches": _rule("matches", MATCHES),
        "HTTPRoute.filters": _rule("filters", _FILTERS),
        "HTTPRoute.timeouts": _rule_field("timeouts", [{"request": "5s"}, {"request": "0s"}]),
        "HTTPRoute.retry": _rule_field("retry", [{"attempts": 2, "codes": [503]}]),
        "backendRefs.filters": _backend_filters,
        "Gateway.listeners.tls": listener_tls,
        "hostnames": _hostnames,
        "backendRefs": _backend,
        "backendRefs.weight": _weights,
        "parentRefs": _parent,
        "Gateway.listeners": _listener,
        "Gateway.addresses": _address,
        "route in another namespace": _namespace,
        "BackendTLSPolicy": backend_tls,
        "ListenerSet": _listener_set,
        "GRPCRoute": _grpc,
        "route with a ServiceEntry as parent": _mesh_route,
    }
