"""Big clusters, made of the base cluster: many gateways, Istio objects and pods."""

import copy
from dataclasses import replace
from typing import Any

from tests.clusters.compose import Cluster, Manifest, identity, named

GATEWAY_KINDS = {
    "Deployment", "ReplicaSet", "Pod", "Service", "EndpointSlice", "HorizontalPodAutoscaler", "PodDisruptionBudget",
    "StaticGatewayConfiguration", "GatewayLBConfiguration", "GatewayVMConfiguration", "PodEndpoint", "ServiceAccount",
    "Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "Telemetry", "Namespace",
}  # fmt: skip
NAMESPACE = "team-egress"


def big_cluster(gateways: int, istio_objects: int, pods: int = 0) -> Cluster:
    """A healthy cluster with so many gateways, Istio objects and other pods.

    Each gateway is in a namespace of its own with its objects; further ServiceEntries make up `istio_objects`.
    """
    base = named("base")
    own = [o for o in base.objects if _is_of_gateway(o)]
    rest = [_own(o) for o in base.objects if not _is_of_gateway(o)]
    objects: list[Manifest] = list(rest)
    for number in range(gateways):
        objects += [_renamed(each, number) for each in own]
    istio = [o for o in objects if "istio.io" in str(o["apiVersion"])]
    objects += [_entry(n) for n in range(max(0, istio_objects - len(istio)))]
    objects += [_pod(n) for n in range(pods)]
    _serve_all(objects, gateways)
    logs = {k: v for k, v in base.logs.items() if not k.startswith(f"{NAMESPACE}/")}
    for number in range(gateways):
        logs |= {_text(k, number): _text(v, number) for k, v in base.logs.items() if k.startswith(f"{NAMESPACE}/")}
    return replace(base, objects=tuple(objects), logs=logs, managed_cluster=_profile(base.managed_cluster, gateways))


def _own(manifest: Manifest) -> Manifest:
    """The object itself, or a copy of what `_serve_all` changes: all tests share the base."""
    return copy.deepcopy(manifest) if manifest["kind"] == "GatewayStatus" else manifest


def _is_of_gateway(manifest: Manifest) -> bool:
    _, kind, namespace, name = identity(manifest)
    return kind in GATEWAY_KINDS and (namespace == NAMESPACE or (kind == "Namespace" and name == NAMESPACE))


def _renamed(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {_text(k, number) if isinstance(k, str) else k: _renamed(v, number) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(each, number) for each in value]
    return _text(value, number) if isinstance(value, str) else value


def _text(text: str, number: int) -> str:
    """The text with numbered names and with addresses of its own.

    The names are those of the base's namespace, gateway, configuration and host.
    """
    block, rest = divmod(number, 250)
    return (
        text.replace("10.244.0.5", f"10.244.{rest}.{30 + 2 * block}")
        .replace("10.244.1.5", f"10.244.{rest}.{31 + 2 * block}")
        .replace("10.0.128.17", f"10.0.{rest}.{100 + block}")
        .replace(NAMESPACE, f"team-{number}")
        .replace("edition.cnn.com", f"api-{number}.example.com")
        .replace("egw", f"egw-{number}")
    )


def _serve_all(objects: list[Manifest], gateways: int) -> None:
    """The gateway nodes serve every configuration and know every pod."""
    for each in objects:
        if each["kind"] != "GatewayStatus":
            continue
        spec = each["spec"] = copy.deepcopy(each["spec"])
        for key in ("readyGatewayConfigurations", "readyPeerConfigurations"):
            first = spec.get(key) or []
            spec[key] = [_renamed(one, number) for number in range(gateways) for one in first]


def _profile(managed_cluster: Manifest | None, gateways: int) -> Manifest:
    found = copy.deepcopy(managed_cluster or {})
    entry = found["properties"]["serviceMeshProfile"]["istio"]["components"]["egressGateways"][0]
    found["properties"]["serviceMeshProfile"]["istio"]["components"]["egressGateways"] = [
        _renamed(entry, number) for number in range(gateways)
    ]
    return found


def _entry(number: int) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": f"other-{number}", "namespace": "shop", "creationTimestamp": "2026-11-01T10:00:00Z"},
        "spec": {
            "hosts": [f"other-{number}.example.net"],
            "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
            "resolution": "DNS",
            "location": "MESH_EXTERNAL",
        },
    }


def _pod(number: int) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"web-{number}",
            "namespace": "shop",
            "labels": {"app": "web", "pod-template-hash": "7d9f"},
            "creationTimestamp": "2026-11-01T10:00:00Z",
            "uid": f"00000000-0000-4000-8000-{number:012d}",
        },
        "spec": {
            "nodeName": "aks-apps-0",
            "containers": [
                {"name": "web", "image": "shop/web:1", "env": [{"name": f"V{n}", "value": str(n)} for n in range(15)]},
                {
                    "name": "istio-proxy",
                    "image": "proxyv2",
                    "env": [{"name": f"P{n}", "value": "x"} for n in range(15)],
                },
            ],
        },
        "status": {
            "phase": "Running",
            "podIP": f"10.244.{number // 250}.{number % 250}",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {
                    "name": name,
                    "ready": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": "2026-11-01T10:00:00Z"}},
                }
                for name in ("web", "istio-proxy")
            ],
        },
    }
