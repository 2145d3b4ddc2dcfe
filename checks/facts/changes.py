"""Changes of Kubernetes objects.

Each has its kubectl command, and the object that the API server would store.

These are not modelled: defaults and other admission, merging of list entries by key (`kubectl apply` does that for
built-in kinds), and finalizers, which delay a deletion.
"""

import copy
from dataclasses import dataclass

import orjson

from checks.facts.fact import KubernetesObject, Listed
from checks.facts.kubernetes_kinds import listed_kind, resource_name
from checks.facts.manifests import LAST_APPLIED, applied_content, last_applied, manifest_yaml, without_server_fields
from checks.facts.patches import Unfit, json_patched, merge_patched, three_way_patch
from checks.model.commands import kubectl, kubectl_apply
from checks.model.json_patches import guarded
from checks.model.raw_values import Raw, at, mapping, text


class ChangeRefused(Exception):
    """The API server would refuse this change; the text names the object and the reason."""


@dataclass(frozen=True, slots=True)
class Apply:
    """`kubectl apply` of a manifest: creates the object, or merges the manifest into it."""

    manifest: Raw

    @property
    def fact_type(self) -> type[KubernetesObject]:
        """The type of the facts about this kind.

        Raises ChangeRefused for a kind that is never read.
        """
        found = listed_kind(text(self.manifest, "apiVersion"), self.kind)
        if found is None:
            raise ChangeRefused(f"{self.ref}: kind {self.kind} of {text(self.manifest, 'apiVersion')} is not known")
        return found

    @property
    def kind(self) -> str:
        return text(self.manifest, "kind")

    @property
    def namespace(self) -> str:
        """Its namespace.

        `default` if the manifest has none and its kind is namespaced, as for kubectl.
        """
        kind = listed_kind(text(self.manifest, "apiVersion"), self.kind)
        if kind is not None and isinstance(kind.origin, Listed) and not kind.origin.namespaced:
            return ""
        return text(self.manifest, "metadata", "namespace") or "default"

    @property
    def name(self) -> str:
        return text(self.manifest, "metadata", "name")

    @property
    def ref(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def command(self) -> str:
        return kubectl_apply(manifest_yaml(self.manifest))

    def applied(self, raw: Raw | None) -> Raw:
        """The object after the change.

        `status` is not part of it: the API server ignores it in an apply.
        """
        manifest = {key: value for key, value in self.manifest.items() if key != "status"}
        metadata = {key: value for key, value in mapping(manifest, "metadata").items() if key != "namespace"}
        if self.namespace:
            metadata["namespace"] = self.namespace
        annotations = {k: v for k, v in mapping(metadata, "annotations").items() if k != LAST_APPLIED}
        wanted = {**manifest, "metadata": {**metadata, "annotations": annotations}}
        record = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS).decode() + "\n"
        new = {**wanted, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: record}}}
        if raw is None:
            return copy.deepcopy(new)
        return merge_patched(raw, three_way_patch(last_applied(self.fact_type, raw), applied_content(new)))


@dataclass(frozen=True, slots=True)
class _ToObject:
    thing: KubernetesObject

    @property
    def fact_type(self) -> type[KubernetesObject]:
        """The type of the facts about this kind. Raises ChangeRefused for a derived object.

        A derived object comes from another one.
        """
        if "origin" not in vars(type(self.thing)):
            raise ChangeRefused(f"{self.ref} is changed by the object that it is derived from")
        return type(self.thing)

    @property
    def kind(self) -> str:
        return self.thing.kind

    @property
    def namespace(self) -> str:
        return self.thing.namespace

    @property
    def name(self) -> str:
        return self.thing.name

    @property
    def ref(self) -> str:
        return self.thing.ref


@dataclass(frozen=True, slots=True)
class MergePatch(_ToObject):
    """A JSON merge patch (RFC 7386).

    Mappings are merged, null removes a field, lists are replaced.
    """

    body: Raw

    @property
    def command(self) -> str:
        return _patch_command(self.thing, "merge", orjson.dumps(self.body).decode())

    def applied(self, raw: Raw | None) -> Raw:
        """The object after the change. Raises ChangeRefused."""
        existing = _existing(self, raw)
        return _stored(self, existing, merge_patched(existing, self.body))


@dataclass(frozen=True, slots=True)
class JsonPatch(_ToObject):
    """A JSON patch (RFC 6902).

    It consists of operations on single fields and list entries; all of them are applied or none.
    """

    operations: tuple[Raw, ...]

    @property
    def command(self) -> str:
        """The command, which changes nothing if a list entry is no longer the one that was read."""
        return _patch_command(self.thing, "json", orjson.dumps(guarded(self.thing.raw, self.operations)).decode())

    def applied(self, raw: Raw | None) -> Raw:
        """The object after the change. Raises ChangeRefused."""
        existing = _existing(self, raw)
        try:
            return _stored(self, existing, json_patched(existing, self.operations))
        except Unfit as problem:
            raise ChangeRefused(f"{self.ref}: {problem}") from None


@dataclass(frozen=True, slots=True)
class Delete(_ToObject):
    """`kubectl delete` of an object."""

    @property
    def command(self) -> str:
        return kubectl("delete", resource_name(self.fact_type), self.name, namespace=self.namespace)

    def applied(self, raw: Raw | None) -> None:
        """Nothing is left. Raises ChangeRefused if there is no such object."""
        _existing(self, raw)


ObjectWrite = Apply | MergePatch | JsonPatch
ObjectChange = ObjectWrite | Delete


def corrected_manifest(change: ObjectWrite) -> Raw:
    """The whole object after the change, without what the API server adds.

    Raises ChangeRefused.
    """
    if isinstance(change, Apply):
        return copy.deepcopy(dict(change.manifest))
    return without_server_fields(change.fact_type, change.applied(change.thing.raw))


def _patch_command(thing: KubernetesObject, kind: str, body: str) -> str:
    return kubectl(
        "patch", resource_name(type(thing)), thing.name, "--type", kind, "-p", body, namespace=thing.namespace
    )


def _existing(change: _ToObject, raw: Raw | None) -> Raw:
    if raw is None:
        raise ChangeRefused(f"{change.ref} does not exist")
    return raw


def _stored(change: _ToObject, before: Raw, after: Raw) -> Raw:
    """The patched object as it is stored: a patch changes neither its identity nor its status."""
    for path in (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")):
        if at(before, *path) != at(after, *path):
            raise ChangeRefused(f"{change.ref}: {'.'.join(path)} cannot be changed by a patch")
    if before.get("status") == after.get("status"):
        return after
    status = {"status": before["status"]} if "status" in before else {}
    return {**{key: value for key, value in after.items() if key != "status"}, **status}
