"""Changes of Istio Gateways.

They concern servers, hosts, protocols, TLS, selectors, and rivals on the same port.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.istiod.meshes.draft import API, NAMESPACE, OTHER, PAY, WILDCARD, Change, Draft, Json, changes

_TLS: list[Any] = [
    {"mode": "PASSTHROUGH"},
    {"mode": "ISTIO_MUTUAL"},
    {"mode": "SIMPLE", "credentialName": "gw-cert"},
    {"mode": "MUTUAL", "credentialName": "gw-cert"},
    {"mode": "AUTO_PASSTHROUGH"},
    {"mode": "SIMPLE", "credentialNames": ["gw-cert"]},
    {"mode": "SIMPLE", "serverCertificate": "/etc/tls.crt", "privateKey": "/etc/tls.key"},
    {"mode": "OPTIONAL_MUTUAL", "credentialName": "gw-cert"},
    {},
    None,
]


def _istio(draft: Draft) -> Json | None:
    some = [each for each in draft.found("Gateway") if each["apiVersion"].startswith("networking.istio.io")]
    return draft.rng.choice(some) if some else None


def _server(draft: Draft) -> Json | None:
    gateway = _istio(draft)
    return draft.rng.choice(gateway["spec"]["servers"]) if gateway else None


def _hosts(draft: Draft) -> bool:
    server = _server(draft)
    if server is None:
        return False
    choices = [
        [WILDCARD],
        ["*"],
        [PAY],
        [API, PAY],
        [f"{NAMESPACE}/{API}"],
        [f"./{API}"],
        [f"*/{API}"],
        ["team-a/*"],
        [OTHER],
    ]
    server["hosts"] = draft.pick(choices)
    return True


def _port(draft: Draft) -> bool:
    server = _server(draft)
    if server is None:
        return False
    server["port"]["number"] = draft.pick([80, 443, 8080, 8443, 15443])
    return True


def _protocol(draft: Draft) -> bool:
    server = _server(draft)
    if server is None:
        return False
    server["port"]["protocol"] = draft.pick(["HTTP", "HTTP2", "HTTPS", "TLS", "TCP", "GRPC", "MONGO"])
    if server["port"]["protocol"] in ("HTTP", "HTTP2", "TCP", "GRPC", "MONGO"):
        server.pop("tls", None)
    elif "tls" not in server:
        server["tls"] = draft.pick([{"mode": "ISTIO_MUTUAL"}, {"mode": "PASSTHROUGH"}])
    return True


def _tls(draft: Draft) -> bool:
    server = _server(draft)
    if server is None:
        return False
    tls = draft.pick(_TLS)
    server.pop("tls", None)
    if tls is not None:
        server["tls"] = tls
    if {"credentialName", "credentialNames"} & set(tls or {}) and draft.rng.random() < 0.7:
        draft.secret(
            "gw-cert", draft.pick([["tls.crt", "tls.key", "ca.crt"], ["tls.crt", "tls.key"], ["cert", "key", "cacert"]])
        )
    return True


def _redirect(draft: Draft) -> bool:
    server = _server(draft)
    if server is None:
        return False
    server["tls"] = {**server.get("tls", {}), "httpsRedirect": True}
    return True


def _server_field(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        server = _server(draft)
        if server is None:
            return False
        server[field] = draft.pick(values)
        return True

    return change


def _tls_fields(draft: Draft) -> bool:
    server = _server(draft)
    if server is None or "tls" not in server:
        return False
    server["tls"] |= draft.pick(
        [{"minProtocolVersion": "TLSV1_3"}, {"subjectAltNames": ["spiffe://cluster.local/ns/team-a/sa/default"]}]
    )
    return True


def _bind(draft: Draft) -> bool:
    server = _server(draft)
    if server is None:
        return False
    server["bind"] = draft.pick(["127.0.0.1", "0.0.0.0", "10.244.0.5"])
    return True


def _selector(draft: Draft) -> bool:
    gateway = _istio(draft)
    if gateway is None:
        return False
    gateway["spec"]["selector"] = draft.pick(
        [{"app": "egw"}, {"istio": "other"}, {}, {"istio": "egw", "app": "egw"}, {"app": "web"}]
    )
    return True


def _namespace(draft: Draft) -> bool:
    gateway = _istio(draft)
    if gateway is None:
        return False
    gateway["metadata"]["namespace"] = draft.pick(["team-a", "aks-istio-system"])
    return True


def _missing(draft: Draft) -> bool:
    gateway = _istio(draft)
    if gateway is None:
        return False
    draft.remove(gateway)
    return True


def _rival(draft: Draft) -> bool:
    gateway = _istio(draft)
    if gateway is None:
        return False
    server = copy.deepcopy(draft.rng.choice(gateway["spec"]["servers"]))
    server["hosts"] = draft.pick([[API], [WILDCARD], ["*"], [PAY], [OTHER]])
    if draft.rng.random() < 0.5:
        protocol, tls = draft.pick(
            [("HTTP", None), ("TLS", {"mode": "PASSTHROUGH"}), ("HTTPS", {"mode": "ISTIO_MUTUAL"}), ("TCP", None)]
        )
        server["port"]["protocol"] = protocol
        server.pop("tls", None)
        if tls:
            server["tls"] = tls
    namespace = draft.pick([NAMESPACE, NAMESPACE, "team-a"])
    draft.add(
        "Gateway",
        "rival-gw",
        {"selector": {"istio": "egw"}, "servers": [server]},
        namespace,
        older=draft.pick([60, -60]),
    )
    return True


def _second_server(draft: Draft) -> bool:
    gateway = _istio(draft)
    if gateway is None:
        return False
    server = copy.deepcopy(gateway["spec"]["servers"][0])
    server["hosts"] = draft.pick([[PAY], [WILDCARD], [OTHER], [API]])
    server["port"]["name"] += "-more"
    if draft.rng.random() < 0.3:
        server["port"]["number"] = draft.pick([80, 443])
    gateway["spec"]["servers"].insert(draft.pick([0, 1]), server)
    return True


@changes("Gateway")
def _changes() -> dict[str, Change]:
    return {
        "servers.hosts": _hosts,
        "servers.port.number": _port,
        "servers.port.protocol": _protocol,
        "servers.tls.mode": _tls,
        "servers.tls.httpsRedirect": _redirect,
        "servers.bind": _bind,
        "servers.defaultEndpoint": _server_field("defaultEndpoint", ["127.0.0.1:8080"]),
        "servers.name": _server_field("name", ["first"]),
        "servers.tls": _tls_fields,
        "selector": _selector,
        "namespace": _namespace,
        "missing": _missing,
        "rival": _rival,
        "second server": _second_server,
    }
