"""How a record is read whose key in Redis holds some of its fields."""

from typing import Annotated, TypeVar

import orjson
from pydantic import Field, TypeAdapter

_T = TypeVar("_T")

FromKey = Annotated[str, Field(exclude=True)]
"""A field that is part of a record's key in Redis, and not of its JSON."""


def read_record(adapter: TypeAdapter[_T], raw: str | bytes, **from_key: str) -> _T:
    """Read a record whose remaining fields come from its key. Raises ValueError."""
    return adapter.validate_python({**orjson.loads(raw), **from_key})
