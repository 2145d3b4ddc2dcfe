"""A schema language for JSON whose errors have the texts of Slack's `invalid_blocks`.

A `SchemaRule` checks the value at a JSON pointer and adds its problems to a list. The rules are in `block_rules` and
`element_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

Problems: TypeAlias = list[str]
SchemaRule: TypeAlias = Callable[[object, str, Problems], None]


def _problem(found: Problems, text: str, pointer: str) -> None:
    found.append(f"{text} [json-pointer:{pointer}]")


def string(most: int, *, least: int = 1) -> SchemaRule:
    """A string of `least` to `most` characters, inclusive."""

    def rule(value: object, pointer: str, found: Problems) -> None:
        if not isinstance(value, str):
            _problem(found, "must be a string", pointer)
        elif len(value) > most:
            _problem(found, f"must be less than {most + 1} characters", pointer)
        elif len(value) < least:
            _problem(found, f"must be more than {least - 1} characters", pointer)

    return rule


def url(most: int = 3000) -> SchemaRule:
    """An absolute URL: http, https, mailto or slack."""

    def rule(value: object, pointer: str, found: Problems) -> None:
        before = len(found)
        string(most)(value, pointer, found)
        if len(found) == before and not str(value).startswith(("https://", "http://", "mailto:", "slack://")):
            _problem(found, "must be a valid URL", pointer)

    return rule


def boolean(value: object, pointer: str, found: Problems) -> None:
    """True or false."""
    if not isinstance(value, bool):
        _problem(found, "must be a boolean", pointer)


def integer(least: int, most: int) -> SchemaRule:
    """An integer from `least` to `most`, inclusive."""

    def rule(value: object, pointer: str, found: Problems) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            _problem(found, "must be an integer", pointer)
        elif not least <= value <= most:
            _problem(found, f"must be between {least} and {most}", pointer)

    return rule


def one_of(*allowed: str) -> SchemaRule:
    """One of these strings."""

    def rule(value: object, pointer: str, found: Problems) -> None:
        if value not in allowed:
            _problem(found, f"must be one of [{', '.join(allowed)}]", pointer)

    return rule


def anything(value: object, pointer: str, found: Problems) -> None:
    """Any value."""


def array(rule: SchemaRule, *, most: int, least: int = 1) -> SchemaRule:
    """A list of `least` to `most` items, each of which satisfies `rule`."""

    def check(value: object, pointer: str, found: Problems) -> None:
        if not isinstance(value, list):
            _problem(found, "must be an array", pointer)
            return
        if len(value) > most:
            _problem(found, f"no more than {most} items allowed", pointer)
        if len(value) < least:
            _problem(found, f"no fewer than {least} items allowed", pointer)
        for position, item in enumerate(value):
            rule(item, f"{pointer}/{position}", found)

    return check


def fields(required: Mapping[str, SchemaRule], optional: Mapping[str, SchemaRule] | None = None) -> SchemaRule:
    """An object with these fields and no others."""
    known = {**required, **(optional or {})}

    def rule(value: object, pointer: str, found: Problems) -> None:
        if not isinstance(value, dict):
            _problem(found, "must be an object", pointer)
            return
        for name in required:
            if name not in value:
                _problem(found, f"missing required field: {name}", pointer)
        for name, part in value.items():
            if name in known:
                known[name](part, f"{pointer}/{name}", found)
            else:
                _problem(found, f"invalid additional property: {name}", pointer)

    return rule


def tagged(rules: Mapping[str, SchemaRule], *, refused: frozenset[str] = frozenset()) -> SchemaRule:
    """An object whose `type` selects the rule; an unknown or refused type is unsupported."""

    def rule(value: object, pointer: str, found: Problems) -> None:
        if not isinstance(value, dict):
            _problem(found, "must be an object", pointer)
        elif "type" not in value:
            _problem(found, "missing required field: type", pointer)
        elif value["type"] in refused or value["type"] not in rules:
            _problem(found, f"unsupported type: {value['type']}", f"{pointer}/type")
        else:
            rules[value["type"]](value, pointer, found)

    return rule


def also(rule: SchemaRule, *extra: SchemaRule) -> SchemaRule:
    """The rule, then the extra rules until one fails."""

    def check(value: object, pointer: str, found: Problems) -> None:
        before = len(found)
        rule(value, pointer, found)
        for other in extra:
            if len(found) == before:
                other(value, pointer, found)

    return check


def needs_one(*names: str) -> SchemaRule:
    """An object with at least one of these fields."""

    def rule(value: object, pointer: str, found: Problems) -> None:
        if isinstance(value, dict) and not any(value.get(name) for name in names):
            _problem(found, f"must define either `{'` or `'.join(names)}`", pointer)

    return rule


def same_length(name: str) -> SchemaRule:
    """An object in which the lists in the list `name` have the same length."""

    def rule(value: object, pointer: str, found: Problems) -> None:
        rows = value.get(name) if isinstance(value, dict) else None
        if len({len(row) for row in rows or ()}) > 1:
            _problem(found, "all rows must have the same number of cells", f"{pointer}/{name}")

    return rule


def distinct(name: str) -> SchemaRule:
    """A list whose items have distinct values of this field."""

    def rule(value: object, pointer: str, found: Problems) -> None:
        seen: set[str] = set()
        for position, item in enumerate(value if isinstance(value, list) else ()):
            given = item.get(name) if isinstance(item, dict) else None
            if given in seen:
                _problem(found, f"`{name}` {given!r} already exists", f"{pointer}/{position}/{name}")
            if given:
                seen.add(given)

    return rule
