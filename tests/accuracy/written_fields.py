"""The fields that the JSON patches of a command write, as YAML has them.

An answer's patterns name fields (`protocol: TLS`). A JSON patch has the same field in its path and the value beside it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_PATCH = re.compile(r"'(\[\{\"op\":.*?\}\])'", re.DOTALL)


def with_written_fields(text: str) -> str:
    """The text, and a line `field: value` for each scalar that its JSON patches write."""
    return "\n".join([text, *(line for found in _PATCH.finditer(text) for line in _lines(found[1]))])


def _lines(patch: str) -> Iterator[str]:
    try:
        operations = json.loads(patch)
    except json.JSONDecodeError:
        return
    for each in operations:
        if each.get("op") in ("add", "replace") and isinstance(each.get("value"), str | int | bool):
            yield f"{_field(each)}: {each['value']}"


def _field(operation: dict[str, Any]) -> str:
    name = str(operation["path"]).rpartition("/")[2]
    return name.replace("~1", "/").replace("~0", "~")
