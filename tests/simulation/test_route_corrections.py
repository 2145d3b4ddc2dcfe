"""The undo of a printed correction of a route gives back the objects before it."""

from collections.abc import Iterator

import pytest

from checks.model.commands import is_command
from checks.model.findings import Action, Effect
from checks.model.route import Correction, Route
from checks.reports.route_text import route_lines
from checks.steps.shell import commands
from tests.incidents.incidents import Incident
from tests.recordings import diagnosed, question
from tests.simulation import kubectl
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.suite import broken_incidents
from tests.simulation.undoing import not_undone

INCIDENTS = tuple(each for each in broken_incidents() if each.expect.get("host"))


def route_of(incident: Incident) -> Route | None:
    asked = (incident.expect["gateway"], incident.expect["host"], incident.expect.get("from"))
    return diagnosed(incident.cluster, question(incident.cluster, *asked)).finish(0.0).route


def corrections(incident: Incident) -> Iterator[tuple[Correction, ...]]:
    """The corrections of each request of the route."""
    route = route_of(incident)
    yield from (each.corrections for each in route.requests) if route is not None else ()


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda each: each.name)
def test_the_undo_of_each_correction_gives_back_the_objects_before_it(incident: Incident) -> None:
    for several in corrections(incident):
        copy = ClusterCopy(incident.cluster)
        for each in several:
            assert each.undo
            action = Action(each.title, each.command, Effect.CHANGES, undo=each.undo)
            assert not_undone(action, copy.cluster) == ""
            for command in commands(each.command):
                kubectl.run(command, copy)


def test_corrections_are_printed_with_their_undo() -> None:
    found = [(each, route) for each in INCIDENTS if (route := route_of(each)) is not None]
    undone = [c.undo for _, route in found for request in route.requests for c in request.corrections]
    assert len(undone) > 20
    assert all(map(is_command, undone))
    assert any("kubectl --context aks1 delete" in each for each in undone)
    printed = "\n".join(line for _, route in found for line in route_lines(route))
    assert printed.count("undo:") >= len(undone) / 2
