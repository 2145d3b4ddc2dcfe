"""Corrected Istio objects as commands: the smallest change to what is there, or a whole object where there is none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

from checks.facts.fact import KubernetesObject, Listed
from checks.facts.istio_networking import Exported
from checks.model.commands import ISTIO_EGW, change, kubectl, kubectl_apply, look
from checks.model.findings import Action

Manifest = Mapping[str, Any]


def resource(thing: KubernetesObject) -> str:
    """`gateways.networking.istio.io`: the full name, because the Gateway API has a kind of the same short one."""
    origin = type(thing).origin
    return origin.resource if isinstance(origin, Listed) else thing.kind.lower()


def show(thing: KubernetesObject) -> Action:
    """Looks at the object as it is."""
    command = kubectl("get", resource(thing), thing.name, "-o", "yaml", namespace=thing.namespace)
    return look(f"Show {thing.ref}", command)


def listed(kind: type[KubernetesObject], namespace: str = "") -> str:
    """Lists a kind, in all namespaces unless one is given."""
    origin = kind.origin
    name = origin.resource if isinstance(origin, Listed) else kind.kind.lower()
    return kubectl("get", name, namespace=namespace) if namespace else kubectl("get", name, "-A")


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge patch of an object: lists are replaced whole, null takes a field away."""

    thing: KubernetesObject
    body: Manifest

    @property
    def command(self) -> str:
        written = orjson.dumps(self.body).decode()
        return _patch(self.thing, "merge", written)


@dataclass(frozen=True, slots=True)
class Edit:
    """A JSON patch of an object, for single entries of lists."""

    thing: KubernetesObject
    operations: tuple[Manifest, ...]

    @property
    def command(self) -> str:
        return _patch(self.thing, "json", orjson.dumps(self.operations).decode())


@dataclass(frozen=True, slots=True)
class Apply:
    """A whole object where there is none."""

    manifest: Manifest

    @property
    def command(self) -> str:
        return kubectl_apply(yaml.safe_dump(self.manifest, sort_keys=False, default_flow_style=False, width=110))


Change = Merge | Edit | Apply
"""A corrected object: what differs, so that it can be run as a command, or applied to a bundle."""


def _patch(thing: KubernetesObject, kind: str, body: str) -> str:
    return kubectl("patch", resource(thing), thing.name, "--type", kind, "-p", body, namespace=thing.namespace)


def patched(thing: KubernetesObject, patch: Manifest) -> str:
    """A merge patch as a command."""
    return Merge(thing, patch).command


def applied(manifest: Manifest) -> str:
    """A whole object as a command."""
    return Apply(manifest).command


def pointer(path: str, *more: str | int) -> str:
    """A field path such as `spec.http[0].route[1]` as a JSON pointer."""
    steps = path.replace("[", ".").replace("]", "").split(".")
    return "/" + "/".join([*steps, *(str(each) for each in more)])


def replaced(thing: KubernetesObject, path: str, value: object) -> Edit:
    """The object with another value in this field; `add` also replaces."""
    return Edit(thing, ({"op": "add", "path": pointer(path), "value": value},))


def removed(thing: KubernetesObject, path: str) -> Edit:
    """The object without this field."""
    return Edit(thing, ({"op": "remove", "path": pointer(path)},))


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
    return host.replace("*.", "all.").replace("*", "all").replace(".", "-").replace("_", "-")[:63].strip("-")


MANY = 5
"""More namespaces than this are no list that anybody keeps up: then `*`."""


def exported_also(thing: Exported, namespaces: Iterable[str]) -> Merge:
    """The object, exported to these namespaces, too."""
    kept = [each for each in thing.export_to if each != "~"]
    added = ["." if each == thing.namespace else each for each in namespaces]
    wanted = list(dict.fromkeys((*(kept or ["."]), *added)))
    return Merge(thing, {"spec": {"exportTo": ["*"] if len(added) > MANY else wanted}})


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
