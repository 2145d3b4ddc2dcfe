"""The mesh configuration of a revision: its ConfigMaps merged over Istio's defaults.

Source: docs/domain/components.md#mesh-configmaps; Istio `pkg/config/mesh`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.namespaces import ConfigMap
from checks.istio.mesh.objects.versions import NEWEST, Version, version_of_revision
from checks.model.documents import BadDocument, Budget, parse_yaml
from checks.model.raw_values import Raw, flag, items, text, texts

PUBLIC, PRIVATE, NOWHERE = "*", ".", "~"
OUTBOUND_POLICIES = ("ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS", "REGISTRY_ONLY")
"""The known values of `outboundTrafficPolicy.mode`."""
_MOST_VALUES = 20_000
_PROVIDERS = "extensionProviders"
_SHARED, _OWN = "istio-shared-configmap-", "istio-"


@dataclass(frozen=True, slots=True)
class MeshConfiguration:
    """The settings of a revision that decide how requests are routed."""

    outbound_policy: str = "ALLOW_ANY"
    """`ALLOW_ANY`, `REGISTRY_ONLY` or `ALLOW_ANY_DYNAMIC_DNS`."""
    services_exported: frozenset[str] = frozenset({PUBLIC})
    virtual_services_exported: frozenset[str] = frozenset({PUBLIC})
    destination_rules_exported: frozenset[str] = frozenset({PUBLIC})
    discovery_selectors: tuple[Raw, ...] = ()
    automatic_mutual_tls: bool = True
    h2_upgrade: bool = False
    root: str = ROOT_NAMESPACE
    trust_domain: str = "cluster.local"
    version: Version = NEWEST
    extension_providers: tuple[Raw, ...] = ()


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """The settings of a revision as its ConfigMaps write them.

    istiod ignores a `malformed` ConfigMap, which has no YAML mapping.
    """

    revision: str
    raw: Raw
    written: tuple[str, ...] = ()
    """The ConfigMaps with settings."""
    malformed: tuple[str, ...] = ()

    @property
    def outbound_policy(self) -> str:
        """The policy for unknown hosts; an empty block is `REGISTRY_ONLY`, enum value 0."""
        policy = self.raw.get("outboundTrafficPolicy")
        return text(policy, "mode").upper() or ("REGISTRY_ONLY" if policy is not None else "ALLOW_ANY")


def mesh_settings(maps: Iterable[ConfigMap], revision: str) -> MeshSettings:
    """The merged settings of a revision.

    If both ConfigMaps set a field, the one that belongs to the revision applies.
    """
    merged: dict[str, Any] = {}
    written: list[str] = []
    malformed: list[str] = []
    by_name = {each.name: each for each in maps if each.namespace == ROOT_NAMESPACE}
    for name in (_SHARED + revision, _OWN + revision):
        own = by_name[name].data.get("mesh", "") if name in by_name else ""
        parsed = _parsed(own) if own else {}
        if own:
            (malformed if parsed is None else written).append(by_name[name].ref)
        providers = _providers(merged, parsed or {})
        _merge(merged, parsed or {})
        if providers:
            merged[_PROVIDERS] = providers
    return MeshSettings(revision, merged, tuple(written), tuple(malformed))


def mesh_configuration(maps: Iterable[ConfigMap], revision: str) -> MeshConfiguration:
    """The mesh configuration of a revision: its settings over Istio's defaults."""
    return _configuration(mesh_settings(maps, revision))


def _parsed(written: str) -> Mapping[str, Any] | None:
    try:
        found = next(iter(parse_yaml(written, Budget(_MOST_VALUES))), None)
    except BadDocument:
        return None
    return {} if found is None else found if isinstance(found, Mapping) else None


def _providers(merged: Raw, more: Raw) -> list[Raw]:
    """The extension providers of both texts, of each name the last one.

    Source: Istio `ApplyMeshConfig` in `pkg/config/mesh/mesh.go`.
    """
    found = (*items(merged, _PROVIDERS), *items(more, _PROVIDERS))
    return list({text(each, "name"): each for each in found}.values())


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Merge one configuration text over another, as istiod does.

    Messages are merged field by field; lists and values are replaced, but for extension providers.
    """
    for key, value in more.items():
        present = into.get(key)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            merged = dict(present)
            _merge(merged, value)
            into[key] = merged
        else:
            into[key] = value


def _configuration(settings: MeshSettings) -> MeshConfiguration:
    raw, version = settings.raw, version_of_revision(settings.revision)
    return MeshConfiguration(
        outbound_policy=settings.outbound_policy,
        services_exported=_exported_by_default(raw, "defaultServiceExportTo", version),
        virtual_services_exported=_exported_by_default(raw, "defaultVirtualServiceExportTo", version),
        destination_rules_exported=_exported(raw, "defaultDestinationRuleExportTo"),
        discovery_selectors=items(raw, "discoverySelectors"),
        automatic_mutual_tls=flag(raw, "enableAutoMtls") is not False,
        h2_upgrade=text(raw, "h2UpgradePolicy").upper() == "UPGRADE",
        root=text(raw, "rootNamespace") or ROOT_NAMESPACE,
        trust_domain=text(raw, "trustDomain") or "cluster.local",
        version=version,
        extension_providers=items(raw, _PROVIDERS),
    )


def _exported_by_default(raw: Raw, key: str, version: Version) -> frozenset[str]:
    exported = _exported(raw, key)
    private_only = PRIVATE in exported and not version.honours_namespaces_beside_private
    return frozenset({PRIVATE}) if private_only else exported


def _exported(raw: Raw, key: str) -> frozenset[str]:
    return frozenset(texts(raw, key)) or frozenset({PUBLIC})


def is_exported(written: Iterable[str], default: Iterable[str], owner: str, viewer: str) -> bool:
    """Whether an object of namespace `owner` is exported to namespace `viewer`.

    The object's own `exportTo` decides, or the mesh's default if it has none.
    """
    to = {owner if each == PRIVATE else each for each in (tuple(written) or tuple(default))}
    return PUBLIC in to or viewer in to


def settings_maps(maps: Iterable[ConfigMap], revision: str) -> tuple[ConfigMap, ...]:
    """The ConfigMaps of a revision's mesh configuration that exist, the one that applies first."""
    by_name = {each.name: each for each in maps if each.namespace == ROOT_NAMESPACE}
    return tuple(by_name[name] for name in (_OWN + revision, _SHARED + revision) if name in by_name)
