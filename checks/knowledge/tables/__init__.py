"""Dated tables as data files, each with a schema. How to renew them: docs/tables.md."""

from importlib.resources import files
from typing import TypeVar

import yaml
from pydantic import TypeAdapter

_T = TypeVar("_T")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast: every command reads the tables


def read_table(name: str, schema: type[_T]) -> _T:
    """The table of this file name.

    Raises pydantic's ValidationError if the file does not match the schema.
    """
    return TypeAdapter(schema).validate_python(yaml.load(files(__name__).joinpath(name).read_bytes(), _Loader))  # noqa: S506 - both are safe
