"""Faults that only a fix makes: of objects that it creates, or of entries that it adds.

They do not exist in the cluster; what they need belongs to the fix.
"""

import re
from collections.abc import Iterable, Sequence

from checks.facts.changes import Apply, ChangeRefused, ObjectChange
from checks.facts.fact import KubernetesObject
from checks.facts.view import Facts
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.model.raw_values import Raw

_STEP = re.compile(r"\.?([A-Za-z]\w*)|\[(\d+)\]")
_MISSING = object()


def is_proposed(facts: Facts, before: Sequence[ObjectChange], fault: RouteFault, fix: Fix | None) -> bool:
    """Whether a fault or its fix names an object or field that only the changes before it make."""
    created = {each.ref for each in before if isinstance(each, Apply) and _existing(facts, each) is None}
    named = [
        *(each.resource for each in fault.evidence()),
        *(str(each.ref) for each in fault.shown()),
        *(str(each.ref) for each in (fix.changes if fix is not None else ())),
    ]
    return bool(created & {*named}) or _names_added_field(facts, before, fault)


def _names_added_field(facts: Facts, before: Sequence[ObjectChange], fault: RouteFault) -> bool:
    """Whether the evidence names a list entry or value that the cluster does not have."""
    for each in fault.evidence():
        changes = [change for change in before if str(change.ref) == each.resource]
        thing = next((found for change in changes if (found := _existing(facts, change)) is not None), None)
        if thing is not None and _is_added(thing.raw, _after(thing.raw, changes), _path(each.field)):
            return True
    return False


def _is_added(old: Raw, new: Raw, path: tuple[str | int, ...]) -> bool:
    """Whether a field is another one in the new object.

    Its entry was inserted or moved, or its value is written.
    """
    last = max((at for at, each in enumerate(path) if isinstance(each, int)), default=-1)
    if last < 0:
        return False
    entry, every = path[: last + 1], path[:last]
    if _size(_value(old, every)) == _size(_value(new, every)) and _value(old, entry) is not _MISSING:
        entry = path
    return _value(old, entry) != _value(new, entry)


def _size(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _existing(facts: Facts, change: ObjectChange) -> KubernetesObject | None:
    try:
        return facts.get(change.fact_type, change.name, change.namespace)
    except ChangeRefused:
        return None


def _after(raw: Raw, changes: Iterable[ObjectChange]) -> Raw:
    for each in changes:
        raw = each.applied(raw) or {}
    return raw


def _path(field: str) -> tuple[str | int, ...]:
    """The keys and list positions of a field path, up to a position that names all entries."""
    steps = _STEP.finditer(field.partition("[*]")[0])
    return tuple(int(each[2]) if each[2] else each[1] for each in steps)


def _value(raw: object, path: Iterable[str | int]) -> object:
    for each in path:
        if isinstance(each, int):
            raw = raw[each] if isinstance(raw, list) and each < len(raw) else _MISSING
        else:
            raw = raw.get(each, _MISSING) if isinstance(raw, dict) else _MISSING
    return raw


def joined_fix(facts: Facts, first: Fix, more: Sequence[ObjectChange]) -> Fix:
    """A fix with changes that it needs in addition.

    Objects that it creates are created as they have to be.
    """
    changes = list(first.changes)
    for each in more:
        place = next((at for at, one in enumerate(changes) if _creates(facts, one, str(each.ref))), None)
        created = changes[place] if place is not None else None
        if place is not None and isinstance(created, Apply) and not isinstance(each, Apply):
            raw = each.applied(created.manifest)
            if raw is not None:
                changes[place] = Apply(raw)
            continue
        changes.append(each)
    return Fix(first.title, tuple(changes), first.url, instead=first.instead)


def _creates(facts: Facts, change: ObjectChange, ref: str) -> bool:
    return isinstance(change, Apply) and str(change.ref) == ref and _existing(facts, change) is None
