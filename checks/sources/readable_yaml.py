"""Plain values as readable YAML text.

PyYAML takes ten seconds for five thousand pods, and this module takes one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from checks.model.inert_text import BIDIRECTIONAL, inert

_PLAIN = re.compile(r"[A-Za-z/](?:[\w./@-]*[\w/])?", re.ASCII)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_LINE = re.compile(
    r"[\x21-\x7e\xa1-\ud7ff\ue000-\ufefe](?:[\x20-\x7e\xa1-\ud7ff\ue000-\ufefe]*[\x21-\x7e\xa1-\ud7ff\ue000-\ufefe])?"
)
"""A line that a literal block can contain unchanged.

No invisible characters, no space at either end.
"""


def yaml_stream(documents: Iterable[Any]) -> str:
    """The values as one YAML stream.

    Keys in their order, text in double quotes unless it is a plain word.
    """
    return "---\n".join("".join(_document(each)) for each in documents)


def _document(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield from _mapping(value, "")
    elif isinstance(value, list | tuple) and value:
        yield from _sequence(value, "")
    else:
        yield f"{_scalar(value, '')}\n"


def _mapping(found: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in found.items():
        yield from _entry(f"{indent}{_text(str(key))}:", value, indent)


def _entry(start: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield f"{start}\n"
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, list | tuple) and value:
        yield f"{start}\n"
        yield from _sequence(value, indent)
    else:
        yield f"{start} {_scalar(value, indent)}\n"


def _sequence(found: list[Any] | tuple[Any, ...], indent: str) -> Iterator[str]:
    for value in found:
        if isinstance(value, Mapping) and value:
            # The first key follows the dash on the same line.
            lines = _mapping(value, indent + "  ")
            yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
            yield from lines
        elif isinstance(value, list | tuple) and value:
            yield f"{indent}-\n"
            yield from _sequence(value, indent + "  ")
        else:
            yield f"{indent}- {_scalar(value, indent)}\n"


def _scalar(value: Any, indent: str) -> str:
    match value:
        case str():
            return _block(value, indent) if "\n" in value else _text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            # YAML 1.1 reads 1e-09 as text and 1.0e-09 as a number.
            return repr(value) if "." in repr(value) else repr(value).replace("e", ".0e")
        case _:
            return orjson.dumps(value).decode()


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # A JSON string is a valid YAML string, except for the characters in _ESCAPED, which orjson does not escape.
    return orjson.dumps(value).decode().translate(_ESCAPED)


_ESCAPED = {
    each: f"\\u{each:04x}" for each in (*range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF, *BIDIRECTIONAL)
}


def _block(value: str, indent: str) -> str:
    body = value.removesuffix("\n")
    lines = body.split("\n")
    # A first line with leading space needs an indentation indicator; editors remove trailing space.
    if not all(_LINE.fullmatch(line.lstrip(" ")) or not line for line in lines) or not lines[0] or lines[0][0] == " ":
        return _text(value)
    if inert(value) != value:
        return _text(value)
    if not lines[-1]:
        return _text(value)
    pad = f"\n{indent}  "
    return ("|" if value.endswith("\n") else "|-") + "".join(f"{pad}{line}" if line else "\n" for line in lines)
