"""Manifests: objects as people write them, without what the API server adds."""

import orjson
import yaml

from checks.facts.fact import KubernetesObject, Listed
from checks.facts.kubernetes_kinds import is_custom_resource
from checks.model.raw_values import Raw, items, mapping, text

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which `kubectl apply` keeps the manifest.

The next apply finds in it which fields were removed.
"""

_APPLYING = frozenset({"kubectl-client-side-apply", "argocd-controller", "helm"})
"""Field managers of tools that remove a field which the next manifest lacks.

Besides those of server-side apply.
"""

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The emitter of libyaml, which takes a fifth of the time, if PyYAML was built with it."""

_MANIFEST_METADATA = ("name", "namespace", "labels", "annotations")


def manifest_yaml(manifest: Raw) -> str:
    """The manifest as people write it."""
    return str(yaml.dump(dict(manifest), Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=110))


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


def applied_content(manifest: Raw) -> Raw:
    """The fields that an apply sets in an existing object.

    Neither status nor the version in which it is read.
    """
    return {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "status")}


def last_applied(kind: type[KubernetesObject], raw: Raw) -> Raw:
    """The manifest of the last apply, to find the fields that are no longer in it.

    A live read leaves the annotation out, which doubles each object. The spec of a custom resource that a tool applies is then
    taken as applied, because nothing else writes there. To the spec of built-in kinds, the API server adds defaults."""
    written = text(raw, "metadata", "annotations", LAST_APPLIED)
    try:
        return applied_content(mapping({"last": orjson.loads(written)}, "last"))
    except orjson.JSONDecodeError:
        managers = items(raw, "metadata", "managedFields")
        applies = any(text(m, "operation") == "Apply" or text(m, "manager") in _APPLYING for m in managers)
        return {"spec": mapping(raw, "spec")} if applies and is_custom_resource(kind) else {}


def _api_version(kind: type[KubernetesObject]) -> str:
    origin = kind.origin
    if not isinstance(origin, Listed):
        return "v1"
    return f"{origin.group}/{origin.versions[0]}" if origin.group else origin.versions[0]
