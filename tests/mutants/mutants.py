"""A mutant: a changed fragment of a function, and the tests to detect it.

The lists are mutants.yaml, router.yaml and changes.yaml.
"""

import ast
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("mutants.yaml")
ROUTER = Path(__file__).with_name("router.yaml")
"""Mutants of the router, chosen by hand: the precedence rules of Istio and Envoy."""
CHANGES = Path(__file__).with_name("changes.yaml")
"""Mutants of the evaluation of proposed changes, chosen by hand."""


class NoSuchFragment(Exception):
    """The fragment does not occur exactly once in its function: update the entry to the code."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`before` occurs once in the source of `function` (dotted for methods).

    `tests` are files, folders or node IDs.
    """

    file: str
    function: str
    kind: str
    before: str
    after: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.function}: {self.kind}: {self.before!r} -> {self.after!r}"

    def applied(self, source: str) -> str:
        """The text of the file with the change. Raises NoSuchFragment."""
        start = self._start(source)
        changed = source[:start] + self.after + source[start + len(self.before) :]
        ast.parse(changed)
        return changed

    def lines(self, source: str) -> range:
        """The numbers of the fragment's lines. Raises NoSuchFragment."""
        first = source.count("\n", 0, self._start(source)) + 1
        return range(first, first + self.before.count("\n") + 1)

    def _start(self, source: str) -> int:
        """The offset of the fragment."""
        node = _node(source, self.function)
        start, end = _offset(source, node.lineno), _offset(source, (node.end_lineno or node.lineno) + 1)
        if (times := source.count(self.before, start, end)) != 1:
            raise NoSuchFragment(f"{times} times in {self.file}:{self.function}: {self.before!r}")
        return source.index(self.before, start, end)


def load(*lists: Path) -> tuple[Mutant, ...]:
    """The mutants of these lists, by default of all committed ones."""
    found = [
        each
        for path in lists or (LIST, ROUTER, CHANGES)
        for each in yaml.safe_load(path.read_text(encoding="utf-8"))["mutants"]
    ]
    return tuple(Mutant(**{**each, "tests": tuple(each["tests"])}) for each in found)


def as_entry(mutant: Mutant) -> dict[str, Any]:
    """The mutant as an entry of the list."""
    return {**asdict(mutant), "tests": list(mutant.tests)}


def functions(source: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions and methods of a file by their dotted names, outer before inner."""
    waiting: list[tuple[str, ast.AST]] = [("", ast.parse(source))]
    while waiting:
        prefix, parent = waiting.pop(0)
        for child in ast.iter_child_nodes(parent):
            name = getattr(child, "name", "")
            inner = f"{prefix}.{name}".lstrip(".") if isinstance(child, ast.ClassDef) else prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = f"{prefix}.{name}".lstrip(".")
                yield inner, child
            waiting.append((inner, child))


def lines_of(function: str, source: str) -> range:
    """The numbers of the lines of a function's body. Raises NoSuchFragment."""
    body = _node(source, function).body
    return range(body[0].lineno, (body[-1].end_lineno or body[-1].lineno) + 1)


def _node(source: str, function: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    for name, node in functions(source):
        if name == function:
            return node
    raise NoSuchFragment(f"there is no function {function}")


def _offset(source: str, line: int) -> int:
    return sum(len(each) for each in source.splitlines(keepends=True)[: line - 1])
