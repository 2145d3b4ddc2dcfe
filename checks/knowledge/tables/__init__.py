"""Dated tables as data files, each with a schema. How to renew them: docs/tables.md."""

from importlib.resources import files
from typing import TypeVar

import yaml
from pydantic import TypeAdapter

_T = TypeVar("_T")


def read_table(name: str, schema: type[_T]) -> _T:
    """The table of this file name.

    Raises pydantic's ValidationError if the file does not match the schema.
    """
    return TypeAdapter(schema).validate_python(yaml.safe_load(files(__name__).joinpath(name).read_bytes()))
