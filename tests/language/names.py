"""The modules, classes, functions and variables with words that docs/language.md rules out."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.sources import nodes_of

RULED_OUT: Mapping[str, str] = {
    **dict.fromkeys(("way", "ways", "passage", "passages"), "route, request"),
    **dict.fromkeys(("leg", "legs", "stay", "stays", "stretch", "station", "stations"), "hop"),
    **dict.fromkeys(("door", "doors"), "listener, entry point"),
    **dict.fromkeys(("carry", "carries", "carried"), "route, execute"),
    **dict.fromkeys(("look", "looks", "looked"), "check, read, inspect"),
    **dict.fromkeys(("fits", "speaks", "spoken"), "matches, uses"),
    **dict.fromkeys(("tell", "tells", "told", "telling", "teller"), "report, show, distinguish"),
    **dict.fromkeys(("says", "said", "saying"), "message, reason, result"),
    **dict.fromkeys(("complaint", "complaints", "trouble", "troubles"), "warning, error, problem"),
    **dict.fromkeys(("asked", "asks"), "requested, question"),
    **dict.fromkeys(("nobody", "somebody", "anybody"), "the role"),
    **dict.fromkeys(("mend", "mends", "mended", "mending", "repair", "repairs", "remedy"), "fix, correct"),
    **dict.fromkeys(("gone",), "deleted, removed, unavailable"),
    **dict.fromkeys(("lasted", "lasts"), "seconds, since"),
    **dict.fromkeys(("stands", "lies"), "is"),
    **dict.fromkeys(("ticker", "tickers"), "schedule"),
}
"""Words of names, each with the words of the glossary to use instead."""

_ALLOWED = re.compile(r"look(?:ed)?_up|three_way", re.IGNORECASE)
"""Terms of the field that contain such a word."""


_VERBS = ("stay", "stays")
"""Words that are plain verbs in the sentences which name tests."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name and the line that defines it."""

    file: Path
    line: int
    name: str


def names_below(folder: Path) -> Iterator[Name]:
    """The names that the modules below a folder define, and those of the modules themselves."""
    for file in sorted(folder.rglob("*.py")):
        yield Name(file, 1, file.parent.name if file.stem == "__init__" else file.stem)
        for node in nodes_of(file):
            for name in _defined(node):
                yield Name(file, getattr(node, "lineno", 1), name)


def _defined(node: ast.AST) -> Iterator[str]:
    """The names that a node defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.alias(asname=str(name)):
            yield name
        case ast.ExceptHandler(name=str(name)):
            yield name
        case _:
            pass


def words_of(name: str) -> list[str]:
    """The words of a name in snake_case, CapWords or UPPER_CASE, in lower case."""
    return [each.lower() for each in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def ruled_out(name: str) -> Iterator[tuple[str, str]]:
    """Each ruled-out word of a name with the words to use instead."""
    for word in words_of(_ALLOWED.sub("", name)):
        if word in RULED_OUT and not (word in _VERBS and name.startswith("test_")):
            yield word, RULED_OUT[word]
