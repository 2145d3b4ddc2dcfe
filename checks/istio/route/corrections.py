"""Corrected Istio objects as commands: the smallest change to what is there, or a whole object where there is none."""

from collections.abc import Iterable, Mapping
from typing import Any

from checks.facts.changes import Apply, JsonPatch, MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Exported
from checks.facts.kubernetes_kinds import resource_name
from checks.model.commands import ISTIO_EGW, change, inspect, kubectl
from checks.model.findings import Action

Manifest = Mapping[str, Any]


def show(thing: KubernetesObject) -> Action:
    """Looks at the object as it is."""
    command = kubectl("get", resource_name(type(thing)), thing.name, "-o", "yaml", namespace=thing.namespace)
    return inspect(f"Show {thing.ref}", command)


def listed(kind: type[KubernetesObject], namespace: str = "") -> str:
    """Lists a kind, in all namespaces unless one is given."""
    name = resource_name(kind)
    return kubectl("get", name, namespace=namespace) if namespace else kubectl("get", name, "-A")


def patched(thing: KubernetesObject, patch: Manifest) -> str:
    """A merge patch as a command."""
    return MergePatch(thing, patch).command


def applied(manifest: Manifest) -> str:
    """A whole object as a command."""
    return Apply(manifest).command


def pointer(path: str, *more: str | int) -> str:
    """A field path such as `spec.http[0].route[1]` as a JSON pointer."""
    steps = path.replace("[", ".").replace("]", "").split(".")
    return "/" + "/".join([*steps, *(str(each) for each in more)])


def replaced(thing: KubernetesObject, path: str, value: object) -> JsonPatch:
    """The object with another value in this field; `add` also replaces."""
    return JsonPatch(thing, ({"op": "add", "path": pointer(path), "value": value},))


def removed(thing: KubernetesObject, path: str) -> JsonPatch:
    """The object without this field."""
    return JsonPatch(thing, ({"op": "remove", "path": pointer(path)},))


def manifest(kind: str, name: str, namespace: str, spec: Manifest) -> Manifest:
    """An object of networking.istio.io/v1."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def object_name(host: str) -> str:
    """A name for a new object about this host."""
    return (
        host.replace("*.", "all.")
        .replace("*", "all")
        .replace(".", "-")
        .replace("_", "-")
        .replace(":", "-")[:63]
        .strip("-")
    )


MANY = 5
"""More namespaces than this are no list that anybody keeps up: then `*`."""


def exported_also(thing: Exported, namespaces: Iterable[str]) -> MergePatch:
    """The object, exported to these namespaces, too."""
    kept = [each for each in thing.export_to if each != "~"]
    added = ["." if each == thing.namespace else each for each in namespaces]
    wanted = list(dict.fromkeys((*(kept or ["."]), *added)))
    return MergePatch(thing, {"spec": {"exportTo": ["*"] if len(added) > MANY else wanted}})


def export_also(thing: Exported, namespaces: Iterable[str]) -> Action:
    """Exports the object to these namespaces, too, as an action."""
    return change(
        f"Export {thing.ref} to the namespaces that need it",
        exported_also(thing, namespaces).command,
        ISTIO_EGW,
        "istiod sends it to the proxies of these namespaces within seconds",
    )


def written(export_to: tuple[str, ...]) -> str:
    """An exportTo as evidence."""
    return ", ".join(export_to) if export_to else "(not set)"
