"""The canonical egress configurations (docs/domain/istio.md), each for one plain request."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.istiod.meshes.draft import API, SERVICE, WILDCARD, Draft, Json, Plain

SUBSET = "bank"


def _entry(draft: Draft, *ports: tuple[int, str], host: str = API, **more: object) -> None:
    listed = [
        {"number": number, "name": f"{protocol.lower()}-{number}", "protocol": protocol} for number, protocol in ports
    ]
    draft.add(
        "ServiceEntry",
        "bank",
        {"hosts": [host], "location": "MESH_EXTERNAL", "ports": listed, "resolution": "DNS", **more},
    )


def _gateway(draft: Draft, port: int, protocol: str, host: str = API, tls: Json | None = None) -> None:
    server: Json = {
        "port": {"number": port, "name": f"{protocol.lower()}-{port}", "protocol": protocol},
        "hosts": [host],
    }
    if tls:
        server["tls"] = tls
    draft.add("Gateway", "bank-gw", {"selector": {"istio": "egw"}, "servers": [server]})


def _subset(draft: Draft, policy: Json | None = None) -> None:
    subset: Json = {"name": SUBSET, **({"trafficPolicy": policy} if policy else {})}
    draft.add("DestinationRule", "gw-dr", {"host": SERVICE, "subsets": [subset]})


def _to(host: str, port: int, subset: str = "") -> list[Json]:
    return [{"destination": {"host": host, "port": {"number": port}, **({"subset": subset} if subset else {})}}]


def _service(draft: Draft, host: str = API, **rules: list[Json]) -> None:
    draft.add("VirtualService", "bank-vs", {"hosts": [host], "gateways": ["bank-gw", "mesh"], **rules})


def _http_rules(mesh_port: int, gateway_port: int, out: int) -> list[Json]:
    return [
        {"match": [{"gateways": ["mesh"], "port": mesh_port}], "route": _to(SERVICE, gateway_port, SUBSET)},
        {"match": [{"gateways": ["bank-gw"], "port": gateway_port}], "route": _to(API, out)},
    ]


def _tls_rules(port: int, host: str = API, destination: str = API) -> list[Json]:
    return [
        {"match": [{"gateways": ["mesh"], "port": port, "sniHosts": [host]}], "route": _to(SERVICE, 443, SUBSET)},
        {"match": [{"gateways": ["bank-gw"], "port": 443, "sniHosts": [host]}], "route": _to(destination, port)},
    ]


def _tcp_rules(port: int, gateway_port: int) -> list[Json]:
    return [
        {"match": [{"gateways": ["mesh"], "port": port}], "route": _to(SERVICE, gateway_port, SUBSET)},
        {"match": [{"gateways": ["bank-gw"], "port": gateway_port}], "route": _to(API, port)},
    ]


def http(draft: Draft) -> None:
    """Plain HTTP at each hop."""
    _entry(draft, (80, "HTTP"))
    _gateway(draft, 80, "HTTP")
    _subset(draft)
    _service(draft, http=_http_rules(80, 80, 80))


def http_and_tls(draft: Draft) -> None:
    """HTTP and passthrough for one host, as in Istio's documentation."""
    _entry(draft, (80, "HTTP"), (443, "TLS"))
    draft.add(
        "Gateway",
        "bank-gw",
        {
            "selector": {"istio": "egw"},
            "servers": [
                {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [API]},
                {
                    "port": {"number": 443, "name": "tls", "protocol": "TLS"},
                    "hosts": [API],
                    "tls": {"mode": "PASSTHROUGH"},
                },
            ],
        },
    )
    _subset(draft)
    _service(draft, http=_http_rules(80, 80, 80), tls=_tls_rules(443))


def http_mutual(draft: Draft) -> None:
    """HTTP with Istio's mutual TLS from the sidecar to the gateway."""
    _entry(draft, (80, "HTTP"))
    _gateway(draft, 80, "HTTPS", tls={"mode": "ISTIO_MUTUAL"})
    _subset(draft, _mutual(80))
    _service(draft, http=_http_rules(80, 80, 80))


def _mutual(port: int) -> Json:
    return {"portLevelSettings": [{"port": {"number": port}, "tls": {"mode": "ISTIO_MUTUAL", "sni": API}}]}


def passthrough(draft: Draft) -> None:
    """TLS of the application, passed through by its SNI."""
    _entry(draft, (443, "TLS"))
    _gateway(draft, 443, "TLS", tls={"mode": "PASSTHROUGH"})
    _subset(draft)
    _service(draft, tls=_tls_rules(443))


