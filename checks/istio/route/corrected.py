"""A change of an object carried out on its manifest, without a cluster: the whole corrected object, as YAML to apply."""

import copy
from collections.abc import Mapping
from typing import Any

import yaml

from checks.facts.fact import KubernetesObject
from checks.istio.route.corrections import Apply, Change, Edit, Merge
from checks.model.raw_values import items, mapping, text

Manifest = dict[str, Any]

_KEPT = ("name", "namespace", "labels", "annotations")
"""Of the metadata; what the API server writes itself does not belong into a manifest that is applied."""

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def corrected(change: Change) -> Manifest:
    """The object after the change, with everything that the API server adds left out."""
    match change:
        case Apply():
            return copy.deepcopy(dict(change.manifest))
        case Merge():
            return _bare(change.thing, merged(change.thing.raw, change.body))
        case Edit():
            return _bare(change.thing, edited(change.thing.raw, change.operations))


def as_yaml(manifest: Mapping[str, Any]) -> str:
    """The manifest as people write it."""
    return yaml.safe_dump(dict(manifest), sort_keys=False, default_flow_style=False, width=110)


def ref_of(change: Change) -> str:
    """`Kind namespace/name` of the object that a change makes or mends."""
    if not isinstance(change, Apply):
        return change.thing.ref
    namespace, name = (text(change.manifest, "metadata", key) for key in ("namespace", "name"))
    return f"{text(change.manifest, 'kind')} {namespace + '/' if namespace else ''}{name}"


def _bare(thing: KubernetesObject, whole: Mapping[str, Any]) -> Manifest:
    metadata = {key: value for key, value in mapping(whole, "metadata").items() if key in _KEPT and value}
    annotations = {k: v for k, v in mapping(metadata, "annotations").items() if k != _APPLIED}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    rest = {key: value for key, value in whole.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    version = text(whole, "apiVersion") or "networking.istio.io/v1"
    return {"apiVersion": version, "kind": thing.kind, "metadata": metadata, **copy.deepcopy(rest)}


def merged(target: object, patch: object) -> Any:
    """RFC 7386: mappings are merged, null takes away, everything else replaces."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    found: Manifest = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def edited(target: Mapping[str, Any], operations: tuple[Mapping[str, Any], ...]) -> Manifest:
    """RFC 6902 with the two operations that corrections use, `add` (which also replaces) and `remove`. An operation that
    does not fit the object is left out: the command would be refused, too."""
    found: Manifest = copy.deepcopy(dict(target))
    for each in operations:
        *path, last = [_unescaped(step) for step in str(each["path"]).removeprefix("/").split("/")]
        parent: Any = found
        for step in path:
            parent = _child(parent, step)
        if isinstance(parent, list):
            _in_list(parent, last, each)
        elif isinstance(parent, dict):
            if each["op"] == "remove":
                parent.pop(last, None)
            else:
                parent[last] = copy.deepcopy(each["value"])
    return found


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _child(parent: Any, step: str) -> Any:
    if isinstance(parent, dict):
        return parent.get(step)
    if isinstance(parent, list) and step.isdigit() and int(step) < len(parent):
        return parent[int(step)]
    return None


def _in_list(parent: list[Any], last: str, operation: Mapping[str, Any]) -> None:
    position = len(parent) if last == "-" else int(last) if last.isdigit() else len(parent)
    if operation["op"] == "remove":
        if position < len(parent):
            del parent[position]
    else:
        parent.insert(position, copy.deepcopy(operation["value"]))


def servers_of(manifest: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The servers of a Gateway's manifest."""
    return items(manifest, "spec", "servers")
