"""The fields and values of Istio's routing objects, from tables/istio-syntax.json.

An object can have others, of a newer version: what they mean is not known (docs/rulings.md#ruling-32). How to renew the
table: docs/tables.md.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

TABLE = files("checks.knowledge.tables").joinpath("istio-syntax.json")


class SyntaxTable(BaseModel):
    """The fields of each kind's spec.

    A mapping has fields, `*` stands for any name, a list has the values of an enum, and an empty mapping takes anything.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    """The version of Istio whose definitions were read."""
    source: str
    kinds: Mapping[str, Any]


@cache
def syntax_table() -> SyntaxTable:
    """The table. Raises pydantic's ValidationError if the file does not match the schema."""
    return SyntaxTable.model_validate(orjson.loads(TABLE.read_bytes()))


def newer_syntax(kind: str, spec: object) -> str:
    """The first field or enum value of a spec that the table lacks; "" for none."""
    known = syntax_table().kinds.get(kind)
    return next(_unknown(spec, known, "spec"), "") if known is not None else ""


def _unknown(value: object, known: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _unknown(each, known, f"{path}[{number}]")
    elif isinstance(known, list):
        # Wrong types are no values of a newer version.
        if isinstance(value, str) and value and value.upper() not in known:
            yield f"{path}: {value}"
    elif isinstance(value, dict) and known:
        for name, each in value.items():
            fields = known.get(name, known.get("*"))
            if fields is None:
                yield f"{path}.{name}"
            else:
                yield from _unknown(each, fields, f"{path}.{name}")
