"""Regular expressions of match blocks, and texts that they match.

Envoy evaluates them with RE2. An expression that Python reads differently is refused.

Source: https://github.com/google/re2/wiki/Syntax.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from re import _parser  # type: ignore[attr-defined] # the parsed form has no public name
from typing import Any

_VARIATIONS = 6
_CHARACTERS = "a0_-/.A:b1"
"""The characters that stand for a class or a dot, by preference."""
_VISIBLE = [chr(each) for each in range(0x21, 0x7F)]
_CATEGORIES = {"DIGIT": r"\d", "NOT_DIGIT": r"\D", "WORD": r"\w", "NOT_WORD": r"\W", "SPACE": r"\s", "NOT_SPACE": r"\S"}

_Node = tuple[Any, Any]
"""An operator and its argument, as Python's parser gives them."""


@lru_cache(maxsize=4096)
def compiled(written: str, *, fold: bool = False) -> re.Pattern[str]:
    """The pattern of an expression.

    Raises re.error if Python does not read the expression as RE2 does.
    """
    if "[:" in written:
        raise re.error("a named character class", written)
    return re.compile(written, re.IGNORECASE if fold else 0)


@lru_cache(maxsize=4096)
def matching_texts(written: str) -> tuple[str, ...]:
    """A few texts that an expression matches, the shortest first; empty if none is found."""
    try:
        pattern, parsed = compiled(written), _parser.parse(written)
        found = dict.fromkeys(_sequence(parsed, at) for at in range(_VARIATIONS))
    except (re.error, LookupError):
        return ()
    return tuple(sorted((each for each in found if pattern.fullmatch(each)), key=len))


def _sequence(nodes: Sequence[_Node], at: int) -> str:
    return "".join(_text(*each, at) for each in nodes)


def _text(operator: Any, argument: Any, at: int) -> str:
    """A text for one node, or LookupError.

    The number of the variation selects branches, characters and repetitions.
    """
    match str(operator):
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL":
            return _selected([each for each in _CHARACTERS if each != chr(argument)], at)
        case "ANY":
            return _selected(_CHARACTERS, at)
        case "IN":
            return _selected(_members(argument), at)
        case "BRANCH":
            return _sequence(argument[1][at % len(argument[1])], at)
        case "SUBPATTERN":
            return _sequence(argument[-1], at)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, part = argument
            return _sequence(part, at) * min(int(most), int(least) + at)
        case "AT":
            return ""
        case other:
            raise LookupError(other)


def _selected(characters: Sequence[str], at: int) -> str:
    return characters[at % len(characters)] if characters else ""


def _members(parts: Sequence[_Node]) -> list[str]:
    """Characters of a class."""
    negated = str(parts[0][0]) == "NEGATE"
    own = [chr(each) for name, argument in parts for each in _ends(name, argument)]
    usual = (*_CHARACTERS, *own, *_VISIBLE)
    return [each for each in usual if negated is not any(_has(*one, each) for one in parts)]


def _ends(operator: Any, argument: Any) -> tuple[int, ...]:
    if str(operator) == "RANGE":
        return int(argument[0]), int(argument[1])
    return (int(argument),) if str(operator) == "LITERAL" else ()


def _has(operator: Any, argument: Any, character: str) -> bool:
    if str(operator) == "CATEGORY":
        return re.match(_CATEGORIES[str(argument).removeprefix("CATEGORY_")], character) is not None
    ends = _ends(operator, argument)
    return bool(ends) and ends[0] <= ord(character) <= ends[-1]