def passthrough_wildcard(draft: Draft) -> None:
    """TLS of every host under a wildcard, all to one server."""
    _entry(draft, (443, "TLS"))
    _gateway(draft, 443, "TLS", host=WILDCARD, tls={"mode": "PASSTHROUGH"})
    _subset(draft)
    _service(draft, host=WILDCARD, tls=_tls_rules(443, WILDCARD))


def passthrough_mutual(draft: Draft) -> None:
    """TLS of the application inside Istio's mutual TLS up to the gateway."""
    _entry(draft, (443, "TLS"))
    _gateway(draft, 443, "TLS", tls={"mode": "ISTIO_MUTUAL"})
    _subset(draft, _mutual(443))
    _service(
        draft,
        tls=_tls_rules(443)[:1],
        tcp=[{"match": [{"gateways": ["bank-gw"], "port": 443}], "route": _to(API, 443)}],
    )


def origination(draft: Draft) -> None:
    """HTTP of the application, TLS from the gateway on."""
    _entry(draft, (80, "HTTP"), (443, "HTTPS"))
    _gateway(draft, 80, "HTTPS", tls={"mode": "ISTIO_MUTUAL"})
    _subset(draft, _mutual(80))
    _service(draft, http=_http_rules(80, 80, 443))
    draft.add("DestinationRule", "bank-dr", {"host": API, "trafficPolicy": _simple()})


def _simple() -> Json:
    return {"portLevelSettings": [{"port": {"number": 443}, "tls": {"mode": "SIMPLE"}}]}


def origination_plain(draft: Draft) -> None:
    """The same with plain HTTP up to the gateway."""
    _entry(draft, (80, "HTTP"), (443, "HTTPS"))
    _gateway(draft, 80, "HTTP")
    _subset(draft)
    _service(draft, http=_http_rules(80, 80, 443))
    draft.add("DestinationRule", "bank-dr", {"host": API, "trafficPolicy": _simple()})


def origination_client_certificate(draft: Draft) -> None:
    """TLS with a client certificate from the gateway on."""
    origination(draft)
    rule = draft.found("DestinationRule")[-1]
    rule["spec"]["trafficPolicy"] = {
        "portLevelSettings": [
            {"port": {"number": 443}, "tls": {"mode": "MUTUAL", "credentialName": "bank-client", "sni": API}}
        ]
    }
    draft.secret("bank-client", ["tls.crt", "tls.key", "ca.crt"])


def tcp(draft: Draft) -> None:
    """A TCP port over the gateway's port 443."""
    _entry(draft, (5432, "TCP"))
    _gateway(draft, 443, "TCP")
    _subset(draft)
    _service(draft, tcp=_tcp_rules(5432, 443))


def tcp_mutual(draft: Draft) -> None:
    """A TCP port over Istio's mutual TLS."""
    _entry(draft, (5432, "TCP"))
    _gateway(draft, 443, "TLS", tls={"mode": "ISTIO_MUTUAL"})
    _subset(draft, _mutual(443))
    _service(draft, tcp=_tcp_rules(5432, 443))


def tunnel(draft: Draft) -> None:
    """A TCP port through a CONNECT tunnel of an outside forward proxy."""
    _entry(draft, (5432, "TCP"))
    listed = [{"number": 3128, "name": "http-connect", "protocol": "HTTP"}]
    draft.add(
        "ServiceEntry",
        "proxy",
        {"hosts": ["proxy.example"], "location": "MESH_EXTERNAL", "ports": listed, "resolution": "DNS"},
    )
    _gateway(draft, 443, "TCP")
    _subset(draft)
    tunnelled = {
        "name": "out",
        "trafficPolicy": {"tunnel": {"protocol": "CONNECT", "targetHost": API, "targetPort": 5432}},
    }
    draft.add("DestinationRule", "bank-dr", {"host": "proxy.example", "subsets": [tunnelled]})
    rules = _tcp_rules(5432, 443)
    rules[1]["route"] = _to("proxy.example", 3128, "out")
    _service(draft, tcp=rules)


