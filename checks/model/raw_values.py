"""Tolerant access to raw JSON.

Any level may be missing or null, and a number may be a string.

Every function takes a raw mapping and a path, and returns a value of the named type or its empty value. None raises.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator

Raw = Mapping[str, Any]

# isinstance against an abstract type is slow enough to dominate a diagnosis: concrete types and absent values come first.
_MAPPINGS = (dict, Mapping)
_SEQUENCES = (list, tuple, Sequence)


def at(raw: object, *path: str) -> Any:
    """The value at the path, or None if any level is missing or not a mapping."""
    for key in path:
        if type(raw) is not dict and (raw is None or not isinstance(raw, _MAPPINGS)):
            return None
        raw = raw.get(key)
    return raw


def text(raw: object, *path: str) -> str:
    """The string at the path, with numbers and booleans as text; "" if absent."""
    value = raw
    for key in path:  # what `at` does: a call less for what is read most often
        if type(value) is not dict and (value is None or not isinstance(value, _MAPPINGS)):
            return ""
        value = value.get(key)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def number(raw: object, *path: str) -> int | None:
    """The integer at the path (or in a string there, such as a quoted port), or None."""
    value = at(raw, *path)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value)
    if isinstance(value, str) and value.strip().lstrip("-").isdigit() and value.isascii():
        return int(value)
    return None


def flag(raw: object, *path: str) -> bool | None:
    """The boolean at the path (also "true"/"false"), or None."""
    value = at(raw, *path)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return None


def mapping(raw: object, *path: str) -> Raw:
    """The mapping at the path, or an empty one."""
    value = at(raw, *path)
    return value if value is not None and isinstance(value, _MAPPINGS) else {}


def items(raw: object, *path: str) -> tuple[Raw, ...]:
    """The mappings in the list at the path, without entries of other types."""
    value = at(raw, *path)
    if value is None or not isinstance(value, _SEQUENCES) or isinstance(value, str | bytes):
        return ()
    return tuple([each for each in value if isinstance(each, _MAPPINGS)])


def texts(raw: object, *path: str) -> tuple[str, ...]:
    """The strings in the list at the path; a single string counts as a list of one."""
    value = at(raw, *path)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, _SEQUENCES) or isinstance(value, bytes):
        return ()
    return tuple([each if isinstance(each, str) else str(each) for each in value if each is not None])


def labels(raw: object, *path: str) -> dict[str, str]:
    """The string map (labels, annotations, selector) at the path."""
    return {str(k): v if isinstance(v, str) else text({"v": v}, "v") for k, v in mapping(raw, *path).items()}


def moment(raw: object, *path: str) -> datetime | None:
    """The RFC 3339 time at the path in UTC, or None; a time without an offset is taken as UTC."""
    return parse_moment(at(raw, *path))


def parse_moment(value: object) -> datetime | None:
    """An RFC 3339 string (or a datetime from YAML) as an aware UTC time, or None."""
    if isinstance(value, str):
        return _parsed(value)
    return in_utc(value) if isinstance(value, datetime) else None


@lru_cache(maxsize=50_000)
def _parsed(value: str) -> datetime | None:
    """The time that a text contains; the times of an object are read for every gateway."""
    try:
        return in_utc(datetime.fromisoformat(value))
    except ValueError:
        return None


def in_utc(found: datetime) -> datetime:
    """The time in UTC; one without an offset is taken as UTC."""
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def stored_moment(value: object) -> datetime:
    """A stored ISO 8601 time in UTC; one without an offset is taken as UTC.

    Raises ValueError.
    """
    return in_utc(datetime.fromisoformat(str(value)))


Moment = Annotated[datetime, AfterValidator(in_utc)]
"""A time of a stored record.

It always has an offset, so any two can be compared.
"""
