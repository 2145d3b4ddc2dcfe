"""Validation errors of a configuration in terms of its file.

Each has the key, the expected value and the value found.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

# pydantic's error types for a value of the wrong kind; all other messages already name the expected value.
_WRONG_KIND = ("_type", "_parsing", "_unicode", "literal_error", "is_instance_of", "_attributes")
_WORDS = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "Path": "the path of a file",
    "timedelta": "a duration such as 30d, 8h or 90s",
    "dict": "a mapping",
}


@dataclass(frozen=True, slots=True)
class _Mistake:
    """One mistake: the key, the message, and the type that the model expects at this key."""

    key: tuple[str, ...]
    message: str
    expected: object


def mistakes(error: ValidationError, root: type[BaseModel]) -> list[str]:
    """Each mistake once, as `key: message`, in the order of the model's fields."""
    found = [_mistake(each, root) for each in error.errors()]
    # If a key accepts several shapes, a mistake inside one of them is more specific than one about the key itself.
    keys = [each.key for each in found]
    kept = [each for each in found if not (_has_shapes(each.expected) and any(_within(k, each.key) for k in keys))]
    return list(dict.fromkeys(f"{'.'.join(each.key)}: {each.message}" if each.key else each.message for each in kept))


def _within(key: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return len(key) > len(outer) and key[: len(outer)] == outer


def _mistake(error: Any, root: type[BaseModel]) -> _Mistake:
    key, expected, parent = _place(error["loc"], root)
    kind, message = str(error["type"]), str(error["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key[-1], list(parent.model_fields), 1, 0.6)
        hint = f"; did you mean {near[0]}?" if near else ""
        message = f"unknown key{hint} (valid keys: {', '.join(parent.model_fields)})"
    elif kind == "missing":
        message = f"missing; expected {_words(expected)}"
    elif kind == "string_too_short":
        message = "expected text that is not empty"
    elif kind == "invalid_key":
        message = "unknown key; expected text as key"
    elif any(part in kind for part in _WRONG_KIND):
        message = f"expected {_words(expected)}, found {_found(error['input'])}"
    return _Mistake(key, message[:1].lower() + message[1:], expected)


def _place(location: Sequence[int | str], root: type[BaseModel]) -> tuple[tuple[str, ...], object, type[BaseModel]]:
    """The key as written in the file, its expected type, and the model that contains it."""
    key: list[str] = []
    here: object = root
    parent = root
    for part in location:
        models = [each for each in _shapes(here) if isinstance(each, type) and issubclass(each, BaseModel)]
        fields = {name: (model, field) for model in models for name, field in model.model_fields.items()}
        if isinstance(part, int):
            here = next((get_args(each)[0] for each in _shapes(here) if get_origin(each) is tuple), Any)
        elif part in fields:
            parent, field = fields[part]
            here = field.rebuild_annotation()
        elif _is_shape(part, here):
            # pydantic's location names the alternative that it tried; the file has no such key.
            continue
        else:
            parent, here = (models[0] if models else parent), Any
        key.append(str(part))
    return tuple(key), here, parent


def _is_shape(part: str, here: object) -> bool:
    names = ("literal[", "tuple[", "function-", "str", "int", "float", "bool", "none", "path")
    models = [each.__name__ for each in _shapes(here) if isinstance(each, type)]
    return _has_shapes(here) and (part.startswith(names) or part in models)


def _has_shapes(expected: object) -> bool:
    return len(list(_shapes(expected))) > 1


def _shapes(expected: object) -> Iterator[object]:
    """The alternatives of a type, without `Annotated` and None."""
    if get_origin(expected) is Annotated:
        yield from _shapes(get_args(expected)[0])
    elif get_origin(expected) in (Union, UnionType):
        for each in get_args(expected):
            if each is not NoneType:
                yield from _shapes(each)
    else:
        yield expected


def _words(expected: object) -> str:
    return " or ".join(dict.fromkeys(_shape(each) for each in _shapes(expected)))


def _shape(expected: object) -> str:
    if get_origin(expected) is Literal:
        return " or ".join(map(str, get_args(expected)))
    if get_origin(expected) is tuple:
        return f"a list (each: {_words(get_args(expected)[0])})"
    if isinstance(expected, type) and issubclass(expected, BaseModel):
        return f"a mapping with the keys {', '.join(expected.model_fields)}"
    return _WORDS.get(getattr(expected, "__name__", ""), "another value")


def _found(value: object) -> str:
    """A description of the value; short text is quoted."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return f'"{value}"' if len(value) <= 40 and value.isprintable() else "text"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"
