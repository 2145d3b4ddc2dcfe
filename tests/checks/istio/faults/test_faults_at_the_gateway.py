"""Each breakage at the gateway or behind it is named at its hop.

Its check reports it with a fix that works.
"""

import pytest

from checks.catalogue import catalogue
from checks.istio.request.outcome import Result
from checks.model.route import HopName
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.breakages import BREAKAGES, HTTP, WILDCARD, Breakage, host_of, kind_of, port_of
from tests.clusters.compose import named

HOPS = (HopName.SERVER, HopName.GATEWAY_ROUTE, HopName.ENTRY)
ROUTED = {("B24", HTTP)}
"""Plain HTTP beside TLS on one port: istiod keeps both servers."""
INCURABLE = {("B12", WILDCARD)}
"""A wildcard without resolution: no object has a name that DNS resolves."""
CASES = [(each, on) for each in BREAKAGES if each.hop in HOPS for on in each.on if (each.b, on) not in ROUTED]
SLUGS = {each.code: each.slug for each in catalogue()}


@pytest.mark.parametrize(("breakage", "on"), CASES, ids=lambda each: str(each).replace(" ", "-"))
def test_a_breakage_is_named_and_its_fix_routes_the_host(breakage: Breakage, on: str) -> None:
    facts = facts_about(breakage.do(named(on), on), host_of(on), breakage.client)
    scheme = "https" if kind_of(on) == "tls" else "http"
    found = list(outcomes(facts, scheme, host_of(on).replace("*.", "en."), port_of(on)))
    broken = [(outcome, faults) for outcome, faults in found if outcome.result is not Result.THROUGH]
    assert broken
    for _, faults in broken:
        first = faults[0].fault
        assert (first.name, str(first.hop), first.check) == (breakage.cause, breakage.hop, SLUGS[breakage.code])
        assert first.sentence()
        assert first.evidence()
        if breakage.fixable and (breakage.b, on) not in INCURABLE:
            after = faults[-1].after
            assert after is not None
            assert after.result is Result.THROUGH
