"""Every text of the project that people read, with its location.

Texts are strings, docstrings, comments, lines of pages and values of YAML files.
"""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml

from tests.sources import nodes_of

READ_KEYS = ("title", "story", "why", "case")
"""Keys of incidents and examples whose values people read."""


class Kind(StrEnum):
    """The kind of a text."""

    STRING = "string"
    DOCSTRING = "docstring"
    COMMENT = "comment"
    PAGE = "page"
    LINE = "line"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Text:
    """A text and where it is; `line` counts from 1."""

    file: Path
    line: int
    kind: Kind
    text: str


def python_texts(file: Path) -> Iterator[Text]:
    """Docstrings, comments, and strings of more than one word; f-strings with `…` for values."""
    nodes = nodes_of(file)
    docstrings = dict(_docstrings(nodes))
    yield from (Text(file, line, Kind.DOCSTRING, text) for line, text in docstrings.values())
    read = set(docstrings)
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            read |= {id(part) for part in node.values}
            yield Text(file, node.lineno, Kind.STRING, "".join(_written(part) for part in node.values))
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in read and " " in _written(node):
            yield Text(file, node.lineno, Kind.STRING, _written(node))
    source = file.read_text(encoding="utf-8")
    if "#" not in source:
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith(("#!", "# type:")):
            yield Text(file, token.start[0], Kind.COMMENT, token.string.lstrip("# "))


def _docstrings(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, tuple[int, str]]]:
    """The line and text of each docstring by the identity of its node.

    Fields and constants have docstrings too.
    """
    for node in nodes:
        body = getattr(node, "body", None)
        for each in body if isinstance(body, list) else ():
            if (
                isinstance(each, ast.Expr)
                and isinstance(each.value, ast.Constant)
                and isinstance(each.value.value, str)
            ):
                yield id(each.value), (each.value.lineno, each.value.value)


def _written(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "…"


def page_texts(file: Path) -> Iterator[Text]:
    """The lines of a page outside its code blocks."""
    code = False
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code:
            yield Text(file, number, Kind.PAGE, line)


def line_texts(file: Path) -> Iterator[Text]:
    """Every line of a file that mixes code and texts, such as a chart, a script or a golden."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            yield Text(file, number, Kind.LINE, line)


def yaml_texts(file: Path) -> Iterator[Text]:
    """The strings below READ_KEYS, at any depth of a YAML file."""
    for document in yaml.compose_all(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
        yield from _values(file, document, read=False)


def _values(file: Path, node: yaml.Node, *, read: bool) -> Iterator[Text]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _values(file, value, read=read or key.value in READ_KEYS)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _values(file, each, read=read)
    elif read:
        yield Text(file, node.start_mark.line + 1, Kind.VALUE, node.value)
