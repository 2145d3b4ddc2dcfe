"""JSON patches that change one entry of a list, as commands.

A list can change between the diagnosis and the command, so each patch first tests that the entry is still the same one. The
API server then refuses the whole patch, and nothing is changed.
"""

import json
from collections.abc import Sequence

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
