"""Failures and traffic that ended: what is over decides nothing about the present."""

from typing import Any

import pytest

from checks.knowledge.response_flags import FailureSide
from checks.model.findings import Finding, Report, Status, Verdict
from checks.reports.traffic_words import failing_location, flows, mostly_fails
from tests.clusters.compose import Cluster, named
from tests.incidents.test_traffic import known, with_traffic
from tests.recordings import diagnosed, question

GATEWAY = "team-egress/egw"
HOST, OTHER = "edition.cnn.com", "www.example.com"
ABC, DEF = "team-egress/egw-asm-1-30-abc", "team-egress/egw-asm-1-30-def"
UF, OK = "503 UF,URX", "200 -"


def report_of(cluster: Cluster, *counted: dict[str, Any]) -> Report:
    return diagnosed(with_traffic(cluster, *counted), question(cluster, GATEWAY)).finish(0.0)


def found_in(report: Report) -> Finding:
    (found,) = [each for each in report.findings if each.code == "EG524"]
    return found


def ended(outcomes: dict[str, int], minutes: int, ago: int, host: str = HOST) -> dict[str, Any]:
    return {"pod": ABC, "http": {host: outcomes}, "minutes": minutes, "ended": ago}


def now(outcomes: dict[str, int], minutes: int, host: str = HOST) -> dict[str, Any]:
    return {"pod": DEF, "http": {host: outcomes}, "minutes": minutes}


def test_failures_that_ended_two_minutes_ago_warn() -> None:
    report = report_of(named("base"), ended({UF: 900}, 3, 2), now({OK: 500}, 2))
    found = found_in(report)
    assert (found.status, report.verdict) == (Status.WARN, Verdict.DEGRADED)
    assert "None failed since 09:57Z." in found.summary
    assert report.traffic is not None
    assert report.traffic.summary.endswith("none since 09:57Z")
    assert failing_location(report) == ""
    assert not mostly_fails(report)


def test_a_few_requests_that_succeed_do_not_end_a_failure() -> None:
    report = report_of(named("base"), ended({UF: 900}, 3, 2), now({OK: 4}, 2))
    assert (found_in(report).status, report.verdict) == (Status.FAIL, Verdict.BROKEN)


def test_requests_without_an_answer_do_not_end_a_failure() -> None:
    report = report_of(named("base"), ended({UF: 900}, 3, 2), now({"0 DC": 400}, 2))
    assert report.verdict is Verdict.BROKEN


@pytest.mark.parametrize(("minutes", "ago", "since"), [(5, 7, "09:52"), (3, 2, "09:57")])
def test_traffic_that_stopped_is_said_apart(minutes: int, ago: int, since: str) -> None:
    report = report_of(named("base"), ended({OK: 1200}, minutes, ago))
    found = found_in(report)
    assert found.status is Status.SKIPPED
    assert found.summary.startswith("No request through")
    assert f"since {since}Z; none of 1,200 before that failed." in found.summary
    assert report.traffic is not None
    assert report.traffic.summary.endswith(f"none failed; no requests since {since}Z")
    assert flows(report) == ""


@pytest.mark.parametrize(("minutes", "ago"), [(5, 7), (3, 2)])
def test_traffic_that_stopped_doubts_no_finding(minutes: int, ago: int) -> None:
    report = report_of(known()["031-gateway-selector-typo"].cluster, ended({OK: 1200}, minutes, ago))
    assert report.root_causes
    assert not any(each.doubt for each in report.findings)


def test_another_host_that_was_reached_before_the_failure_is_not_reached() -> None:
    report = report_of(named("base"), ended({OK: 50}, 2, 8, OTHER), now({UF: 1204}, 5))
    found = found_in(report)
    assert str(FailureSide.BEYOND) not in found.summary
    assert report.verdict is Verdict.BROKEN


@pytest.mark.parametrize("milliseconds", [{}, {"milliseconds": {HOST: 10008}}], ids=["UF", "time-outs"])
def test_with_one_host_nothing_tells_the_destination_and_the_network_apart(milliseconds: dict[str, Any]) -> None:
    report = report_of(named("base"), {"http": {HOST: {UF: 300}}, **milliseconds})
    assert f"The failure is {FailureSide.UNCLEAR}." in found_in(report).summary
    assert failing_location(report).startswith("It is the destination, or the network before it: ")


def test_two_hosts_that_fail_together_show_the_network() -> None:
    report = report_of(named("base"), {"http": {HOST: {UF: 300}, OTHER: {UF: 200}}})
    assert failing_location(report).startswith("It is the network between the gateway and the destination: ")
