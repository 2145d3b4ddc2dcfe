"""A mutant: a changed fragment of a function, and the tests that must detect it. The list is mutants.yaml."""

import ast
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("mutants.yaml")


class NoSuchFragment(Exception):
    """The fragment does not occur exactly once in its function: update the entry to the code."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`before` occurs once in the source of `function` (dotted for methods); `tests` are files, folders or node IDs."""

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
        first, last = _place(source, self.function)
        start, end = _offset(source, first), _offset(source, last + 1)
        body = source[start:end]
        if (times := body.count(self.before)) != 1:
            raise NoSuchFragment(f"{times} times in {self.file}:{self.function}: {self.before!r}")
        changed = source[:start] + body.replace(self.before, self.after) + source[end:]
        ast.parse(changed)
        return changed


def load() -> tuple[Mutant, ...]:
    """The committed list."""
    found = yaml.safe_load(LIST.read_text(encoding="utf-8"))["mutants"]
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


def _place(source: str, function: str) -> tuple[int, int]:
    """First and last line of a function."""
    for name, node in functions(source):
        if name == function:
            return node.lineno, node.end_lineno or node.lineno
    raise NoSuchFragment(f"there is no function {function}")


def _offset(source: str, line: int) -> int:
    return sum(len(each) for each in source.splitlines(keepends=True)[: line - 1])
