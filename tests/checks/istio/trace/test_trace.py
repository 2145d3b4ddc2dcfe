"""Every breakage on every canonical configuration.

It is found at the right hop, with the right symptom and a fix.
"""

import pytest

from checks.model.route import Mark, Outcome, TracedRequest
from tests.checks.istio.trace.breakages import ALL, BREAKAGES, PLAIN, Breakage, host_of
from tests.checks.istio.trace.traced import meant, traced
from tests.clusters.compose import named

CASES = [pytest.param(each, on, id=f"{each} on {on}") for each in BREAKAGES for on in each.on]


@pytest.mark.parametrize("on", ALL)
def test_the_canonical_configurations_are_whole_from_every_client(on: str) -> None:
    route = traced(named(on), host_of(on))
    assert route.routed, route.summary
    (way,) = meant(route)
    assert way.scheme == ("http" if on in PLAIN else "https")
    assert way.clients == ("team-a", "team-b")
    assert [hop.mark for hop in way.hops] == [Mark.PASSES] * 9, way.hops
    assert way.address == "20.50.60.0/30"


@pytest.mark.parametrize(("broken", "on"), CASES)
def test_a_breakage_is_found_at_its_hop_with_its_symptom(broken: Breakage, on: str) -> None:
    route = traced(broken.do(named(on), on), host_of(on), broken.client)
    assert not route.routed
    way = worst(meant(route))
    assert way.broken is not None, way
    assert (way.broken.name.value, way.cause, way.outcome.value) == (broken.hop, broken.cause, broken.outcome), (
        way.broken
    )
    if way.outcome is Outcome.FAILS:
        assert any(each in way.answer for each in broken.answer.split(" | ")), way.answer
        assert way.address == ""
    else:
        assert way.address
        assert way.address != "20.50.60.0/30"
    reached = [hop.mark for hop in way.hops[: way.hops.index(way.broken)]]
    assert Mark.BEYOND not in reached


def worst(ways: list[TracedRequest]) -> TracedRequest:
    return min(ways, key=lambda way: (way.outcome is Outcome.THROUGH, way.outcome is Outcome.BYPASSES))
