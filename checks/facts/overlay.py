"""The facts of a cluster as they would be after changes of its objects."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
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
    overlay = Overlay(store)
    for change in changes:
        overlay.lay(change)
    return overlay.laid


class Overlay:
    """The kinds of a store that differ after the changes so far.

    `installed`: kinds whose CustomResourceDefinition the changes create.
    """

    def __init__(self, store: FactStore, installed: AbstractSet[type[Fact]] = frozenset()) -> None:
        self.store = store
        self.changed: dict[type[Fact], list[Fact]] = {}
        self._installed = installed
        self._positions: dict[type[Fact], dict[tuple[str, str], int]] = {}

    @property
    def laid(self) -> FactStore:
        """The facts after the changes so far."""
        return self.store.with_facts(self.changed, self._installed)

    def lay(
        self, change: ObjectChange, admit: Callable[[Raw | None, Raw], None] = lambda _before, _after: None
    ) -> tuple[Raw | None, Raw | None]:
        """Carry out one change, and return the object before and after it. Raises ChangeRefused.

        `admit` raises it for a write (object before, object after) that the API server refuses.
        """
        kind = change.fact_type
        if self.store.absent(kind) and kind not in self._installed:
            raise ChangeRefused(f"{change.ref}: the cluster has no CustomResourceDefinition {resource_name(kind)}")
        position = self._position(change)
        found = self.changed.setdefault(kind, list(self.store.known(kind)))
        before = found[position].raw if position is not None else self._unread(change)
        after = change.applied(before)
        if after is None:
            if position is not None:
                del found[position]
            self._positions.clear()
            self._remove_dependents(kind, before or {})
            return before, None
        admit(before, after)
        written = _as_read(kind, _stored(self.store, kind, before, after))
        if position is not None:
            found[position] = kind(written)
        else:
            self._refuse_without_namespace(change)
            if kind in self._positions:
                self._positions[kind].setdefault((change.namespace, change.name), len(found))
            found.append(kind(written))
        return before, written

    def replace(self, kind: type[Fact], facts: Iterable[Fact]) -> None:
        """Replace the facts of a kind by those that a controller would write."""
        self.changed[kind] = list(facts)
        self._positions.pop(kind, None)

    def facts(self, kind: type[Fact]) -> Iterable[Fact]:
        """The facts of a kind after the changes so far."""
        return self.changed[kind] if kind in self.changed else self.store.known(kind)

    def _position(self, change: ObjectChange) -> int | None:
        """The position of the changed object.

        The second change of a kind builds an index of all positions.
        """
        kind, key = change.fact_type, (change.namespace, change.name)
        found = self.changed.get(kind)
        if found is None:
            return _position(self.store.known(kind), *key)
        if kind not in self._positions:
            self._positions[kind] = {each.key: at for at, each in reversed(list(enumerate(found)))}
        return self._positions[kind].get(key)

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
        if not change.namespace:
            return
        namespaces = {each.key[1] for each in self.facts(Namespace)}
        if not namespaces or change.namespace in namespaces:
            return
        if self._complete(Namespace, None, change.namespace):
            raise ChangeRefused(f"{change.ref}: namespace {change.namespace} does not exist")

    def _remove_dependents(self, kind: type[Fact], deleted: Raw) -> None:
        if kind is Namespace:
            name = text(deleted, "metadata", "name")
            for each, origin in LISTED_KINDS.values():
                if origin.namespaced:
                    self.changed[each] = [thing for thing in self.facts(each) if thing.key[0] != name]
        if uid := text(deleted, "metadata", "uid"):
            self._remove_owned(uid)

    def _remove_owned(self, owner: str) -> None:
        """Remove the objects all of whose owners are deleted, as the garbage collector does."""
        owned: dict[str, list[tuple[type[Fact], Fact]]] = defaultdict(list)
        for kind, _ in LISTED_KINDS.values():
            for thing in self.facts(kind):
                for uid in _owner_uids(thing.raw):
                    owned[uid].append((kind, thing))
        deleted, removed = [owner], defaultdict[type[Fact], set[int]](set)
        for uid in deleted:
            for owned_kind, thing in owned[uid]:
                if all(each in deleted for each in _owner_uids(thing.raw)) and id(thing) not in removed[owned_kind]:
                    removed[owned_kind].add(id(thing))
                    deleted.append(text(thing.raw, "metadata", "uid"))
        for owned_kind, identities in removed.items():
            self.changed[owned_kind] = [each for each in self.facts(owned_kind) if id(each) not in identities]


def _owner_uids(raw: Raw) -> list[str]:
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("ownerReferences"):
        return []
    return [text(each, "uid") for each in items(metadata, "ownerReferences")]


def _position(found: Sequence[Fact], namespace: str, name: str) -> int | None:
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
