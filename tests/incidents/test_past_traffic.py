"""The traffic of the last hours: since when it fails, and its picture."""

from dataclasses import replace
from typing import Any

import pytest

from bot.messages.parent import parent_message
from bot.sandbox.model.texts import texts_of
from checks.model.findings import Report, Verdict
from checks.reports.document import REPORT
from checks.reports.text import closing_lines
from checks.reports.traffic_picture import traffic_picture
from tests.bot import stories
from tests.clusters.compose import named
from tests.incidents.test_traffic import with_traffic
from tests.recordings import diagnosed, question

GATEWAY = "team-egress/egw"
HOST = "edition.cnn.com"
FAILING = {"http": {HOST: {"503 UH": 1500}}, "minutes": 15}
"""It fails in all samples of the last minutes."""
FLOWING = {"http": {HOST: {"200 -": 1200}}}


def past(**counted: Any) -> dict[str, Any]:
    return {"role": "history", "pod": "team-egress/egw-asm-1-30-abc", **counted}


def report_of(*counted: dict[str, Any], host: str | None = None) -> Report:
    return diagnosed(with_traffic(named("base"), *counted), question(named("base"), GATEWAY, host)).finish(0.0)


def picture(report: Report) -> tuple[str, ...]:
    return traffic_picture(report)


def test_without_the_last_hours_the_beginning_before_the_samples_is_not_known() -> None:
    report = report_of(FAILING)
    assert report.traffic is not None
    assert report.traffic.summary == "1,500 requests in 15 min, 100 % 503 UH" or "since" not in report.traffic.summary
    assert report.traffic.history is None
    assert picture(report) == ()


def test_a_failure_that_is_older_than_the_samples_has_its_time() -> None:
    report = report_of(FAILING, past(http={HOST: {"503 UH": 9000}}, minutes=90))
    assert report.traffic is not None
    assert "100 % 503 UH since 08:34Z" in report.traffic.summary  # 90 minutes ago, in steps of 5
    (found,) = [each for each in report.findings if each.code == "EG524"]
    assert found.since is not None
    assert f"{found.since:%H:%M}" == "08:34"


def test_a_failure_that_began_before_the_last_hours_has_none() -> None:
    report = report_of(FAILING, past(http={HOST: {"503 UH": 9000}}, minutes=360))
    assert report.traffic is not None
    assert "since" not in report.traffic.summary


def test_requests_that_succeeded_hours_ago_end_the_failure_there() -> None:
    counted = {"503 UH": 600}
    both = past(http={HOST: counted}, minutes=60)
    other = past(pod="team-egress/egw-asm-1-30-def", http={HOST: {"200 -": 90000}}, minutes=30, ended=30)
    report = report_of(FAILING, both, other)
    assert report.traffic is not None
    assert "since 09:34Z" in report.traffic.summary


def test_traffic_that_flows_says_when_it_last_failed_hours_ago() -> None:
    report = report_of(FLOWING, past(http={HOST: {"503 UH": 60}}, minutes=30, ended=120))
    assert report.traffic is not None
    assert report.traffic.summary == "1,200 requests in 5 min, none failed since 07:59Z"
    assert report.verdict is Verdict.HEALTHY


def test_the_picture_has_a_bar_for_each_quarter_of_an_hour() -> None:
    report = report_of(FAILING, past(http={HOST: {"200 -": 24000, "503 UH": 0}}, minutes=360))
    assert picture(report) == (
        f"requests {'█' * 24}",
        f"failed   {'▁' * 24}",
        "last 6 h, at most 1,000 in 15 min, 0 failed",
    )
    words = list(closing_lines(report))
    assert [each for each in words if each.startswith("requests ")] == [f"requests {'█' * 24}"]
    run = stories.done(report)
    shown = " ".join(texts_of(parent_message(run, run.created).blocks))
    assert f"failed   {'▁' * 24}" in shown


def test_the_picture_shows_when_requests_began_to_fail() -> None:
    report = report_of(FAILING, past(http={HOST: {"200 -": 2400, "503 UH": 600}}, minutes=60))
    requests, failed, scale = picture(report)
    assert requests == f"requests {'▁' * 20}████"
    assert failed == f"failed   {'▁' * 20}▃▃▃▃"
    assert scale == "last 6 h, at most 750 in 15 min, 150 failed"


def test_a_time_without_samples_is_a_dot_and_not_zero() -> None:
    entry = past(http={HOST: {"200 -": 4000}}, minutes=60)
    cluster = with_traffic(named("base"), FLOWING, entry)
    (found,) = [each for each in cluster.metrics or () if each["role"] == "history"]
    for series in found["series"]:
        series["values"][:36] = [None] * 36
    report = diagnosed(cluster, question(named("base"), GATEWAY)).finish(0.0)
    requests, failed, _ = picture(report)
    assert requests == f"requests {'·' * 12}{'▁' * 8}████"
    assert failed == f"failed   {'·' * 12}{'▁' * 12}"


def test_the_picture_is_of_the_host_of_the_question() -> None:
    entry = past(http={HOST: {"200 -": 1200}, "www.example.com": {"200 -": 48000}}, minutes=60)
    assert picture(report_of(FLOWING, entry, host=f"{HOST}:80"))[2] == "last 6 h, at most 300 in 15 min, 0 failed"


def test_hours_that_cannot_be_read_are_said_and_decide_nothing() -> None:
    raw: dict[str, Any] = {"source": "prometheus", "role": "history", "namespace": "team-egress", "pod": ""}
    raw |= {"service": "egw.team-egress.svc.cluster.local", "times": [], "series": []}
    report = report_of(FLOWING, {"raw": {**raw, "problem": "Prometheus: more than 2,000 series"}})
    assert report.traffic is not None
    assert report.traffic.notes == ("The traffic of the last hours is not known: Prometheus: more than 2,000 series",)
    assert report.verdict is Verdict.HEALTHY
    assert picture(report) == ()


def test_the_json_report_has_the_steps() -> None:
    report = report_of(FLOWING, past(http={HOST: {"200 -": 2400}}, minutes=60))
    written = REPORT.dump_python(report, mode="json")
    found = written["traffic"]["history"]
    assert (found["step_seconds"], found["totals"][-5:], found["failed"][-2:]) == (900, [0, 600, 600, 600, 600], [0, 0])
    assert found["ends"] == "2026-11-23T09:59:40Z"
    assert REPORT.validate_python(written).traffic == report.traffic


@pytest.mark.parametrize(("count", "bar"), [(0, "▁"), (1, "▂"), (50, "▅"), (100, "█")])
def test_the_lowest_bar_is_for_no_request_alone(count: int, bar: str) -> None:
    report = report_of(FLOWING, past(http={HOST: {"200 -": 0}}, minutes=60))
    assert report.traffic is not None
    assert report.traffic.history is not None
    history = replace(report.traffic.history, totals=(100, count), failed=(0, 0))
    changed = replace(report, traffic=replace(report.traffic, history=history))
    assert picture(changed)[0] == f"requests █{bar}"
