"""Changes of single fields of an object, and manifests of new objects."""

from collections.abc import Mapping
from typing import Any

from checks.facts.changes import JsonPatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import NETWORKING


def json_pointer(path: str, *more: str | int) -> str:
    """A field path such as `spec.http[0].route[1]` as a JSON pointer."""
    steps = path.replace("[", ".").replace("]", "").split(".")
    return "/" + "/".join([*steps, *(str(each) for each in more)])


def set_field(thing: KubernetesObject, path: str, value: object) -> JsonPatch:
    """The object with a value in this field; in a list it is inserted there."""
    return JsonPatch(thing, ({"op": "add", "path": json_pointer(path), "value": value},))


def appended(thing: KubernetesObject, path: str, value: object) -> JsonPatch:
    """The object with a value at the end of a list."""
    return JsonPatch(thing, ({"op": "add", "path": json_pointer(path, "-"), "value": value},))


def remove_field(thing: KubernetesObject, path: str) -> JsonPatch:
    """The object without this field or list entry."""
    return JsonPatch(thing, ({"op": "remove", "path": json_pointer(path)},))


def networking_manifest(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A manifest of Istio's networking group."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{NETWORKING}/v1", "kind": kind, "metadata": metadata, "spec": spec}


def name_for_host(host: str) -> str:
    """A name for a new object for this host."""
    return host.replace("*.", "all.").replace("*", "all").replace(".", "-").replace("_", "-")[:63].strip("-")