def gateway_api_http(draft: Draft) -> None:
    """The manual model of the Gateway API: HTTPRoutes at the sidecar and at the gateway."""
    _entry(draft, (80, "HTTP"), (443, "HTTPS"))
    _kubernetes_gateway(draft, {"name": "http", "port": 80, "protocol": "HTTP", "hostname": API})
    entry = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank"}
    draft.add(
        "HTTPRoute", "to-gateway", {"parentRefs": [entry], "rules": [{"backendRefs": [{"name": "egw", "port": 80}]}]}
    )
    draft.add(
        "HTTPRoute",
        "to-bank",
        {"parentRefs": [{"name": "bank"}], "hostnames": [API], "rules": [{"backendRefs": [_hostname(80)]}]},
    )


def _hostname(port: int) -> Json:
    return {"group": "networking.istio.io", "kind": "Hostname", "name": API, "port": port}


def _kubernetes_gateway(draft: Draft, *listeners: Json) -> None:
    addresses = [{"type": "Hostname", "value": SERVICE}]
    spec = {"gatewayClassName": "istio", "addresses": addresses, "listeners": list(listeners)}
    draft.add("Gateway", "bank", spec, api="gateway-api")


def gateway_api_tls(draft: Draft) -> None:
    """The manual model with TLSRoutes."""
    _entry(draft, (443, "TLS"))
    _kubernetes_gateway(
        draft, {"name": "tls", "port": 443, "protocol": "TLS", "hostname": API, "tls": {"mode": "Passthrough"}}
    )
    entry = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank"}
    backend = {"backendRefs": [{"name": "egw", "port": 443}]}
    draft.add("TLSRoute", "to-gateway", {"parentRefs": [entry], "hostnames": [API], "rules": [backend]})
    out = {"backendRefs": [_hostname(443)]}
    draft.add("TLSRoute", "to-bank", {"parentRefs": [{"name": "bank"}], "hostnames": [API], "rules": [out]})


def gateway_api_tcp(draft: Draft) -> None:
    """The manual model with TCPRoutes."""
    _entry(draft, (5432, "TCP"))
    _kubernetes_gateway(draft, {"name": "tcp", "port": 443, "protocol": "TCP"})
    entry = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank"}
    draft.add(
        "TCPRoute", "to-gateway", {"parentRefs": [entry], "rules": [{"backendRefs": [{"name": "egw", "port": 443}]}]}
    )
    draft.add("TCPRoute", "to-bank", {"parentRefs": [{"name": "bank"}], "rules": [{"backendRefs": [_hostname(5432)]}]})


def gateway_api_mutual(draft: Draft) -> None:
    """The manual model with Istio's mutual TLS up to the gateway."""
    gateway_api_http(draft)
    gateway = draft.found("Gateway")[-1]
    gateway["spec"]["listeners"] = [
        {
            "name": "https",
            "port": 80,
            "protocol": "HTTPS",
            "hostname": API,
            "tls": {"mode": "Terminate", "options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"}},
        }
    ]
    draft.add("DestinationRule", "gw-dr", {"host": SERVICE, "trafficPolicy": _mutual(80)})


_KINDS: dict[str, tuple[Callable[[Draft], None], Plain]] = {
    "http": (http, Plain("http", API, 80)),
    "http-and-tls": (http_and_tls, Plain("http", API, 80)),
    "http-mutual": (http_mutual, Plain("http", API, 80)),
    "passthrough": (passthrough, Plain("https", API, 443)),
    "passthrough-wildcard": (passthrough_wildcard, Plain("https", API, 443)),
    "passthrough-mutual": (passthrough_mutual, Plain("https", API, 443)),
    "origination": (origination, Plain("http", API, 80)),
    "origination-plain": (origination_plain, Plain("http", API, 80)),
    "origination-client-certificate": (origination_client_certificate, Plain("http", API, 80)),
    "tcp": (tcp, Plain("tcp", API, 5432)),
    "tcp-mutual": (tcp_mutual, Plain("tcp", API, 5432)),
    "tunnel": (tunnel, Plain("tcp", API, 5432)),
    "gateway-api-http": (gateway_api_http, Plain("http", API, 80)),
    "gateway-api-mutual": (gateway_api_mutual, Plain("http", API, 80)),
    "gateway-api-tls": (gateway_api_tls, Plain("https", API, 443)),
    "gateway-api-tcp": (gateway_api_tcp, Plain("tcp", API, 5432)),
}
KINDS = tuple(_KINDS)


def canonical(kind: str, rng: random.Random) -> Draft:
    """A canonical configuration, unchanged."""
    build, plain = _KINDS[kind]
    draft = Draft(rng, kind, plain)
    build(draft)
    return draft
