"""Sidecars: which hosts they import, their outbound policy, ports and egress proxy."""

from __future__ import annotations

from typing import Any

from tests.istiod.meshes.draft import API, NAMESPACE, ROOT, SERVICE, Change, Draft, Json, changes

_HOSTS: list[list[str]] = [
    ["./*"],
    ["./*", f"{NAMESPACE}/*"],
    ["*/*"],
    ["~/*"],
    [f"{NAMESPACE}/{API}"],
    [f"*/{API}", f"{NAMESPACE}/*"],
    [f"{NAMESPACE}/{SERVICE}"],
    ["*/*.bank.example", "*/*.svc.cluster.local"],
    ["*/*", f"~{NAMESPACE}/*"],
    ["*/*", f"~/{API}"],
]


def _sidecar(draft: Draft, spec: Json) -> bool:
    namespace = draft.pick(["team-a", "team-a", ROOT])
    if namespace == "team-a" and draft.rng.random() < 0.3:
        spec["workloadSelector"] = {"labels": draft.pick([{"app": "web"}, {"app": "other"}])}
    draft.add("Sidecar", f"sidecar-{len(draft.objects)}", spec, namespace, older=draft.pick([60, -60]))
    return True


def _hosts(draft: Draft) -> bool:
    return _sidecar(draft, {"egress": [{"hosts": draft.pick(_HOSTS)}]})


def _policy(draft: Draft) -> bool:
    policy: Any = draft.pick([{"mode": "ALLOW_ANY"}, {"mode": "REGISTRY_ONLY"}, {}])
    spec: Json = {"outboundTrafficPolicy": policy}
    if draft.rng.random() < 0.5:
        spec["egress"] = [{"hosts": draft.pick(_HOSTS)}]
    return _sidecar(draft, spec)


def _port(draft: Draft) -> bool:
    number, protocol = draft.pick([(80, "HTTP"), (443, "TLS"), (5432, "TCP"), (8080, "HTTP"), (443, "HTTPS")])
    listener: Json = {"port": {"number": number, "name": "out", "protocol": protocol}, "hosts": draft.pick(_HOSTS)}
    if draft.rng.random() < 0.3:
        listener["bind"] = draft.pick(["0.0.0.0", "127.0.0.1"])
    rest = [{"hosts": draft.pick(_HOSTS)}] if draft.rng.random() < 0.5 else []
    return _sidecar(draft, {"egress": [listener, *rest]})


def _egress_proxy(draft: Draft) -> bool:
    proxy = {"host": SERVICE, "port": {"number": draft.pick([80, 443])}}
    if draft.rng.random() < 0.3:
        proxy["subset"] = "bank"
    policy = {"mode": "ALLOW_ANY", "egressProxy": proxy}
    spec: Json = {"outboundTrafficPolicy": policy, "egress": [{"hosts": draft.pick(_HOSTS)}]}
    return _sidecar(draft, spec)


def _capture_mode(draft: Draft) -> bool:
    listener = {
        "port": {"number": draft.pick([80, 443]), "name": "out", "protocol": draft.pick(["HTTP", "TLS", "TCP"])},
        "captureMode": draft.pick(["NONE", "IPTABLES", "DEFAULT"]),
        "bind": "127.0.0.1",
        "hosts": draft.pick(_HOSTS),
    }
    return _sidecar(draft, {"egress": [listener, {"hosts": ["*/*"]}]})


def _ingress(draft: Draft) -> bool:
    listener = {"port": {"number": 8080, "name": "in", "protocol": "HTTP"}, "defaultEndpoint": "127.0.0.1:8080"}
    return _sidecar(draft, {"ingress": [listener], "egress": [{"hosts": draft.pick(_HOSTS)}]})


@changes("Sidecar")
def _changes() -> dict[str, Change]:
    return {
        "egress.hosts": _hosts,
        "outboundTrafficPolicy": _policy,
        "egress.port": _port,
        "outboundTrafficPolicy.egressProxy": _egress_proxy,
        "egress.captureMode": _capture_mode,
        "ingress": _ingress,
        "two objects": lambda draft: _hosts(draft) and _policy(draft),
    }
