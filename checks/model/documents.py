"""Safe parsing of untrusted YAML and JSON, with limits on depth and size.

YAML is parsed event by event: tags, aliases, depth and size are checked before values are built. Timestamps stay strings,
as in the Kubernetes API; keys are strings as written; a duplicate key is an error.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import yaml

MAX_DEPTH = 100
"""Kubernetes' deepest objects (CRD schemas, managedFields) nest about 40 levels."""

MAX_VALUES = 5_000_000
"""Values in all documents together, aliases counted each time they are used.

10,000 pods are about 2,000,000.
"""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})|0o?[0-7]{1,21}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,20}\.[0-9]{0,20}|\.[0-9]{1,20}|[0-9]{1,20}(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?")


class BadDocument(ValueError):
    """The text is not valid, not supported or too large.

    The message names the problem and its line.
    """


class Budget:
    """The number of values that may still be read; one budget covers a whole bundle."""

    def __init__(self, values: int = MAX_VALUES) -> None:
        self.limit = values
        self.left = values

    def spend(self, values: int) -> None:
        """Deduct values. Raises BadDocument when the budget is exceeded."""
        self.left -= values
        if self.left < 0:
            raise BadDocument(f"more than {self.limit:,} values in total, aliases counted each time they are used")


def parse_json(data: bytes, budget: Budget) -> Any:
    """Parse one JSON document. Raises BadDocument."""
    budget.spend(1 + data.count(b",") + data.count(b"[") + data.count(b"{"))
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadDocument(f"not valid JSON: {error}") from None


def parse_yaml(text: str, budget: Budget) -> Iterator[Any]:
    """Parse the documents of a YAML stream, without the empty ones. Raises BadDocument."""
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise BadDocument(f"not valid YAML: {_where(error)}") from None
    try:
        yield from _Reader(loader, budget).documents()
    except yaml.YAMLError as error:
        raise BadDocument(f"not valid YAML: {_where(error)}") from None
    finally:
        loader.dispose()


def _where(error: yaml.YAMLError) -> str:
    mark: Any | None = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).partition("\n")[0]
    return f"{problem} (line {mark.line + 1})" if mark else str(problem)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


_END = object()


class _Reader:
    """Builds values from parser events.

    Equal scalars share one object, which halves the memory of a large list.
    """

    def __init__(self, loader: Any, budget: Budget) -> None:
        self.next = loader.get_event
        self.budget = budget
        self.scalars: dict[str, Any] = dict(_WORDS)
        self.texts: dict[str, str] = {}
        self.anchors: dict[str, tuple[Any, int]] = {}

    def documents(self) -> Iterator[Any]:
        while not isinstance(event := self.next(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors.clear()
                if (value := self._value(self.next(), 0)) is not None:
                    yield value

    def _value(self, event: Any, depth: int) -> Any:
        """The value that begins with this event, or _END at the end of a collection."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
            if event.anchor is not None:
                self.anchors[event.anchor] = (value, 1)
            return value
        if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            return _END
        if kind is yaml.AliasEvent:
            return self._alias(event)
        if depth >= MAX_DEPTH:
            raise BadDocument(f"nested deeper than {MAX_DEPTH} levels (line {_line(event)})")
        self._check_tag(event)
        before = self.budget.left
        value = self._mapping(depth + 1) if kind is yaml.MappingStartEvent else self._sequence(depth + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, before - self.budget.left + 1)
        return value

    def _sequence(self, depth: int) -> list[Any]:
        found: list[Any] = []
        while (value := self._value(self.next(), depth)) is not _END:
            found.append(value)
        self.budget.spend(len(found) + 1)
        return found

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while (event := self.next()).__class__ is yaml.ScalarEvent:
            key = self._text(event.value)
            value = self._value(self.next(), depth)
            if key == "<<" and event.implicit[0]:
                merged = {**_merged(value, event), **merged}
                continue
            if key in found:
                raise BadDocument(f'the key "{key}" occurs twice in one mapping (line {_line(event)})')
            found[key] = value
        if event.__class__ is not yaml.MappingEndEvent:
            raise BadDocument(f"a key that is not a string (line {_line(event)})")
        self.budget.spend(len(found) + len(merged) + 1)
        return {**merged, **found} if merged else found

    def _scalar(self, event: Any) -> Any:
        if event.tag is not None:
            self._check_tag(event)
        written = event.value
        if not event.implicit[0] or event.tag is not None:
            return self._text(written)
        try:
            return self.scalars[written]
        except KeyError:
            value = self.scalars[written] = _plain(self._text(written))
            return value

    def _text(self, written: str) -> str:
        return self.texts.setdefault(written, written) if len(written) < 100 else written

    def _alias(self, event: Any) -> Any:
        try:
            value, size = self.anchors[event.anchor]
        except KeyError:
            raise BadDocument(f"the alias *{event.anchor} has no anchor before it (line {_line(event)})") from None
        self.budget.spend(size)
        return value

    def _check_tag(self, event: Any) -> None:
        if event.tag not in _PLAIN_TAGS:
            raise BadDocument(f"the tag {event.tag} is not supported (line {_line(event)})")


def _merged(value: Any, event: Any) -> dict[str, Any]:
    parts = value if isinstance(value, list) else [value]
    merged: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, dict):
            raise BadDocument(f"<< merges a value that is not a mapping (line {_line(event)})")
        merged = {**part, **merged}
    return merged


def _plain(written: str) -> Any:
    """A number if Kubernetes would read one, otherwise the text.

    Times, versions and 1:30 stay text.
    """
    if written[0] not in "-+.0123456789":
        return written
    if _INTEGER.fullmatch(written):
        digits = written.lstrip("+-")
        if digits.startswith("0") and len(digits) > 1 and digits[1] not in "xo":
            return int(digits, 8)
        return int(written, 0)
    return float(written) if _FLOAT.fullmatch(written) else written
