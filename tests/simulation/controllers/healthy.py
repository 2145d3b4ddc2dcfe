"""Objects of a healthy cluster, as models for what controllers create."""

import copy
from typing import Any

from tests.clusters.bundles import Manifest
from tests.clusters.compose import named, uid_of


def model(kind: str, namespace: str, name: str = "") -> Manifest:
    """A copy of the base cluster's object of this kind, namespace and beginning of the name."""
    return copy.deepcopy(
        next(
            each
            for each in named("base").objects
            if each["kind"] == kind
            and each["metadata"].get("namespace", "") == namespace
            and each["metadata"]["name"].startswith(name)
        )
    )


def created(manifest: Manifest, stamp: str, **metadata: Any) -> Manifest:
    """The object as a controller creates it now."""
    own = {key: value for key, value in {**manifest["metadata"], **metadata}.items() if value is not None}
    own.pop("managedFields", None)
    uid = uid_of("simulated", manifest["kind"], str(own.get("namespace", "")), own["name"], stamp)
    return {**manifest, "metadata": {**own, "uid": uid, "creationTimestamp": stamp}}


def owned_by(owner: Manifest, controller: bool = True) -> list[Manifest]:
    """The ownerReferences of an object of this owner."""
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    return [{**reference, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "controller": controller}]


def owns(owner: Manifest, thing: Manifest) -> bool:
    """Whether the object has this owner."""
    references = thing["metadata"].get("ownerReferences") or ()
    return any(
        (each.get("kind"), each.get("name"), each.get("uid"))
        == (owner["kind"], owner["metadata"]["name"], owner["metadata"].get("uid"))
        for each in references
    )


def condition(thing: Manifest, kind: str) -> str:
    """The status of a condition; "" without it."""
    conditions = (thing.get("status") or {}).get("conditions") or ()
    return next((str(each.get("status", "")) for each in conditions if each.get("type") == kind), "")
