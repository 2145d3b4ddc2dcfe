"""A request that is not routed through has a finding, and others have none."""

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Report, Status
from checks.model.route import Route
from tests.checks.istio.trace.breakages import ALL, BREAKAGES, Breakage, host_of
from tests.clusters.compose import Cluster, named
from tests.recordings import diagnosed, question

pytestmark = pytest.mark.slow  # make check keeps to what answers within a minute or two

CASES = [pytest.param(each, on, id=f"{each} on {on}") for each in BREAKAGES for on in each.on if each.code]
CHECKS = catalogue()
ISTIO = frozenset(f"EG5{n:02}" for n in range(5, 20))


def reported(cluster: Cluster, host: str, client: str | None) -> tuple[Report, Route]:
    report = diagnosed(cluster, question(cluster, "team-egress/egw", host, client)).finish(0.0)
    route = report.route
    assert route is not None
    return report, route


@pytest.mark.parametrize("on", ALL)
def test_a_whole_route_has_no_failure(on: str) -> None:
    report, route = reported(named(on), host_of(on), "team-a")
    assert route.routed
    assert not report.of(Status.FAIL)


@pytest.mark.parametrize(("broken", "on"), CASES)
def test_the_hop_that_breaks_names_a_check_that_reports_it(broken: Breakage, on: str) -> None:
    report, route = reported(broken.do(named(on), on), host_of(on), broken.client)
    serious = {f.code: f for f in report.findings if f.status in (Status.FAIL, Status.WARN)}
    assert broken.code in serious, sorted(serious)
    assert not route.routed
    named_there = {hop.finding for request, hop in route.first_broken()}
    assert named_there & set(serious), (named_there, sorted(serious))
    # Findings about hosts are about this host, and about these clients.
    for finding in serious.values():
        if finding.code in ISTIO:
            hosts = {one.name for one in finding.about if one.kind == "host"}
            assert hosts <= {host_of(on), "www.example.org", "shop.example.com"}, finding
