"""JSON patches that change one entry of a list, as commands.

A list can change between the diagnosis and the command, so each patch first tests that the entry is still the same one. The
API server then refuses the whole patch, and nothing is changed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from checks.model.commands import kubectl

Operation = dict[str, object]


def unchanged(path: str, value: object) -> Operation:
    """The operation that the field at the path still has this value."""
    return {"op": "test", "path": path, "value": value}


def patch_entry(resource: str, name: str, operations: Sequence[Operation], namespace: str = "") -> str:
    """The command of a JSON patch.

    Raises ValueError if it changes a list entry that it does not test first.
    """
    checked = [str(each["path"]) for each in operations if each["op"] == "test"]
    for each in operations:
        entry = list_entry_of(str(each["path"]))
        if each["op"] != "test" and entry and not any(_covers(path, entry) for path in checked):
            raise ValueError(f"no test of {entry} before {each['op']} {each['path']}")
    return kubectl("patch", resource, name, "--type=json", "-p", json.dumps(list(operations)), namespace=namespace)


_FIRST = ("name", "gateways", "host", "hosts", "sniHosts", "destination", "port", "number")
"""The fields that distinguish entries of a list, before others."""
_LONGEST = 200
"""Longer values are not tested: another field of the entry is."""


def guarded(present: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The operations, after tests that each changed list entry is still the present one.

    A test is the present value of the changed field, otherwise a field that distinguishes the entry. An entry that an operation
    inserts, or that the operations test themselves, gets no test.
    """
    tested = [str(each["path"]) for each in operations if each["op"] == "test"]
    tests: dict[str, Any] = {}
    for each in operations:
        path = str(each["path"])
        entry = _changed_entry(each)
        found = _leaf(present, path) if each["op"] != "test" and entry else None
        if found is None and each["op"] != "test" and entry:
            found = _leaf(present, entry)
        if found is not None and not any(f"{one}/".startswith(f"{entry}/") for one in tested):
            tests.setdefault(*found)
    return [*(unchanged(path, value) for path, value in tests.items()), *operations]


def _changed_entry(operation: Mapping[str, Any]) -> str:
    """The path up to the last index of a list that exists before the operation, "" without one."""
    words = str(operation["path"]).split("/")
    last = len(words) - 1 if operation["op"] == "add" else len(words)  # an added index is a new entry
    positions = [at for at, word in enumerate(words[:last]) if word.isdecimal()]
    return "/".join(words[: positions[-1] + 1]) if positions else ""


def _leaf(present: object, path: str) -> tuple[str, object] | None:
    """A short value at the path or below it, with its path; None without one."""
    value = present
    for step in (each.replace("~1", "/").replace("~0", "~") for each in path.split("/")[1:]):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return _below(value, path)


def _below(value: object, path: str) -> tuple[str, object] | None:
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (_FIRST.index(key) if key in _FIRST else len(_FIRST), key))
        parts = [(value[key], f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}") for key in keys]
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        parts = [(each, f"{path}/{at}") for at, each in enumerate(value)]
    else:
        return (path, value) if len(json.dumps(value)) <= _LONGEST else None
    return next((found for each, place in parts if (found := _below(each, place)) is not None), None)


def _covers(tested: str, entry: str) -> bool:
    """Whether a test of this path notices another entry in its place.

    It is a test within the entry, or of the list that it is in.
    """
    return f"{tested}/".startswith(f"{entry}/") or f"{entry}/".startswith(f"{tested}/")


def list_entry_of(path: str) -> str:
    """The path up to the first index of a list, "" without one."""
    words = path.split("/")
    for position, word in enumerate(words):
        if word.isdecimal():
            return "/".join(words[: position + 1])
    return ""
