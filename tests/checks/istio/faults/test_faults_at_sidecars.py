"""Each breakage between a client and the gateway's Service is named at its hop.

Its check reports it with a fix that works.
"""

import pytest

from checks.catalogue import catalogue
from checks.istio.request.outcome import Result
from checks.model.route import HopName
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.breakages import BREAKAGES, Breakage, host_of, kind_of, port_of
from tests.clusters.compose import named

HOPS = (HopName.CLIENT, HopName.SIDECAR, HopName.MESH_ROUTE, HopName.SERVICE)
CASES = [(each, on) for each in BREAKAGES if each.hop in HOPS for on in each.on]
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
        if breakage.fixable:
            after = faults[-1].after
            assert after is not None
            assert after.result is Result.THROUGH
