"""The facts of a cluster as they would be after changes of its objects."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from checks.facts.changes import ChangeRefused, ObjectChange
from checks.facts.fact import Fact, KubernetesObject, Listed
from checks.facts.kubernetes_kinds import LISTED_KINDS, resource_name
from checks.facts.manifests import LAST_APPLIED
from checks.facts.namespaces import Namespace
from checks.facts.store import FactStore
from checks.model.raw_values import Raw, items, mapping, number, text


def laid_over(store: FactStore, changes: Iterable[ObjectChange]) -> FactStore:
    """The same facts after these changes, in their order; `store` itself does not change.

    Raises ChangeRefused.

    Failed reads, absent kinds, targets and time stay. A changed object is one generation newer, a new one is created now.
    A deletion takes the contents of a namespace and the objects that the deleted object owned with it. Controllers do nothing
    else: no pod starts, no status changes.
    """
    overlay = _Overlay(store)
    for change in changes:
        overlay.lay(change)
    return store.with_facts(overlay.changed)


class _Overlay:
    """The kinds of a store that differ after the changes so far."""

    def __init__(self, store: FactStore) -> None:
        self.store = store
        self.changed: dict[type[Fact], list[Fact]] = {}

    def lay(self, change: ObjectChange) -> None:
        """Carry out one change. Raises ChangeRefused."""
        kind = change.fact_type
        if self.store.absent(kind):
            raise ChangeRefused(f"{change.ref}: the cluster has no CustomResourceDefinition {resource_name(kind)}")
        found = self.changed.setdefault(kind, list(self.store.known(kind)))
        position = _position(found, change.namespace, change.name)
        before = found[position].raw if position is not None else self._unread(change)
        after = change.applied(before)
        if after is None:
            if position is not None:
                del found[position]
            self._remove_dependents(kind, before or {})
        elif position is not None:
            found[position] = kind(_as_read(kind, _stored(self.store, kind, before, after)))
        else:
            self._refuse_without_namespace(change)
            found.append(kind(_as_read(kind, _stored(self.store, kind, before, after))))

    def _facts(self, kind: type[Fact]) -> Iterable[Fact]:
        return self.changed[kind] if kind in self.changed else self.store.known(kind)

    def _complete(self, kind: type[Fact], namespace: str | None, name: str) -> bool:
        gaps = self.store.gaps(kind)
        return self.store.arrived(kind) and not any(gap.covers(namespace, name) for gap in gaps)

    def _unread(self, change: ObjectChange) -> Raw | None:
        """The object of a patch or deletion as its author read it.

        None unless a failed read may be why the store lacks it.
        """
        thing = getattr(change, "thing", None)
        complete = self._complete(change.fact_type, change.namespace or None, change.name)
        return None if thing is None or complete else thing.raw

    def _refuse_without_namespace(self, change: ObjectChange) -> None:
        """Raise ChangeRefused if the namespace of a new object does not exist.

        A cluster always has some namespaces.
        """
        namespaces = {each.key[1] for each in self._facts(Namespace)}
        if not change.namespace or not namespaces or change.namespace in namespaces:
            return
        if self._complete(Namespace, None, change.namespace):
            raise ChangeRefused(f"{change.ref}: namespace {change.namespace} does not exist")

    def _remove_dependents(self, kind: type[Fact], deleted: Raw) -> None:
        if kind is Namespace:
            name = text(deleted, "metadata", "name")
            for each, origin in LISTED_KINDS.values():
                if origin.namespaced:
                    self.changed[each] = [thing for thing in self._facts(each) if thing.key[0] != name]
        if uid := text(deleted, "metadata", "uid"):
            self._remove_owned(uid)

    def _remove_owned(self, owner: str) -> None:
        """Remove the objects all of whose owners are deleted, as the garbage collector does."""
        owned: dict[str, list[tuple[type[Fact], Fact]]] = defaultdict(list)
        for kind, _ in LISTED_KINDS.values():
            for thing in self._facts(kind):
                for uid in _owner_uids(thing.raw):
                    owned[uid].append((kind, thing))
        deleted, removed = [owner], defaultdict[type[Fact], set[int]](set)
        for uid in deleted:
            for owned_kind, thing in owned[uid]:
                if all(each in deleted for each in _owner_uids(thing.raw)) and id(thing) not in removed[owned_kind]:
                    removed[owned_kind].add(id(thing))
                    deleted.append(text(thing.raw, "metadata", "uid"))
        for owned_kind, identities in removed.items():
            self.changed[owned_kind] = [each for each in self._facts(owned_kind) if id(each) not in identities]


def _owner_uids(raw: Raw) -> list[str]:
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("ownerReferences"):
        return []
    return [text(each, "uid") for each in items(metadata, "ownerReferences")]


def _position(found: list[Fact], namespace: str, name: str) -> int | None:
    for position, each in enumerate(found):
        metadata = each.raw.get("metadata")
        if isinstance(metadata, dict) and metadata.get("name") == name and each.key == (namespace, name):
            return position
    return None


def _stored(store: FactStore, kind: type[KubernetesObject], before: Raw | None, after: Raw) -> Raw:
    """The object with the metadata that the API server sets."""
    metadata = dict(mapping(after, "metadata"))
    if before is None:
        name = (resource_name(kind), text(metadata, "namespace"), text(metadata, "name"))
        metadata["uid"] = str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(name)))
        metadata["creationTimestamp"] = store.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if isinstance(kind.origin, Listed) and kind.origin.group:
            metadata["generation"] = 1
    elif (generation := number(before, "metadata", "generation")) is not None and _content(before) != _content(after):
        metadata["generation"] = generation + 1
    return {**after, "metadata": metadata}


def _content(raw: Raw) -> dict[str, Any]:
    """The part of an object that its generation counts."""
    return {key: value for key, value in raw.items() if key not in ("metadata", "status")}


def _as_read(kind: type[KubernetesObject], raw: Raw) -> Raw:
    """A Secret keeps only the names of its keys, as when it is read."""
    if not isinstance(kind.origin, Listed) or not kind.origin.metadata_only:
        return raw
    keys = {**mapping(raw, "data"), **mapping(raw, "stringData")}
    metadata = dict(mapping(raw, "metadata"))
    metadata["annotations"] = {k: v for k, v in mapping(metadata, "annotations").items() if k != LAST_APPLIED}
    rest = {key: value for key, value in raw.items() if key not in ("data", "stringData", "metadata")}
    return {**rest, "metadata": metadata, **({"data": dict.fromkeys(sorted(keys), "REDACTED")} if keys else {})}
