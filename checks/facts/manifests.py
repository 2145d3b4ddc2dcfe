"""Manifests: objects as people write them, without what the API server adds."""

import yaml

from checks.facts.fact import KubernetesObject, Listed
from checks.model.raw_values import Raw, mapping, text

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which `kubectl apply` keeps the manifest, to know next time which fields were removed from it."""

_MANIFEST_METADATA = ("name", "namespace", "labels", "annotations")


def manifest_yaml(manifest: Raw) -> str:
    """The manifest as people write it."""
    return yaml.safe_dump(dict(manifest), sort_keys=False, default_flow_style=False, width=110)


def without_server_fields(kind: type[KubernetesObject], raw: Raw) -> Raw:
    """The manifest of an object of this kind that was read."""
    metadata = {key: value for key, value in mapping(raw, "metadata").items() if key in _MANIFEST_METADATA and value}
    annotations = {k: v for k, v in mapping(metadata, "annotations").items() if k != LAST_APPLIED}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    rest = {key: value for key, value in raw.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    return {
        "apiVersion": text(raw, "apiVersion") or _api_version(kind),
        "kind": kind.kind,
        "metadata": metadata,
        **rest,
    }


def _api_version(kind: type[KubernetesObject]) -> str:
    origin = kind.origin
    if not isinstance(origin, Listed):
        return "v1"
    return f"{origin.group}/{origin.versions[0]}" if origin.group else origin.versions[0]
