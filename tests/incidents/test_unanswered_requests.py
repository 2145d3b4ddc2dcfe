"""Requests that clients close before an answer are neither successes nor failures."""

from typing import Any

import pytest

from bot.messages.gateway_or_host import gateway_or_host
from bot.sandbox.model.texts import texts_of
from checks.knowledge.response_flags import FailureSide
from checks.model.findings import Finding, Report, Status, Verdict
from checks.reports.traffic_words import failing_location, flows
from checks.reports.watch_text import serves
from tests.bot import stories
from tests.clusters.compose import Cluster, named
from tests.incidents.test_traffic import known, with_traffic
from tests.recordings import diagnosed, question

GATEWAY = "team-egress/egw"
HOST, OTHER = "edition.cnn.com", "www.example.com"
ABC, DEF = "team-egress/egw-asm-1-30-abc", "team-egress/egw-asm-1-30-def"
CLOSED = ("0 DC", "0 -", "0 DR")


def report_of(cluster: Cluster, *counted: dict[str, Any], host: str | None = None, **patch: Any) -> Report:
    return diagnosed(with_traffic(cluster, *counted, **patch), question(cluster, GATEWAY, host)).finish(0.0)


def found_in(report: Report) -> Finding:
    (found, *_) = [each for each in report.findings if each.code == "EG524"]
    return found


@pytest.mark.parametrize("outcome", CLOSED)
def test_a_firewall_that_drops_before_clients_give_up_is_not_healthy(outcome: str) -> None:
    report = report_of(named("base"), {"http": {HOST: {outcome: 1204}}, "milliseconds": {HOST: 3000}})
    assert (found_in(report).status, report.verdict) == (Status.WARN, Verdict.DEGRADED)
    assert found_in(report).summary == (
        f"Clients closed 1,204 of 1,204 requests to {HOST} in 5 min before an answer, after 3 s on average: the destination, "
        "or the network before it, does not answer in time."
    )
    assert report.traffic is not None
    assert report.traffic.summary == "1,204 requests in 5 min, 1,204 without an answer"
    assert (report.traffic.hosts[0].unanswered, report.traffic.hosts[0].succeeded) == (1204, 0)
    assert not serves(report)
    assert flows(report) == ""
    assert "Successful requests" not in " ".join(report.traffic.notes)


def test_the_answer_in_the_thread_does_not_clear_the_destination() -> None:
    report = report_of(named("base"), {"http": {HOST: {"0 DC": 300}}})
    words = "The destination, or the network before it, does not answer in time"
    assert failing_location(report) == f"{words}: clients closed 300 of 300 requests to {HOST} before an answer"
    shown = " ".join(texts_of(gateway_or_host(stories.done(report), report).blocks))
    assert words in shown
    assert "Not the gateway" not in shown


@pytest.mark.parametrize("outcome", CLOSED)
def test_they_doubt_no_finding(outcome: str) -> None:
    report = report_of(known()["031-gateway-selector-typo"].cluster, {"http": {HOST: {outcome: 1204}}})
    assert report.root_causes
    assert not any(each.doubt for each in report.findings)


def test_a_doubt_counts_answered_requests_alone() -> None:
    report = report_of(known()["031-gateway-selector-typo"].cluster, {"http": {HOST: {"200 -": 1000, "0 DC": 204}}})
    (doubt,) = [each.doubt for each in report.findings if each.doubt]
    assert doubt.startswith("Traffic contradicts this: 1,000 of 1,204 recent requests")


def test_a_pod_without_answers_does_not_work() -> None:
    counted = ({"pod": ABC, "http": {HOST: {"503 UF,URX": 500}}}, {"pod": DEF, "http": {HOST: {"0 DC": 400}}})
    assert str(FailureSide.POD) not in found_in(report_of(named("base"), *counted)).summary


def test_a_host_without_answers_is_not_reached() -> None:
    counted = {"http": {HOST: {"503 UF,URX": 300}, OTHER: {"0 DC": 300}}}
    report = report_of(named("base"), counted)
    assert str(FailureSide.BEYOND) not in found_in(report).summary
    assert "other hosts are reached" not in found_in(report).summary
    assert report.verdict is Verdict.BROKEN


def test_failures_are_most_of_what_has_an_outcome() -> None:
    """Of the clients of one firewall some wait for less than its time-out, others for more."""
    report = report_of(named("base"), {"http": {HOST: {"503 UF,URX": 400, "0 DC": 800}}})
    assert report.verdict is Verdict.BROKEN
    assert [each.status for each in report.findings if each.code == "EG524"] == [Status.FAIL, Status.WARN]
    assert report.traffic is not None
    assert report.traffic.hosts[0].since is not None


def test_connections_have_no_code_and_succeed() -> None:
    assert report_of(named("base"), {"tcp": {HOST: {"0 -": 300}}}).verdict is Verdict.HEALTHY


LINE = (
    '[2026-11-23T09:5{minute}:00.019Z] "{request}" 0 DC downstream_remote_disconnect - "-" 0 0 3001 - "10.244.2.31" '
    '"curl/8.9.1" "1afa32a7" "edition.cnn.com" "10.0.0.9:80" outbound|80||edition.cnn.com - 10.244.0.5:80 10.244.2.31:40312 - -'
)


@pytest.mark.parametrize(
    ("request_line", "status"), [("GET / HTTP/1.1", Status.WARN), ("- - -", Status.PASS)], ids=["http", "tcp"]
)
def test_the_access_log_has_them_too(request_line: str, status: Status) -> None:
    lines = "\n".join(LINE.format(minute=minute, request=request_line) for minute in (6, 7, 8))
    cluster = with_traffic(named("base"), {"http": {}}, logs={f"{ABC}/istio-proxy": lines})
    found = found_in(diagnosed(cluster, question(cluster, GATEWAY)).finish(0.0))
    assert found.status is status
    assert ("Clients closed 3 of 4 requests" in found.summary) is (status is Status.WARN)


def test_a_bypass_without_answers_is_no_success() -> None:
    client = {
        "pod": "team-a/web-7c5b9d6f4-m4t8x",
        "role": "client",
        "workload": "web",
        "service": "egw.team-egress.svc.cluster.local",
        "http": {HOST: {"0 DC": 40}},
    }
    cluster = with_traffic(named("base"), {"http": {HOST: {"200 -": 30}}}, client)
    report = diagnosed(cluster, question(cluster, GATEWAY, f"{HOST}:80", "team-a/web")).finish(0.0)
    assert report.traffic is not None
    assert any("40 without an answer" in each for each in report.traffic.notes)
