"""The import graph by package, as docs/architecture.md draws it.

`make docs` runs `python -m tests.docs.import_drawing`.
"""

import graphlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import grimp

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN, END = "<!-- import graph: written by make docs -->", "<!-- end of import graph -->"
RINGS = ("bot", "workers", "checks")

Rooms = Mapping[str, frozenset[str]]
"""Each room (`checks.facts`) with the rooms that it imports directly."""


def rooms() -> Rooms:
    """The packages and modules directly below each layer, and the imports between them."""
    graph = grimp.build_graph(*RINGS, cache_dir=None)
    found: dict[str, set[str]] = {room: set() for ring in RINGS for room in graph.find_children(ring)}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            importer, target = _room(module), _room(imported)
            if importer in found and target in found and importer != target:
                found[importer].add(target)
    return {room: frozenset(targets) for room, targets in sorted(found.items())}


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def packages() -> Rooms:
    """Every package, nested ones too, with the packages whose modules its own modules import.

    The modules of a nested package do not count as its parent's.
    """
    graph = grimp.build_graph(*RINGS, cache_dir=None)
    package_of = {each: each if graph.find_children(each) else each.rpartition(".")[0] for each in graph.modules}
    found: dict[str, set[str]] = {package: set() for package in package_of.values()}
    for module, package in package_of.items():
        imported = graph.find_modules_directly_imported_by(module)
        found[package].update(package_of[each] for each in imported if package_of[each] != package)
    return {package: frozenset(targets) for package, targets in sorted(found.items())}


def order(graph: Rooms) -> tuple[str, ...]:
    """The rooms in an order in which each follows those that it imports.

    Raises graphlib.CycleError.
    """
    return tuple(graphlib.TopologicalSorter(graph).static_order())


def reduced(graph: Rooms) -> Rooms:
    """The graph without the edges that a longer path implies."""
    reach: dict[str, frozenset[str]] = {}
    for room in order(graph):
        reach[room] = frozenset(graph[room]).union(*(reach[each] for each in graph[room]))
    return {
        room: frozenset(t for t in targets if not any(t in reach[other] for other in targets if other != t))
        for room, targets in graph.items()
    }


def drawing(graph: Rooms) -> Iterator[str]:
    """The lines of a Mermaid flowchart: a box per ring, arrows from importer to imported."""
    yield "```mermaid"
    yield "flowchart TD"
    for ring in RINGS:
        yield f"  subgraph {ring}"
        inside = [f"{_id(room)}[{room.split('.')[1]}]" for room in graph if room.startswith(f"{ring}.")]
        yield from (f"    {' & '.join(few)}" for few in batched(inside))
        yield "  end"
    for room, targets in reduced(graph).items():
        if targets:
            yield f"  {_id(room)} --> {' & '.join(_id(target) for target in sorted(targets))}"
    yield "```"


def batched(boxes: list[str], size: int = 5) -> Iterator[list[str]]:
    """The boxes in short lines."""
    yield from (boxes[start : start + size] for start in range(0, len(boxes), size))


def _id(room: str) -> str:
    return room.replace(".", "_")


def page_with(lines: Iterator[str], page: str) -> str:
    """The page with the drawing between its two marks. Raises ValueError if a mark is missing."""
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return "\n".join([f"{before}{BEGIN}", "", *lines, "", f"{END}{after}"])


if __name__ == "__main__":
    PAGE.write_text(page_with(drawing(rooms()), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
