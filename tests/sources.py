"""The project's modules as syntax trees, each parsed once in a test process."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def nodes_of(file: Path) -> tuple[ast.AST, ...]:
    """Every node of a module, from the outermost ones inwards."""
    return tuple(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def modules_below(*folders: str) -> Iterator[Path]:
    """The modules below folders of the repository, in the order of their paths."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def statements_of(file: Path) -> list[ast.stmt]:
    """The statements at the top level of a module."""
    module = nodes_of(file)[0]
    assert isinstance(module, ast.Module)
    return module.body
