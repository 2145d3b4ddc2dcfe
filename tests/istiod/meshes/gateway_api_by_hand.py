"""Meshes of the Gateway API written by hand.

They are about listeners, the routes that attach to them, and the clients of a route.
"""

from __future__ import annotations

from tests.istiod.meshes.draft import API, NAMESPACE, PAY, SERVICE, WILDCARD, Draft, Json
from tests.istiod.meshes.registry import Registry, ask

GATEWAY_API_MESHES = Registry()
_mesh = GATEWAY_API_MESHES.mesh
_TLS = (ask(API, "https"), ask(API, "https", "team-b/batch"), ask(PAY, "https"))
_MUTUAL = {"options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"}}
_CERTIFICATE = {"certificateRefs": [{"group": "", "kind": "Secret", "name": "gw-cert"}]}
_ENTRY = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank", "namespace": NAMESPACE}


def _listener(draft: Draft) -> Json:
    gateway = next(each for each in draft.found("Gateway") if each["apiVersion"].startswith("gateway.networking"))
    listener: Json = gateway["spec"]["listeners"][0]
    return listener


def _terminating(draft: Draft, tls: Json, **values: object) -> None:
    """The listener terminates the TLS of sidecars, or that of the application."""
    _listener(draft).update({"tls": {"mode": "Terminate", **tls}, **values})
    draft.secret("gw-cert", ["tls.crt", "tls.key"])
    if tls is _MUTUAL:
        policy = {"portLevelSettings": [{"port": {"number": 443}, "tls": {"mode": "ISTIO_MUTUAL", "sni": API}}]}
        draft.add("DestinationRule", "gw-dr", {"host": SERVICE, "trafficPolicy": policy})


def _outward(draft: Draft) -> Json:
    """The route of the gateway."""
    routes = [each for kind in ("TLSRoute", "TCPRoute", "HTTPRoute") for each in draft.found(kind)]
    return next(each for each in routes if each["metadata"]["name"] == "to-bank")


def _as_kind(draft: Draft, kind: str, *, beside: int = 0) -> None:
    """The route of the gateway as another kind.

    `beside`: in addition, older by so many minutes.
    """
    route = _outward(draft)
    spec = {key: value for key, value in route["spec"].items() if kind != "TCPRoute" or key != "hostnames"}
    if not beside:
        draft.remove(route)
    draft.add(kind, "to-bank", spec, older=beside)


# A listener that terminates TLS: the rules of a TLSRoute count as if they were TCP rules.


@_mesh("gateway-api-tls", *_TLS)
def _tls_route_behind_mutual_tls(draft: Draft) -> None:
    _terminating(draft, _MUTUAL)


@_mesh("gateway-api-tls", *_TLS)
def _tls_route_behind_a_certificate(draft: Draft) -> None:
    _terminating(draft, _CERTIFICATE)


@_mesh("gateway-api-tls", *_TLS)
def _tls_route_behind_a_certificate_with_tls_to_the_destination(draft: Draft) -> None:
    _terminating(draft, _CERTIFICATE)
    draft.add("DestinationRule", "bank-dr", {"host": API, "trafficPolicy": {"tls": {"mode": "SIMPLE"}}})


@_mesh("gateway-api-tls", *_TLS)
def _tls_route_for_another_name_behind_mutual_tls(draft: Draft) -> None:
    """The server names of the route count for nothing once TLS is terminated."""
    _terminating(draft, _MUTUAL, hostname=WILDCARD)
    _outward(draft)["spec"]["hostnames"] = [PAY]


@_mesh("gateway-api-tls", *_TLS)
def _tls_route_without_names_behind_mutual_tls(draft: Draft) -> None:
    _terminating(draft, _MUTUAL)
    _outward(draft)["spec"].pop("hostnames")


@_mesh("gateway-api-tls", *_TLS)
def _tls_route_without_weight_behind_mutual_tls(draft: Draft) -> None:
    _terminating(draft, _MUTUAL)
    _outward(draft)["spec"]["rules"][0]["backendRefs"][0]["weight"] = 0


@_mesh("gateway-api-tls", *_TLS)
def _tcp_route_behind_mutual_tls(draft: Draft) -> None:
    _terminating(draft, _MUTUAL)
    _as_kind(draft, "TCPRoute")


def _two_destinations(draft: Draft, older: int) -> None:
    """A TCPRoute to a port that does not exist, beside the TLSRoute."""
    _terminating(draft, _MUTUAL)
    _as_kind(draft, "TCPRoute", beside=older)
    added = draft.found("TCPRoute")[-1]
    backend = {**added["spec"]["rules"][0]["backendRefs"][0], "port": 8443}
    added["spec"]["rules"] = [{"backendRefs": [backend]}]


@_mesh("gateway-api-tls", *_TLS)
def _older_tcp_route_beside_a_tls_route(draft: Draft) -> None:
    _two_destinations(draft, 60)


@_mesh("gateway-api-tls", *_TLS)
def _younger_tcp_route_beside_a_tls_route(draft: Draft) -> None:
    _two_destinations(draft, -60)


@_mesh("gateway-api-tls", *_TLS)
def _http_route_at_a_tls_listener(draft: Draft) -> None:
    _terminating(draft, _MUTUAL)
    _as_kind(draft, "HTTPRoute")


@_mesh("gateway-api-tls", *_TLS)
def _tls_route_at_an_https_listener(draft: Draft) -> None:
    _terminating(draft, _MUTUAL, protocol="HTTPS")


@_mesh("gateway-api-tls", *_TLS, ask(API, "tcp", port=443))
def _tls_route_at_a_tcp_listener(draft: Draft) -> None:
    listener = _listener(draft)
    listener["protocol"] = "TCP"
    del listener["tls"], listener["hostname"]


@_mesh("gateway-api-tls", *_TLS)
def _tcp_route_at_a_passthrough_listener(draft: Draft) -> None:
    _as_kind(draft, "TCPRoute")


# Routes of sidecars beside the clients, and for all clients.


def _of_client(draft: Draft, kind: str) -> Json:
    """The route of sidecars in the clients' namespace."""
    route = next(each for each in draft.found(kind) if each["metadata"]["name"] == "to-gateway")
    route["metadata"]["namespace"] = "team-a"
    route["spec"]["parentRefs"] = [_ENTRY]
    route["spec"]["rules"][0]["backendRefs"][0]["namespace"] = NAMESPACE
    return route


@_mesh("gateway-api-http", ask(API), ask(API, client="team-b/batch"))
def _route_of_consumers(draft: Draft) -> None:
    """An HTTPRoute applies to the clients of its own namespace only."""
    _of_client(draft, "HTTPRoute")


@_mesh("gateway-api-http", ask(API), ask(API, client="team-b/batch"))
def _route_of_consumers_and_any_unknown_host(draft: Draft) -> None:
    _of_client(draft, "HTTPRoute")
    draft.mesh["outboundTrafficPolicy"] = {"mode": "ALLOW_ANY"}


@_mesh("gateway-api-tls", ask(API, "https"), ask(API, "https", "team-b/batch"))
def _tls_route_of_consumers(draft: Draft) -> None:
    """A TLSRoute applies to all clients."""
    _of_client(draft, "TLSRoute")


@_mesh("gateway-api-tcp", ask(API, "tcp", port=5432), ask(API, "tcp", "team-b/batch", 5432))
def _tcp_route_of_consumers(draft: Draft) -> None:
    _of_client(draft, "TCPRoute")
