"""The import graph in docs/architecture.md is up to date and has no cycle."""

import graphlib
import re
from collections.abc import Collection

import pytest

from tests.docs.import_drawing import PAGE, Rooms, drawing, order, packages, page_with, reduced, rooms


def test_the_page_shows_the_graph_as_it_is() -> None:
    """`make docs` writes it."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == page_with(drawing(rooms()), page)


def rows_of_packages() -> list[str]:
    """The packages of the table, in its order."""
    table = PAGE.read_text(encoding="utf-8").partition('<a id="rooms"></a>')[2].partition("<a id=")[0]
    return [row.replace("/", ".") for row in re.findall(r"^\| `([\w/]+)` \|", table, re.MULTILINE)]


def row_of(package: str, rows: Collection[str]) -> str:
    """The row to which the modules of a package belong; empty for a layer itself."""
    while package and package not in rows:
        package = package.rpartition(".")[0]
    return package


def test_every_package_has_one_row_below_the_rows_of_the_packages_that_it_imports() -> None:
    rows = rows_of_packages()
    inside_istio = {each for each in packages() if re.fullmatch(r"checks\.istio\.\w+", each)}
    graph = rooms()
    assert len(rows) == len(set(rows))
    assert set(rows) == set(graph) | inside_istio
    place = {room: index for index, room in enumerate(rows)}
    assert [(room, each) for room, targets in graph.items() for each in targets if place[each] > place[room]] == []
    # In checks/istio, also the rows of its packages, and that of the modules directly in it.
    upwards = {
        (importer, target)
        for package, targets in packages().items()
        for importer in [row_of(package, rows)]
        for target in (row_of(each, rows) for each in targets)
        if importer and target and place[target] > place[importer]
    }
    assert upwards == set()


def test_no_package_takes_part_in_a_cycle() -> None:
    graph = rooms()
    assert len(order(graph)) == len(graph)


def test_no_nested_package_takes_part_in_a_cycle() -> None:
    graph = packages()
    assert "checks.istio.mesh.objects" in graph["checks.istio.mesh.gateway_api"]
    assert len(order(graph)) == len(graph)


def test_a_cycle_would_be_noticed() -> None:
    graph: Rooms = {"checks.a": frozenset({"checks.b"}), "checks.b": frozenset({"checks.a"})}
    with pytest.raises(graphlib.CycleError):
        order(graph)


def test_an_arrow_that_a_longer_path_implies_is_left_out() -> None:
    graph: Rooms = {
        "checks.a": frozenset({"checks.b", "checks.c"}),
        "checks.b": frozenset({"checks.c"}),
        "checks.c": frozenset(),
    }
    assert reduced(graph)["checks.a"] == {"checks.b"}
