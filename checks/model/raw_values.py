"""Tolerant reading of raw JSON: what an API returned may lack any level, hold null, or carry a number as a string.

Every function takes the raw mapping and a path, and gives a value of the asked type or its empty value; none raises.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Raw = Mapping[str, Any]

# What JSON and YAML give is named first: asking the abstract types alone takes most of a diagnosis' time.
_MAPPINGS = (dict, Mapping)
_SEQUENCES = (list, tuple, Sequence)


def at(raw: object, *path: str) -> Any:
    """The value at the path, or None where any level is missing or not a mapping."""
    for key in path:
        if not isinstance(raw, _MAPPINGS):
            return None
        raw = raw.get(key)
    return raw


def text(raw: object, *path: str) -> str:
    """The string at the path; numbers and booleans as their text; "" where there is none."""
    value = at(raw, *path)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def number(raw: object, *path: str) -> int | None:
    """The integer at the path (also from a string such as a hand-written port), or None."""
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
    return value if isinstance(value, _MAPPINGS) else {}


def items(raw: object, *path: str) -> tuple[Raw, ...]:
    """The mappings of the list at the path; entries of another type are left out."""
    value = at(raw, *path)
    if not isinstance(value, _SEQUENCES) or isinstance(value, str | bytes):
        return ()
    return tuple(each for each in value if isinstance(each, _MAPPINGS))


def texts(raw: object, *path: str) -> tuple[str, ...]:
    """The strings of the list at the path; a single string counts as a list of one."""
    value = at(raw, *path)
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, _SEQUENCES) or isinstance(value, bytes):
        return ()
    return tuple(each if isinstance(each, str) else str(each) for each in value if each is not None)


def labels(raw: object, *path: str) -> dict[str, str]:
    """A string map (labels, annotations, selectors) at the path."""
    return {str(k): v if isinstance(v, str) else text({"v": v}, "v") for k, v in mapping(raw, *path).items()}


def moment(raw: object, *path: str) -> datetime | None:
    """The RFC 3339 time at the path in UTC; a naive time is taken as UTC; None where it is missing or no time."""
    return parse_moment(at(raw, *path))


def parse_moment(value: object) -> datetime | None:
    """An RFC 3339 text (or a datetime, as YAML gives) as an aware UTC time, or None."""
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, str) and value:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
    else:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
