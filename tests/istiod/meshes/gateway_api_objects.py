"""Several objects of the Gateway API for one thing, and beside Istio's own.

They test merging, order, precedence and attachment.
"""

from __future__ import annotations

import copy

from tests.istiod.meshes.draft import API, NAMESPACE, OTHER, PAY, WILDCARD, Change, Draft, Json, changes
from tests.istiod.meshes.gateway_api import MATCHES, ROUTES, any_route, backend_tls, kubernetes_gateway, listener_tls


def _second_route(draft: Draft) -> bool:
    """Another route for the same parent: merged, ordered, or cut off by the more specific host."""
    route = any_route(draft, ("HTTPRoute", "GRPCRoute"))
    if route is None:
        return False
    spec = copy.deepcopy(route["spec"])
    rule = spec["rules"][0]
    rule["matches"] = [draft.pick(MATCHES[:7]), draft.pick(MATCHES[:7])][: draft.pick([1, 2])]
    if draft.rng.random() < 0.6:
        rule["backendRefs"] = [{"group": "networking.istio.io", "kind": "Hostname", "name": OTHER, "port": 80}]
    if spec.get("hostnames"):
        spec["hostnames"] = draft.pick([[API], [WILDCARD], [API, PAY]])
    else:
        spec["parentRefs"][0] |= draft.pick([{}, {"port": 80}, {"port": 443}])
    draft.paths += ["/v1", "/v1/a", "/v12", "/?q=1"]
    draft.headers += [("x-team", "a")]
    draft.add("HTTPRoute", "second", spec, route["metadata"]["namespace"], older=draft.pick([-20, 20]))
    return True


def _second_listener(draft: Draft) -> bool:
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    listener = copy.deepcopy(gateway["spec"]["listeners"][0])
    listener |= {"name": "second", "hostname": draft.pick([WILDCARD, PAY, API, "*.example", OTHER])}
    listener |= draft.pick([{}, {}, {"port": 8080}, {"protocol": "HTTP"}, {"protocol": "TCP"}])
    if draft.rng.random() < 0.3:
        gateway["spec"]["listeners"][0].pop("hostname", None)
    gateway["spec"]["listeners"].insert(draft.pick([0, 1]), listener)
    return True


def _second_gateway(draft: Draft) -> bool:
    """Another Gateway for the same Service, of the Gateway API or Istio's own."""
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    older = draft.pick([-20, 20])
    listener = gateway["spec"]["listeners"][0]
    if draft.rng.random() < 0.5:
        spec = copy.deepcopy(gateway["spec"])
        draft.add(
            "Gateway", "second", spec, draft.pick([NAMESPACE, NAMESPACE, "team-a"]), api="gateway-api", older=older
        )
    else:
        port = {"number": listener["port"], "name": "one", "protocol": draft.pick(["HTTP", "TCP", "HTTPS"])}
        server: Json = {"port": port, "hosts": [draft.pick(["*", API, PAY])]}
        if port["protocol"] == "HTTPS":
            server["tls"] = {"mode": draft.pick(["PASSTHROUGH", "ISTIO_MUTUAL"])}
        draft.add("Gateway", "own", {"selector": {"istio": "egw"}, "servers": [server]}, older=older)
    return True


def _allowed_kinds(draft: Draft) -> bool:
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    listener = draft.rng.choice(gateway["spec"]["listeners"])
    kinds: list[Json] = [
        {"kind": each} for each in draft.pick([["HTTPRoute"], ["GRPCRoute"], ["TCPRoute", "TLSRoute"], ["Other"]])
    ]
    listener["allowedRoutes"] = {"kinds": kinds}
    return True


def _attached_to_set(draft: Draft) -> bool:
    """The routes of the gateway attach to a ListenerSet in place of the Gateway."""
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    listener = gateway["spec"]["listeners"][0]
    gateway["spec"]["listeners"] = [{"name": "other", "port": 8080, "protocol": "HTTP"}]
    gateway["spec"]["allowedListeners"] = {"namespaces": {"from": draft.pick(["Same", "Same", "All", "None"])}}
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway["metadata"]["name"]}
    draft.add("ListenerSet", "bank-set", {"parentRef": parent, "listeners": [listener]})
    for route in (each for kind in ROUTES for each in draft.found(kind)):
        for reference in route["spec"]["parentRefs"]:
            if reference.get("kind", "Gateway") == "Gateway":
                reference |= {"kind": "ListenerSet", "name": "bank-set"}
    return True


def _service_parent(draft: Draft) -> bool:
    """A route of sidecars for the gateway's own Service, in its namespace or the client's."""
    target = {"group": "networking.istio.io", "kind": "Hostname", "name": API, "port": 80}
    reference: Json = {"group": "", "kind": "Service", "name": "egw", "namespace": NAMESPACE}
    reference |= draft.pick([{}, {"port": 80}, {"port": 443}])
    rule: Json = {
        "backendRefs": [target],
        "matches": [{"path": {"type": "PathPrefix", "value": draft.pick(["/", "/v1"])}}],
    }
    spec = {"parentRefs": [reference], "rules": [rule]}
    draft.add("HTTPRoute", "for-service", spec, draft.pick([NAMESPACE, "team-a", "team-b"]))
    draft.paths += ["/v1", "/v1/a"]
    draft.ports += [("http", 80)]
    return True


