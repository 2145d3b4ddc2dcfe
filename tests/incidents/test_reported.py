"""Faults of public reports, and published configurations, have their right diagnosis."""

import pytest

from checks.model.findings import Status
from tests.incidents.incidents import Incident, reported
from tests.incidents.judge import shortcomings
from tests.recordings import diagnosed, question

REPORTED = reported()
THROUGH = [each for each in REPORTED if each.expect.get("route") == "through"]


@pytest.mark.parametrize("incident", REPORTED, ids=lambda incident: incident.name)
def test_a_reported_fault_has_its_diagnosis(incident: Incident) -> None:
    expect = incident.expect
    wanted = question(incident.cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    assert list(shortcomings(diagnosed(incident.cluster, wanted).finish(0.0), expect)) == []


def test_every_report_names_the_route_of_its_host() -> None:
    assert len(REPORTED) > 25
    assert all("route" in each.expect for each in REPORTED if each.expect.get("host"))


@pytest.mark.parametrize("incident", THROUGH, ids=lambda incident: incident.name)
def test_a_route_that_works_has_no_failure_without_a_host(incident: Incident) -> None:
    report = diagnosed(incident.cluster, question(incident.cluster, incident.expect["gateway"])).finish(0.0)
    assert [each.summary for each in report.findings if each.status is Status.FAIL] == []
