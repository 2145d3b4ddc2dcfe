"""Every breakage is found at the right hop with the right symptom, and fixed."""

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
    (request,) = meant(route)
    assert request.scheme == ("http" if on in PLAIN else "https")
    assert request.clients == ("team-a", "team-b")
    assert [hop.mark for hop in request.hops] == [Mark.PASSES] * 9, request.hops
    assert request.address == "20.50.60.0/30"


@pytest.mark.parametrize(("broken", "on"), CASES)
def test_a_breakage_is_found_at_its_hop_with_its_symptom(broken: Breakage, on: str) -> None:
    route = traced(broken.do(named(on), on), host_of(on), broken.client)
    assert not route.routed
    request = worst(meant(route))
    assert request.broken is not None, request
    assert (request.broken.name.value, request.cause, request.outcome.value) == (
        broken.hop,
        broken.cause,
        broken.outcome,
    ), request.broken
    if request.outcome is Outcome.FAILS:
        assert any(each in request.answer for each in broken.answer.split(" | ")), request.answer
        assert request.address == ""
    else:
        assert request.address
        assert request.address != "20.50.60.0/30"
    reached = [hop.mark for hop in request.hops[: request.hops.index(request.broken)]]
    assert Mark.BEYOND not in reached


def worst(routes: list[TracedRequest]) -> TracedRequest:
    return min(routes, key=lambda request: (request.outcome is Outcome.THROUGH, request.outcome is Outcome.BYPASSES))
