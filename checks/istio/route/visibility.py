"""Who sees what: exportTo and its mesh-wide defaults, discovery selectors, Sidecars, and the outbound policy.

A mesh's configuration is the `mesh` key of two ConfigMaps, the operator's and the add-on's; where both set a field the
add-on's wins (domain.md 5.2.3, 5.2.8, 5.2.11).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from checks.facts.istio_networking import ROOT_NAMESPACE, DestinationRule, Exported, Sidecar, VirtualService
from checks.facts.label_selectors import selects
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.view import Facts
from checks.istio.route.hosts import canonical, covers, matches
from checks.model.raw_values import Raw, items, text, texts

EVERYWHERE = ("*",)


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """What one revision's istiod is told. `written` are the ConfigMaps that it was read from, `malformed` those that
    hold no YAML mapping: istiod ignores these until they are mended."""

    revision: str
    raw: Raw
    written: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()

    @property
    def outbound_policy(self) -> str:
        """`ALLOW_ANY` where nothing is set; an empty block is `REGISTRY_ONLY`, enum value 0 (AKS#4311)."""
        if self.raw.get("outboundTrafficPolicy") is None:
            return "ALLOW_ANY"
        return text(self.raw, "outboundTrafficPolicy", "mode").upper() or "REGISTRY_ONLY"

    def default_export(self, kind: type[Exported]) -> tuple[str, ...]:
        """Where objects of this kind without `exportTo` are visible."""
        if kind is VirtualService:
            key = "defaultVirtualServiceExportTo"
        elif kind is DestinationRule:
            key = "defaultDestinationRuleExportTo"
        else:
            key = "defaultServiceExportTo"
        return texts(self.raw, key) or EVERYWHERE

    @property
    def discovery_selectors(self) -> tuple[Raw, ...]:
        """LabelSelectors of the namespaces that istiod looks at; none means all."""
        return items(self.raw, "discoverySelectors")

    @property
    def access_log_file(self) -> str:
        return text(self.raw, "accessLogFile")

    def discovers(self, namespace: Namespace | None) -> bool:
        """Whether istiod looks at this namespace. Its own always; one that cannot be read counts as seen."""
        if not self.discovery_selectors or namespace is None or namespace.name == ROOT_NAMESPACE:
            return True
        return any(selects(each, namespace.all_labels) for each in self.discovery_selectors)


def mesh_config(facts: Facts, revision: str) -> MeshConfig:
    """The effective mesh configuration of a revision, from what could be read: call `settle` before calling something
    healthy. Reads ConfigMap."""
    return facts.once("mesh configuration", lambda window: _mesh_config(window, revision), revision)


def gateway_mesh(facts: Facts) -> MeshConfig:
    """The configuration of the mesh that the gateway's proxies belong to: its newest revision's during an upgrade (that
    revisions differ is EG107's finding)."""
    return mesh_config(facts, max(facts.gateway.revisions, default=""))


def settle(facts: Facts) -> None:
    """Raises Unreadable where the mesh's settings could not be read: what is healthy by Istio's defaults may not be."""
    facts.in_namespace(ConfigMap, ROOT_NAMESPACE)


def _mesh_config(facts: Facts, revision: str) -> MeshConfig:
    merged: dict[str, Any] = {}
    written: list[str] = []
    malformed: list[str] = []
    maps = {each.name: each for each in facts.readable(ConfigMap, ROOT_NAMESPACE)}
    for name in (f"istio-shared-configmap-{revision}", f"istio-{revision}"):
        found = maps.get(name)
        if found is None or not found.data.get("mesh"):
            continue
        parsed = _parsed(found.data["mesh"])
        if parsed is None:
            malformed.append(found.ref)
            continue
        written.append(found.ref)
        for key, value in parsed.items():
            earlier = merged.get(str(key))
            nested = isinstance(value, Mapping) and isinstance(earlier, Mapping)
            merged[str(key)] = dict(earlier or {}, **value) if nested else value
    return MeshConfig(revision, merged, tuple(written), tuple(malformed))


def _parsed(written: str) -> Mapping[str, Any] | None:
    try:
        found = yaml.load(written, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 a safe loader
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if found is None:
        return {}
    return found if isinstance(found, Mapping) else None


def exported(export_to: tuple[str, ...], owner: str, viewer: str) -> bool:
    """Whether an object of namespace `owner` with this (effective) exportTo is visible in namespace `viewer`."""
    if "~" in export_to:
        return False
    return any(each in ("*", viewer) or (each == "." and owner == viewer) for each in export_to)


def export_of(thing: Exported, mesh: MeshConfig) -> tuple[str, ...]:
    """Its effective exportTo."""
    return thing.export_to or mesh.default_export(type(thing))


def visible(thing: Exported, viewer: str, mesh: MeshConfig) -> bool:
    """Whether proxies of namespace `viewer` get this object, as far as exportTo goes (Sidecars narrow that further)."""
    return exported(export_of(thing, mesh), thing.namespace, viewer)


def discovered(facts: Facts, namespace: str, mesh: MeshConfig) -> bool:
    """Whether istiod looks at this namespace at all. Reads Namespace, as far as it could be read."""
    return namespace not in facts.once("undiscovered", lambda window: _undiscovered(window, mesh), mesh.revision)


def _undiscovered(facts: Facts, mesh: MeshConfig) -> frozenset[str]:
    return frozenset(each.name for each in facts.readable(Namespace) if not mesh.discovers(each))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a client's sidecar imports: the `namespace/host` entries of the Sidecar that applies to it, or all."""

    sidecar: Sidecar | None
    namespace: str
    imported: tuple[tuple[str, str], ...] = (("*", "*"),)

    def imports_service(self, host: str, owner: str) -> bool:
        """Whether the sidecar gets this Service's or ServiceEntry's host, which lies in namespace `owner`."""
        return any(self._from(namespace, owner) and covers(dns, host) for namespace, dns in self.imported)

    def imports_route(self, route: VirtualService) -> bool:
        """Whether the sidecar gets this VirtualService; its destinations then come with it."""
        return any(
            self._from(namespace, route.namespace) and any(matches(dns, canonical(host)) for host in route.hosts)
            for namespace, dns in self.imported
        )

    def _from(self, namespace: str, owner: str) -> bool:
        return namespace in ("*", owner) or (namespace == "." and owner == self.namespace)


def sidecar_scope(facts: Facts, namespace: str, labels: Mapping[str, str] | None = None) -> Scope:
    """The scope of a client's proxy: a Sidecar of its namespace that selects its labels, else the namespace's without a
    selector, else the root namespace's; within each the oldest. Without labels, the namespace's default. Reads Sidecar.
    Raises Unreadable."""
    own = sorted(facts.in_namespace(Sidecar, namespace), key=age)
    chosen = next((s for s in own if s.workload_selector and labels and selects(s.workload_selector, labels)), None)
    chosen = chosen or next((s for s in own if not s.workload_selector), None)
    if chosen is None:
        root = sorted(facts.in_namespace(Sidecar, ROOT_NAMESPACE), key=age)
        chosen = next((s for s in root if not s.workload_selector), None)
    if chosen is None:
        return Scope(None, namespace)
    # A Sidecar without egress listeners narrows nothing.
    entries = [host for listener in chosen.egress for host in texts(listener, "hosts")] if chosen.egress else ["*/*"]
    return Scope(chosen, namespace, tuple(_import(each) for each in entries))


def _import(written: str) -> tuple[str, str]:
    namespace, slash, dns = written.partition("/")
    return (namespace, canonical(dns)) if slash else ("*", canonical(written))


def outbound_policy(scope: Scope, mesh: MeshConfig) -> tuple[str, str]:
    """What happens to a host that no object knows, and the object that decides: the client's Sidecar, else the mesh."""
    if scope.sidecar is not None and (own := scope.sidecar.outbound_policy) is not None:
        return own, scope.sidecar.ref
    decided = mesh.raw.get("outboundTrafficPolicy") is not None
    return mesh.outbound_policy, mesh.written[0] if decided and mesh.written else "Istio's default"


def age(thing: Exported | Sidecar | Any) -> tuple[str, str, str]:
    """Sorts objects the way istiod does where age decides: oldest first, then by name and namespace."""
    return (text(thing.raw, "metadata", "creationTimestamp"), thing.name, thing.namespace)