def _beside_virtual_service(draft: Draft) -> bool:
    """A VirtualService for the host of a route: visibility and age decide."""
    if any_route(draft) is None:
        return False
    to = {
        "destination": {
            "host": draft.pick([API, "egw.team-egress.svc.cluster.local"]),
            "port": {"number": draft.pick([80, 443])},
        }
    }
    rules = [{"route": [to]}]
    spec: Json = {"hosts": [draft.pick([API, WILDCARD])], "gateways": ["mesh"], "http": rules}
    if draft.rng.random() < 0.3:
        spec |= {"tls": [{"match": [{"port": 443, "sniHosts": [API]}], "route": [to]}]}
    if draft.rng.random() < 0.4:
        spec["exportTo"] = draft.pick([["."], ["*"], ["team-a"]])
    namespace = draft.pick([NAMESPACE, "team-a"])
    draft.add("VirtualService", "beside", spec, namespace, older=draft.pick([-20, 20]))
    return True


def _server_names(draft: Draft) -> bool:
    route = any_route(draft, ("TLSRoute",))
    if route is None:
        return False
    route["spec"]["hostnames"] = draft.pick([[API, PAY], ["*.example"], [WILDCARD, OTHER], [API, WILDCARD]])
    gateway = kubernetes_gateway(draft)
    if gateway is not None and draft.rng.random() < 0.5:
        gateway["spec"]["listeners"][0]["hostname"] = draft.pick([WILDCARD, "*.example", PAY])
    return True


def _second_policy(draft: Draft) -> bool:
    if not backend_tls(draft):
        return False
    policy = copy.deepcopy(draft.found("BackendTLSPolicy")[-1])
    spec = policy["spec"]
    spec["validation"] |= draft.pick([{"hostname": PAY}, {"hostname": OTHER}])
    spec["targetRefs"][0].pop("sectionName", None)
    if draft.rng.random() < 0.4:
        spec["validation"].pop("wellKnownCACertificates")
        spec["validation"]["caCertificateRefs"] = [{"group": "", "kind": "ConfigMap", "name": "absent"}]
    draft.add("BackendTLSPolicy", "second", spec, older=draft.pick([-20, 20]))
    return True


def _policy_beside_rule(draft: Draft) -> bool:
    """A DestinationRule for the host of a BackendTLSPolicy."""
    if not backend_tls(draft):
        return False
    policy = draft.pick(
        [
            {"tls": {"mode": "DISABLE"}},
            {"tls": {"mode": "SIMPLE", "sni": OTHER}},
            {"portLevelSettings": [{"port": {"number": 443}, "tls": {"mode": "SIMPLE"}}]},
            {"connectionPool": {"tcp": {"maxConnections": 9}}},
        ]
    )
    draft.add("DestinationRule", "beside", {"host": API, "trafficPolicy": policy}, draft.pick([NAMESPACE, "team-a"]))
    return True


def _client_certificates(draft: Draft) -> bool:
    gateway = kubernetes_gateway(draft)
    if gateway is None or not listener_tls(draft):
        return False
    validation: Json = {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "absent"}]}
    if draft.rng.random() < 0.5:
        validation["mode"] = "AllowInsecureFallback"
    gateway["spec"]["tls"] = {"frontend": {"default": {"validation": validation}}}
    return True


def _class(draft: Draft) -> bool:
    gateway = kubernetes_gateway(draft)
    if gateway is None:
        return False
    gateway["spec"]["gatewayClassName"] = draft.pick(["other", "istio-remote", "own", "foreign"])
    for name, controller in (("own", "istio.io/gateway-controller"), ("foreign", "example.com/gateway")):
        made = draft.add("GatewayClass", name, {"controllerName": controller}, "")
        del made["metadata"]["namespace"]
    return True


@changes("gateway-api")
def _changes() -> dict[str, Change]:
    return {
        "route with a Service as parent": _service_parent,
        "route beside a VirtualService": _beside_virtual_service,
        "two routes": _second_route,
        "TLSRoute.hostnames": _server_names,
        "two listeners": _second_listener,
        "two Gateways": _second_gateway,
        "Gateway.listeners.allowedRoutes.kinds": _allowed_kinds,
        "Gateway.spec.tls.frontend": _client_certificates,
        "Gateway.gatewayClassName": _class,
        "route of a ListenerSet": _attached_to_set,
        "two BackendTLSPolicies": _second_policy,
        "BackendTLSPolicy beside a DestinationRule": _policy_beside_rule,
    }
