"""Traffic of the question's host that counters have under another name, or under none."""

from typing import Any

import pytest

from checks.model.findings import Finding, Report, Status, Verdict
from checks.model.route import HopName
from checks.reports.traffic_words import failing_location, flows
from tests.clusters.compose import compose, named
from tests.incidents.test_traffic import known, with_traffic
from tests.recordings import diagnosed, question

GATEWAY = "team-egress/egw"
PAGE = "en.wikipedia.org"
HOST = "edition.cnn.com"
NO_LOGS = {f"team-egress/egw-asm-1-30-{pod}/istio-proxy": "" for pod in ("abc", "def")}


def of_wildcard(host: str, *counted: dict[str, Any]) -> Report:
    cluster = with_traffic(known()["311-wildcard-host"].cluster, *counted)
    return diagnosed(cluster, question(cluster, GATEWAY, host)).finish(0.0)


def without_logs(host: str, *counted: dict[str, Any]) -> Report:
    cluster = with_traffic(compose(named("base"), {"logs": NO_LOGS}), *counted)
    return diagnosed(cluster, question(cluster, GATEWAY, host)).finish(0.0)


def traffic_failing(report: Report) -> Finding:
    (found,) = [each for each in report.findings if each.code == "EG524"]
    return found


def test_a_host_of_a_wildcard_entry_fails_though_the_counters_name_the_wildcard() -> None:
    report = of_wildcard(PAGE, {"http": {"*.wikipedia.org": {"503 UF,URX": 500}}})
    found = traffic_failing(report)
    assert found.status is Status.FAIL
    assert found.summary.startswith("500 of 500 requests to *.wikipedia.org failed")
    assert report.traffic is not None
    assert "500 requests in 5 min, 100 % 503 UF,URX" in report.traffic.summary


def test_the_route_of_a_host_of_a_wildcard_entry_has_the_counts_at_the_destination() -> None:
    report = of_wildcard(f"{PAGE}:443", {"http": {"*.wikipedia.org": {"200 -": 70, "503 UF,URX": 500}}})
    assert report.route is not None
    hops = [hop for request in report.route.requests for hop in request.hops if hop.name is HopName.DESTINATION]
    assert "570, 500 failed (503 UF,URX)" in {each.chosen for hop in hops for each in hop.decided}
    assert any("most requests there fail" in each for hop in hops for each in hop.doubts)


def test_counts_of_the_host_itself_come_before_those_of_a_wildcard() -> None:
    report = of_wildcard(PAGE, {"http": {"*.wikipedia.org": {"503 UF,URX": 500}, PAGE: {"200 -": 20}}})
    assert traffic_failing(report).status is Status.PASS


def test_a_wildcard_counts_nothing_of_other_domains() -> None:
    report = without_logs(HOST, {"http": {"*.wikipedia.org": {"503 UF,URX": 500}}})
    assert traffic_failing(report).status is Status.SKIPPED


def test_the_last_hours_of_a_host_of_a_wildcard_entry_are_those_of_the_wildcard() -> None:
    counted = {"http": {"*.wikipedia.org": {"200 -": 60}}, "minutes": 15}
    report = of_wildcard(PAGE, counted, {"pod": "team-egress/egw-asm-1-30-abc", "role": "history", **counted})
    assert report.traffic is not None
    assert report.traffic.history is not None
    assert sum(each or 0 for each in report.traffic.history.totals) == 60


@pytest.mark.parametrize(
    ("host", "counted", "noun"),
    [(HOST, {"http": {"": {"404 NR": 500}}}, "requests"), (f"{HOST}:443", {"tcp": {"": {"0 NR": 500}}}, "connections")],
)
def test_failures_without_a_known_host_are_said_and_the_question_does_not_pass(
    host: str, counted: dict[str, Any], noun: str
) -> None:
    report = without_logs(host, counted)
    found = traffic_failing(report)
    assert found.status is Status.WARN
    assert found.summary.startswith(f"500 of 500 {noun} through egress gateway {GATEWAY} without a known host failed")
    assert found.summary.endswith(f"Requests to {host} can be among them.")
    assert report.verdict is not Verdict.HEALTHY
    assert report.traffic is not None
    assert report.traffic.summary.startswith(f"500 {noun} without a known host failed in 5 min (")
    assert not flows(report)
    assert not failing_location(report)


def test_requests_that_succeed_beside_failures_without_a_known_host_are_no_pass() -> None:
    report = without_logs(HOST, {"http": {"": {"404 NR": 30}, HOST: {"200 -": 900}}})
    assert traffic_failing(report).status is Status.WARN
    assert report.traffic is not None
    assert report.traffic.summary.startswith("900 requests in 5 min, none failed; 30 requests without a known host")
