"""Recorded objects with the fields that the API server requires."""

import copy
from collections.abc import Iterator
from typing import Any

from tests.clusters.bundles import Manifest

_GIVEN = ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields", "selfLink", "deletionTimestamp")
_TEMPLATES = ("Deployment", "DaemonSet", "ReplicaSet")


def completed(manifest: Manifest) -> Manifest:
    """The object as it can be created.

    Nodes have no addresses, so that requests to kubelets fail at once. Webhooks are never called: no component of the mesh
    runs here.
    """
    made: Manifest = copy.deepcopy(dict(manifest))
    for key in _GIVEN:
        made["metadata"].pop(key, None)
    for owner in made["metadata"].get("ownerReferences") or ():
        owner["uid"] = str(owner.get("uid") or owner["name"])
        owner["apiVersion"] = owner.get("apiVersion") or "apps/v1"
    if made["kind"] == "Node":
        made.get("status", {}).pop("addresses", None)
    for webhook in made.get("webhooks") or ():
        webhook.setdefault("sideEffects", "None")
        webhook.setdefault("admissionReviewVersions", ["v1"])
        webhook["matchConditions"] = [{"name": "never", "expression": "false"}]
    if made["kind"] in _TEMPLATES:
        _complete_template(made["spec"])
    if made["kind"] == "Service":
        _complete_service(made["spec"])
    for container in _containers(made):
        container.setdefault("image", "image")
    return made


def _complete_template(spec: Manifest) -> None:
    selector = spec.setdefault("selector", {"matchLabels": {"app": "any"}})
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {}).setdefault("labels", dict(selector.get("matchLabels") or {}))
    template.setdefault("spec", {}).setdefault("containers", [{"name": "any"}])


def _complete_service(spec: Manifest) -> None:
    if not spec.get("ports"):
        spec["ports"] = [{"port": 80}]
    if not spec.get("clusterIP"):
        spec.pop("clusterIPs", None)


def _containers(manifest: Manifest) -> Iterator[dict[str, Any]]:
    spec = manifest.get("spec") or {}
    pod = (spec.get("template") or {}).get("spec") or {} if manifest["kind"] in _TEMPLATES else spec
    if manifest["kind"] in ("Pod", *_TEMPLATES):
        yield from pod.get("containers") or ()
        yield from pod.get("initContainers") or ()
