"""Of two breakages the first is reported; correction after correction fixes both."""

from functools import cache
from itertools import combinations

import pytest

from checks.model.route import HopName, Outcome, Route, TracedRequest
from tests.checks.istio.trace.breakages import ALL, BREAKAGES, Breakage, client_host_of
from tests.checks.istio.trace.test_fixes_of_breakages import applied
from tests.checks.istio.trace.test_trace import worst
from tests.checks.istio.trace.traced import meant, traced
from tests.clusters.compose import Cluster, named

pytestmark = pytest.mark.slow  # make check runs only fast tests

ORDER = [each.value for each in HopName]
ROUNDS = 6

AMBIGUOUS = {"the Gateway was deleted", "the rules are of the other kind"}
"""No object shows which kind of rule was meant: the VirtualService alone is consistent."""


EVERY = [pytest.param(11, id="sample"), pytest.param(1, id="all", marks=pytest.mark.matrix)]
"""One of so many pairs: of eleven in `make test`, all in `make matrix`."""


def pairs(on: str, every: int) -> list[tuple[Breakage, Breakage]]:
    """Breakages that can exist together: for the same clients, and not of the same hop."""
    mine = [each for each in BREAKAGES if on in each.on and each.client is None]
    found = [
        (one, other)
        for one, other in combinations(mine, 2)
        if one.hop != other.hop and {one.name, other.name} != AMBIGUOUS
    ]
    return found[::every]


def place(hop: str) -> int:
    """The place of a hop.

    A server and its rule are one: a filter chain exists only if both match.
    """
    return ORDER.index("Gateway server" if hop == "route at the gateway" else hop)


@cache
def both(one: Breakage, other: Breakage, on: str) -> Cluster | None:
    """The configuration with both breakages.

    The result is None if one removes or overwrites a change of the other.
    """
    base = named(on)
    try:
        alone = (one.do(base, on), other.do(base, on))
        together, turned = other.do(alone[0], on), one.do(alone[1], on)
    except (LookupError, KeyError):
        return None
    return None if together in alone or turned in alone else together


@cache
def route_of(one: Breakage, other: Breakage, on: str) -> Route:
    """The route with both breakages."""
    cluster = both(one, other, on)
    assert cluster is not None
    return traced(cluster, client_host_of(on))


def traced_request(route: Route) -> TracedRequest:
    assert not route.routed
    return worst(meant(route) or list(route.requests))


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("on", ALL)
def test_of_two_breakages_the_earlier_hop_is_reported(on: str, every: int) -> None:
    wrong = []
    seen = 0
    for one, other in pairs(on, every):
        if both(one, other, on) is None:
            continue
        seen += 1
        request = traced_request(route_of(one, other, on))
        first = min(place(one.hop), place(other.hop))
        assert request.broken is not None
        # Never later than the first of them; both together may break something that neither breaks alone.
        if place(request.broken.name.value) > first:
            wrong.append(f"{one} + {other}: {request.summary}")
    assert len(wrong) <= seen * 2 // 100, "\n".join(wrong)
    assert seen * every > 50


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("on", ALL)
def test_correction_after_correction_fixes_both(on: str, every: int) -> None:
    stuck = []
    seen = 0
    for one, other in pairs(on, every):
        if not (one.fixable and other.fixable) or (cluster := both(one, other, on)) is None:
            continue
        seen += 1
        route = route_of(one, other, on)
        for _ in range(ROUNDS):
            routes = [
                request for request in meant(route) if request.outcome is not Outcome.THROUGH and request.corrections
            ]
            if not routes:
                break
            request = routes[0]
            for each in request.corrections:
                cluster = applied(cluster, each)
            route = traced(cluster, client_host_of(on))
        if not route.routed:
            stuck.append(f"{one} + {other}: {route.summary}")
    # Two faults of one object can need a person.
    assert len(stuck) <= seen * 20 // 100, f"{len(stuck)} of {seen}:\n" + "\n".join(stuck)
