"""Corrected Istio objects as commands: the smallest change to what is there, or a whole object where there is none."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import yaml

from checks.commands import ISTIO_EGW, change, kubectl, kubectl_apply, look
from checks.facts.base import KubernetesObject, Listed
from checks.facts.istio import Exported
from checks.findings import Action

Manifest = Mapping[str, Any]


def resource(thing: KubernetesObject) -> str:
    """`gateways.networking.istio.io`: the full name, because the Gateway API has a kind of the same short one."""
    origin = type(thing).origin
    return origin.resource if isinstance(origin, Listed) else thing.kind.lower()


def show(thing: KubernetesObject) -> Action:
    """Looks at the object as it is."""
    command = kubectl("get", resource(thing), thing.name, "-o", "yaml", namespace=thing.namespace)
    return look(f"Look at {thing.ref}", command)


def listed(kind: type[KubernetesObject], namespace: str = "") -> str:
    """Lists a kind, in all namespaces unless one is given."""
    origin = kind.origin
    name = origin.resource if isinstance(origin, Listed) else kind.kind.lower()
    return kubectl("get", name, namespace=namespace) if namespace else kubectl("get", name, "-A")


def patched(thing: KubernetesObject, patch: Manifest) -> str:
    """A merge patch of the object: lists are replaced whole, null takes a field away."""
    body = orjson.dumps(patch).decode()
    return kubectl("patch", resource(thing), thing.name, "--type", "merge", "-p", body, namespace=thing.namespace)


def json_patched(thing: KubernetesObject, operations: Sequence[Manifest]) -> str:
    """A JSON patch of the object, for one entry of a list."""
    body = orjson.dumps(operations).decode()
    return kubectl("patch", resource(thing), thing.name, "--type", "json", "-p", body, namespace=thing.namespace)


def applied(*manifests: Manifest) -> str:
    """Whole objects, as YAML for `kubectl apply`."""
    written = [yaml.safe_dump(each, sort_keys=False, default_flow_style=False, width=110) for each in manifests]
    return kubectl_apply("---\n".join(written))


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


def export_also(thing: Exported, namespaces: Iterable[str]) -> Action:
    """Exports the object to these namespaces, too."""
    kept = [each for each in thing.export_to if each != "~"]
    added = ["." if each == thing.namespace else each for each in namespaces]
    wanted = list(dict.fromkeys((*(kept or ["."]), *added)))
    return change(
        f"Export {thing.ref} to the namespaces that need it",
        patched(thing, {"spec": {"exportTo": ["*"] if len(added) > MANY else wanted}}),
        ISTIO_EGW,
        "istiod sends it to their proxies within seconds",
    )


def written(export_to: tuple[str, ...]) -> str:
    """An exportTo as evidence."""
    return ", ".join(export_to) if export_to else "(not set)"
