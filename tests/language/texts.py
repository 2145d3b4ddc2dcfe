"""Every text of the project that a person reads, with its place: strings, docstrings, comments, pages."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What kind of text it is."""

    STRING = "string"
    DOCSTRING = "docstring"
    COMMENT = "comment"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Text:
    """A text and where it is; `line` counts from 1."""

    file: Path
    line: int
    kind: Kind
    text: str


def python_texts(file: Path) -> Iterator[Text]:
    """Docstrings, comments, and strings of more than one word; the parts of an f-string are joined with `…`."""
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    documented = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            for each in body:
                if (
                    isinstance(each, ast.Expr)
                    and isinstance(each.value, ast.Constant)
                    and isinstance(each.value.value, str)
                ):
                    documented.add(id(each.value))
                    yield Text(file, each.value.lineno, Kind.DOCSTRING, each.value.value)
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            yield Text(
                file,
                node.lineno,
                Kind.STRING,
                "".join(p.value if isinstance(p, ast.Constant) else "…" for p in node.values),
            )
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documented | inside
            and " " in node.value
        ):
            yield Text(file, node.lineno, Kind.STRING, node.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith(("#!", "# type:")):
            yield Text(file, token.start[0], Kind.COMMENT, token.string.lstrip("# "))


def page_texts(file: Path) -> Iterator[Text]:
    """The lines of a page outside its code blocks."""
    code = False
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code:
            yield Text(file, number, Kind.PAGE, line)
