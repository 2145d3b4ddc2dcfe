"""The facts of a cluster as they would be after changes of its objects."""

import uuid
from collections.abc import Iterable
from typing import Any

from checks.facts.changes import ChangeRefused, ObjectChange
from checks.facts.fact import Fact, KubernetesObject, Listed
from checks.facts.kubernetes_kinds import resource_name
from checks.facts.manifests import LAST_APPLIED
from checks.facts.store import FactStore
from checks.model.raw_values import Raw, mapping, number, text

Working = dict[type[Fact], list[Fact]]


def laid_over(store: FactStore, changes: Iterable[ObjectChange]) -> FactStore:
    """The same facts after these changes, in their order; `store` itself does not change. Raises ChangeRefused.

    Failed reads, absent kinds, targets and time stay. A changed object is one generation newer, a new one is created now."""
    working: Working = {}
    for change in changes:
        _lay(store, working, change)
    return store.with_facts(working)


def _lay(store: FactStore, working: Working, change: ObjectChange) -> None:
    kind = change.fact_type
    if store.absent(kind):
        raise ChangeRefused(f"{change.ref}: the cluster has no CustomResourceDefinition {resource_name(kind)}")
    found = working.setdefault(kind, list(store.known(kind)))
    position = _position(found, change.namespace, change.name)
    before = found[position].raw if position is not None else _unread(store, change)
    after = change.applied(before)
    if after is None:
        if position is not None:
            del found[position]
        return
    stored = kind(_as_read(kind, _stored(store, kind, before, after)))
    if position is None:
        found.append(stored)
    else:
        found[position] = stored


def _position(found: list[Fact], namespace: str, name: str) -> int | None:
    for position, each in enumerate(found):
        metadata = each.raw.get("metadata")
        if metadata and metadata.get("name") == name and each.key == (namespace, name):
            return position
    return None


def _unread(store: FactStore, change: ObjectChange) -> Raw | None:
    """The object of a patch or deletion as its author read it, if this store may lack it because of a failed read."""
    thing = getattr(change, "thing", None)
    complete = store.arrived(change.fact_type) and not any(
        gap.covers(change.namespace or None, change.name) for gap in store.gaps(change.fact_type)
    )
    return None if thing is None or complete else thing.raw


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
