"""A mesh in the making: a healthy cluster with Istio objects that mutations change."""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson
import yaml

from tests.clusters.compose import Cluster, before, compose, named
from tests.istiod.defaults import defaulted

Json = dict[str, Any]
_Value = TypeVar("_Value")

NAMESPACE = "team-egress"
GATEWAY = "egw"
SERVICE = f"{GATEWAY}.{NAMESPACE}.svc.cluster.local"
API, PAY, OTHER, STRANGER = "api.bank.example", "pay.bank.example", "www.other.example", "nobody.example"
WILDCARD = "*.bank.example"
CLIENTS = ("team-a/web", "team-b/batch")
ROOT = "aks-istio-system"
REVISION = "asm-1-31"
"""The revision of the meshes: the version of the istiod code that judges them."""

_GATEWAY_API = "gateway.networking.k8s.io/v1"
_SECURITY = "security.istio.io/v1"
_API = {
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "AuthorizationPolicy": _SECURITY,
    "PeerAuthentication": _SECURITY,
    "RequestAuthentication": _SECURITY,
    "HTTPRoute": _GATEWAY_API,
    "GRPCRoute": _GATEWAY_API,
    "TLSRoute": _GATEWAY_API,
    "TCPRoute": _GATEWAY_API,
    "ListenerSet": _GATEWAY_API,
    "BackendTLSPolicy": _GATEWAY_API,
    "GatewayClass": _GATEWAY_API,
    "ReferenceGrant": "gateway.networking.k8s.io/v1beta1",
    "gateway-api": _GATEWAY_API,
    "Secret": "v1",
}


@dataclass(frozen=True, slots=True)
class Plain:
    """The request for which a canonical configuration is made."""

    scheme: str
    host: str
    port: int


class Draft:
    """The objects and settings of one mesh, and the requests that its changes call for."""

    def __init__(self, rng: random.Random, kind: str, plain: Plain) -> None:
        self.rng, self.kind, self.plain = rng, kind, plain
        self.objects: list[Json] = []
        self.changes: list[Json] = []
        self.mesh: Json = {}
        self.own_mesh: Json = {}
        self.paths: list[str] = []
        self.headers: list[tuple[str, str]] = []
        self.methods: list[str] = []
        self.ports: list[tuple[str, int]] = []
        self._minutes: dict[int, int] = {}

    def pick(self, of: Sequence[_Value]) -> _Value:
        """One of the values."""
        return copy.deepcopy(self.rng.choice(of))

    def add(
        self, kind: str, name: str, spec: Json, namespace: str = NAMESPACE, *, api: str = "", older: int = 0
    ) -> Json:
        """A new object; `older` are minutes by which it is older than the canonical ones."""
        taken = {
            each["metadata"]["name"] for each in self.found(kind) if each["metadata"].get("namespace", "") == namespace
        }
        while name in taken:
            name += "-2"
        manifest: Json = {
            "apiVersion": _API.get(api or kind, "networking.istio.io/v1"),
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
        self.objects.append(manifest)
        self._minutes[id(manifest)] = older or -len(self.objects)
        return manifest

    def secret(self, name: str, keys: Sequence[str], namespace: str = NAMESPACE) -> Json:
        """A Secret with these keys."""
        manifest = self.add("Secret", name, {}, namespace)
        del manifest["spec"]
        manifest |= {"type": "Opaque", "data": dict.fromkeys(keys, _PEM)}
        return manifest

    def found(self, kind: str) -> list[Json]:
        """The objects of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str = "") -> Json | None:
        """One object of the kind, by name or at random; None where there is none."""
        some = [each for each in self.found(kind) if not name or each["metadata"]["name"] == name]
        return self.rng.choice(some) if some else None

    def same_age(self) -> None:
        """Makes all objects that exist now equally old."""
        self._minutes = dict.fromkeys(self._minutes, 0)

    def remove(self, manifest: Json) -> None:
        """Takes an object away."""
        self.objects = [each for each in self.objects if each is not manifest]

    def double(self, manifest: Json, name: str, namespace: str, *, older: int) -> Json:
        """A copy under another name."""
        copied = self.add(manifest["kind"], name, copy.deepcopy(manifest["spec"]), namespace, older=older)
        copied["apiVersion"] = manifest["apiVersion"]
        return copied

    def change(self, kind: str, namespace: str | None, name: str, patch: Json) -> None:
        """A merge patch of an object of the healthy cluster."""
        meta = {"name": name, **({"namespace": namespace} if namespace else {}), **patch.get("metadata", {})}
        self.changes.append({"kind": kind, **patch, "metadata": meta})

    def patch(self) -> Json:
        """The difference from the healthy cluster, as tests/clusters/compose.py reads it."""
        now = healthy().captured_at
        changed = [*self.changes, *self._mesh_changes()]
        return {"change": changed, "add": [self._aged(each, now) for each in self.objects]}

    def _mesh_changes(self) -> list[Json]:
        shared = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, **self.mesh}
        found = [(f"istio-shared-configmap-{REVISION}", shared)]
        if self.own_mesh:
            found.append(
                (f"istio-{REVISION}", {"rootNamespace": ROOT, "trustDomain": "cluster.local", **self.own_mesh})
            )
        return [
            {
                "kind": "ConfigMap",
                "metadata": {"namespace": ROOT, "name": name},
                "data": {"mesh": yaml.safe_dump(settings)},
            }
            for name, settings in found
        ]

    def _aged(self, manifest: Json, now: str) -> Json:
        minutes = 10 * 24 * 60 + self._minutes.get(id(manifest), 0)
        aged = copy.deepcopy(defaulted(manifest))
        aged["metadata"].setdefault("creationTimestamp", before(now, f"{minutes}m"))
        return aged


@functools.cache
def healthy() -> Cluster:
    """The healthy cluster without routing objects of its own."""
    cluster = compose(
        named("base"),
        {
            "remove": [
                f"ServiceEntry {NAMESPACE}/*",
                f"Gateway {NAMESPACE}/*",
                f"DestinationRule {NAMESPACE}/*",
                f"VirtualService {NAMESPACE}/*",
            ]
        },
    )
    return at_revision(cluster, "asm-1-30", REVISION)


def at_revision(cluster: Cluster, present: str, wanted: str) -> Cluster:
    """The cluster with another revision of the add-on."""
    written = {"objects": cluster.objects, "managed_cluster": cluster.managed_cluster, "logs": dict(cluster.logs)}
    found = orjson.loads(orjson.dumps(written).replace(present.encode(), wanted.encode()))
    return replace(
        cluster,
        objects=tuple(found["objects"]),
        managed_cluster=found["managed_cluster"],
        logs=found["logs"],
    )


Change = Callable[[Draft], bool]
_CHANGES: list[tuple[str, Change]] = []


def changes(prefix: str) -> Callable[[Callable[[], dict[str, Change]]], None]:
    """Registers the changes that a function lists by field."""

    def register(listing: Callable[[], dict[str, Change]]) -> None:
        _CHANGES.extend((f"{prefix}.{field}", change) for field, change in listing().items())

    return register


def all_changes() -> Sequence[tuple[str, Change]]:
    """Every registered change with the field that it is about."""
    return _CHANGES


_PEM = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"
