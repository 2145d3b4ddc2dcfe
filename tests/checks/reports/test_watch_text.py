"""When a watch prints, and when it counts a gateway as fixed."""

from dataclasses import replace
from datetime import UTC, datetime

from checks.model.findings import Report, Verdict
from checks.model.traffic import Traffic, TrafficOfHost
from checks.reports.watch_text import PASSES_TO_FIX, Watched, after_report, end_line, watch_lines
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question

AT = datetime(2026, 11, 30, 13, 37, tzinfo=UTC)


def report_of(name: str) -> Report:
    story = next(each for each in incidents() if each.name == name)
    return diagnosed(story.cluster, question(story.cluster, story.expect["gateway"])).finish(0.0)


BROKEN = report_of("031-gateway-selector-typo")
OTHER = report_of("032-no-service-entry")
HEALTHY = replace(BROKEN, verdict=Verdict.HEALTHY, root_causes=(), findings=())


def watched(*reports: Report) -> Watched:
    state: Watched | None = None
    for each in reports:
        state = after_report(state, each)
    assert state is not None
    return state


def test_the_first_result_and_each_other_one_is_a_change() -> None:
    assert watched(BROKEN).changed
    assert not watched(BROKEN, replace(BROKEN, duration_seconds=9.0)).changed
    assert watched(BROKEN, OTHER).changed, "another root cause with the same verdict"
    assert watched(BROKEN, HEALTHY).changed


def test_it_is_fixed_after_several_passes_in_a_row() -> None:
    assert not watched(*[HEALTHY] * (PASSES_TO_FIX - 1)).fixed
    assert watched(*[HEALTHY] * PASSES_TO_FIX).fixed
    assert not watched(HEALTHY, HEALTHY, BROKEN, HEALTHY).fixed


def test_unknown_and_starting_are_no_passes() -> None:
    for verdict in (Verdict.INCONCLUSIVE, Verdict.STARTING):
        assert watched(*[replace(HEALTHY, verdict=verdict)] * 5).passed == 0
    assert watched(replace(HEALTHY, verdict=Verdict.DEGRADED)).passed == 1


def test_a_healthy_gateway_whose_traffic_fails_does_not_pass() -> None:
    host = TrafficOfHost("edition.cnn.com", "requests", total=10, failed=9)
    failing = replace(HEALTHY, traffic=Traffic("9 of 10 requests fail", hosts=(host,)))
    assert watched(failing, failing, failing).passed == 0
    assert watched(HEALTHY, failing).changed


def test_the_lines_name_the_time_the_verdict_and_the_cause() -> None:
    lines = list(watch_lines(watched(BROKEN), AT))
    assert lines[0] == "13:37:00 UTC"
    assert lines[1].startswith("Broken: ")
    assert lines[-1].startswith("Root cause  EG505 ")
    assert max(map(len, lines)) <= 80


def test_the_end_says_why_the_watch_has_ended() -> None:
    assert end_line(watched(*[HEALTHY] * 3), AT) == "13:37:00 UTC  Passed 3 checks in a row after 3 checks: healthy."
    assert end_line(watched(BROKEN), AT) == "13:37:00 UTC  The time of the watch is over after 1 check: broken."
    assert end_line(watched(BROKEN), AT, "SIGINT") == "13:37:00 UTC  Ended by SIGINT after 1 check: broken."
