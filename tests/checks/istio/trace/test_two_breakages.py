"""Two breakages at once.

The first one on the route is reported, the request does not go through the gateway, and correction after correction
fixes both.
"""

from itertools import combinations

import pytest

from checks.model.route import HopName, Outcome, TracedRequest
from tests.checks.istio.trace.breakages import ALL, BREAKAGES, Breakage, client_host_of
from tests.checks.istio.trace.test_mending import applied
from tests.checks.istio.trace.test_trace import worst
from tests.checks.istio.trace.traced import meant, traced
from tests.clusters.compose import Cluster, named

pytestmark = pytest.mark.slow  # make check runs only fast tests

ORDER = [each.value for each in HopName]
ROUNDS = 6

AMBIGUOUS = {"the Gateway was deleted", "the rules are of the other kind"}
"""Nothing is left that shows which kind of rule was meant.

The VirtualService alone is consistent.
"""

MOST = 150
"""Pairs for each configuration whose corrections are applied; all pairs are traced."""


def pairs(on: str) -> list[tuple[Breakage, Breakage]]:
    """Breakages of the configuration that can exist together.

    They concern the same clients, and not the same hop.
    """
    mine = [each for each in BREAKAGES if on in each.on and each.client is None]
    return [
        (one, other)
        for one, other in combinations(mine, 2)
        if one.hop != other.hop and {one.name, other.name} != AMBIGUOUS
    ]


def place(hop: str) -> int:
    """The place of a hop.

    A server and its rule have one place: a filter chain exists only if both match.
    """
    return ORDER.index("Gateway server" if hop == "route at the gateway" else hop)


def both(one: Breakage, other: Breakage, on: str) -> Cluster | None:
    """The configuration with both breakages.

    None if one removes or overwrites what the other changes.
    """
    base = named(on)
    try:
        alone = (one.do(base, on), other.do(base, on))
        together, turned = other.do(alone[0], on), one.do(alone[1], on)
    except (LookupError, KeyError):
        return None
    return None if together in alone or turned in alone else together


def told(cluster: Cluster, on: str) -> TracedRequest:
    route = traced(cluster, client_host_of(on))
    assert not route.routed
    return worst(meant(route) or list(route.requests))


@pytest.mark.parametrize("on", ALL)
def test_of_two_breakages_the_earlier_hop_is_told(on: str) -> None:
    wrong = []
    seen = 0
    for one, other in pairs(on):
        cluster = both(one, other, on)
        if cluster is None:
            continue
        seen += 1
        way = told(cluster, on)
        first = min(place(one.hop), place(other.hop))
        assert way.broken is not None
        # Never later than the first of them; both together may break something that neither breaks alone.
        if place(way.broken.name.value) > first:
            wrong.append(f"{one} + {other}: {way.summary}")
    assert len(wrong) <= seen * 2 // 100, "\n".join(wrong)
    assert seen > 50


@pytest.mark.parametrize("on", ALL)
def test_correction_after_correction_mends_both(on: str) -> None:
    stuck = []
    seen = 0
    for one, other in pairs(on):
        if not (one.mended and other.mended) or (cluster := both(one, other, on)) is None or seen >= MOST:
            continue
        seen += 1
        route = traced(cluster, client_host_of(on))
        for _ in range(ROUNDS):
            ways = [way for way in meant(route) if way.outcome is not Outcome.THROUGH and way.corrections]
            if not ways:
                break
            way = ways[0]
            for each in way.corrections:
                cluster = applied(cluster, each)
            route = traced(cluster, client_host_of(on))
        if not route.routed:
            stuck.append(f"{one} + {other}: {route.summary}")
    # Two faults of one object can need a person.
    assert len(stuck) <= seen * 20 // 100, f"{len(stuck)} of {seen}:\n" + "\n".join(stuck)
