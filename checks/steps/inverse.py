"""The changes that take changes of an object back."""

from collections.abc import Mapping, Sequence
from typing import Any

from checks.facts.manifests import LAST_APPLIED
from checks.facts.patches import json_patched
from checks.model.json_patches import Operation, list_entry_of, unchanged
from checks.model.raw_values import Raw


class NoInverse(Exception):
    """The previous state does not follow from what was read; the text is the reason."""


def merge_inverse(after: Raw, before: Raw) -> dict[str, Any]:
    """The merge patch that makes `before` of `after`.

    It contains only the fields that differ: the previous value, or null for a field that is new.
    """
    found: dict[str, Any] = {key: None for key in after if key not in before and key != LAST_APPLIED}
    for key, old in before.items():
        new = after.get(key)
        if key == LAST_APPLIED or (key in after and new == old):
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            if inner := merge_inverse(new, old):
                found[key] = inner
        elif isinstance(old, Mapping) and _has_null(old):
            raise NoInverse(f"{key} has an empty value, which a merge patch cannot write")
        else:
            found[key] = old
    return found


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return value is None


def strategic_inverse(patch: Raw, before: Raw) -> dict[str, Any]:
    """The strategic merge patch that takes `patch` back, for lists whose entries have names.

    Raises NoInverse for any other list.
    """
    found: dict[str, Any] = {}
    for key, new in patch.items():
        old = before.get(key)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            found[key] = strategic_inverse(new, old)
        elif isinstance(new, list) and isinstance(old, list):
            found[key] = [_entry_inverse(each, old) for each in new]
        else:
            found[key] = old
    return found


def _entry_inverse(new: Any, old: list[Any]) -> Any:
    name = new.get("name") if isinstance(new, Mapping) else None
    existing = next((each for each in old if isinstance(each, Mapping) and each.get("name") == name), None)
    if name is None or existing is None:
        raise NoInverse("the patched list has no entry of this name")
    return {**strategic_inverse(new, existing), "name": name}


def json_inverse(operations: Sequence[Raw], before: Raw) -> list[Operation]:
    """The JSON patch that takes `operations` back.

    Each list entry that it changes is tested first, so that nothing else is changed if the list is another one by then. Raises
    Unfit if the operations cannot be applied, NoInverse for an operation other than add, remove, replace and test.
    """
    found: list[list[Operation]] = []
    tested = [str(each.get("path")) for each in operations if each.get("op") == "test"]
    state = before
    for each in operations:
        after = json_patched(state, [each])
        if each.get("op") != "test":
            taken_back = _taken_back(str(each.get("op")), str(each.get("path")), state, after)
            found.append([*_test_of_entry(taken_back, tested, after), *taken_back])
        state = after
    return [operation for group in reversed(found) for operation in group]


def _test_of_entry(operations: Sequence[Operation], tested: Sequence[str], after: Raw) -> list[Operation]:
    """The test that the list entry is still the same one, if the operations have none.

    It tests what the first patch has tested, if that remained, or else the whole entry.
    """
    entry = list_entry_of(str(operations[-1]["path"]))
    if not entry or operations[0]["op"] == "test":
        return []
    within = [path for path in tested if f"{path}/".startswith(f"{entry}/") and _known(after, path)[0]]
    path = within[0] if within else entry
    return [unchanged(path, _at(after, path))]


def _taken_back(op: str, path: str, before: Raw, after: Raw) -> list[Operation]:
    parent = path.rpartition("/")[0]
    holder = _at(before, parent)
    if op == "add" and isinstance(holder, list):
        index = len(holder) if path.endswith("/-") else int(path.rpartition("/")[2])
        path = f"{parent}/{index}"
        return [unchanged(path, _at(after, path)), {"op": "remove", "path": path}]
    known, old = _known(before, path)
    if op == "remove":
        tested = [unchanged(parent, _at(after, parent))] if isinstance(holder, list) else []
        return [*tested, {"op": "add", "path": path, "value": old}]
    if op not in ("add", "replace"):
        raise NoInverse(f"operation {op}")
    tested = [unchanged(path, _at(after, path))] if any(word.isdecimal() for word in path.split("/")) else []
    return [*tested, {"op": "replace", "path": path, "value": old} if known else {"op": "remove", "path": path}]


def _at(raw: Any, path: str) -> Any:
    return _known(raw, path)[1]


def _known(raw: Any, path: str) -> tuple[bool, Any]:
    """Whether the object has the field at a JSON pointer, and its value."""
    for word in (each.replace("~1", "/").replace("~0", "~") for each in path.split("/")[1:]):
        if isinstance(raw, Mapping) and word in raw:
            raw = raw[word]
        elif isinstance(raw, list) and word.isdecimal() and int(word) < len(raw):
            raw = raw[int(word)]
        else:
            return False, None
    return True, raw
