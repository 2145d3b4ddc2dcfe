"""The number of messages of a check, and the characters of a notification before the fault."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from bot.messages.run import run_messages
from checks.model.findings import Report, Status, Verdict
from checks.reports.host_words import host_outcome, is_about_host
from checks.reports.wording import after_colon, pending_of, roots_of, warnings_of
from tests.bot import stories
from tests.clusters.compose import Cluster, named, read_bundle
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question

ROOT = Path(__file__).parents[3]
BUNDLES = ROOT / "examples" / "bundles"
GATEWAY = "team-egress/egw"

DOCUMENTED = {
    name: (int(messages), float(screens))
    for name, messages, screens in re.findall(
        r"^\| (healthy|broken|starting|unreachable) \| (\d+) \| ([\d.]+) \|",
        (ROOT / "docs" / "slack.md").read_text(),
        re.MULTILINE,
    )
}
"""The messages and phone screens of docs/slack.md#numbers, by gateway."""


def unreachable() -> Cluster:
    return next(each.cluster for each in incidents() if each.name.startswith("103-"))


CLUSTERS = {
    "healthy": lambda: named("base"),
    "broken": lambda: read_bundle(BUNDLES / "gateway-pool-missing"),
    "starting": lambda: read_bundle(BUNDLES / "prefix-pending"),
    "unreachable": unreachable,
}


@cache
def reports() -> tuple[Report, ...]:
    """The reports of all incidents."""
    return tuple(
        diagnosed(
            each.cluster,
            question(each.cluster, each.expect["gateway"], each.expect.get("host"), each.expect.get("from")),
        ).finish(0.0)
        for each in incidents()
        if each.expect.get("verdict")
    )


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_numbers_of_messages_are_those_of_the_documentation(name: str) -> None:
    cluster = CLUSTERS[name]()
    report = diagnosed(cluster, question(cluster, GATEWAY)).finish(0.0)
    found = [each.slot for each in run_messages(stories.done(report), stories.BEGAN)]
    assert len(found) == DOCUMENTED[name][0], found


def test_a_thread_has_one_message_for_each_root_cause_warning_and_reason() -> None:
    for report in reports():
        found = [each.slot for each in run_messages(stories.done(report), stories.BEGAN)]
        causes = [f for f in report.findings if f.status in (Status.FAIL, Status.WARN) and not f.explained_by]
        rest = {"parent", "verdict", "steps", "route", "picture"}
        assert len(found) <= len(rest) + len(causes) + len(report.not_checked)
        assert len([each for each in found if each.startswith("finding/")]) == len(causes), report.gateway


def test_each_symptom_is_folded_into_a_message_with_a_button() -> None:
    for report in reports():
        run = stories.done(report)
        messages = run_messages(run, stories.BEGAN)
        shown = str([each.blocks for each in messages if each.slot == "verdict" or each.slot.startswith("finding/")])
        for finding in report.findings:
            if finding.explained_by and finding.status in (Status.FAIL, Status.WARN):
                assert finding.code in shown, (report.gateway, finding.code)


def test_fewer_than_twenty_characters_of_a_notification_precede_the_fault() -> None:
    count = 0
    for report in reports():
        text = run_messages(stories.done(report), stories.BEGAN)[0].text.replace("\u2060", "")
        fault = after_colon(fault_of(report))
        if fault:
            count += 1
            assert 0 <= text.find(fault) < 20, text[:90]
    assert count > 150


def fault_of(report: Report) -> str:
    """The words that say what is wrong; empty for a healthy gateway."""
    if is_about_host(report):
        return host_outcome(report)[:20]
    match report.verdict:
        case Verdict.BROKEN:
            return roots_of(report)[0].title
        case Verdict.STARTING:
            return pending_of(report)[0].title
        case Verdict.DEGRADED:
            return warnings_of(report)[0].title
        case Verdict.INCONCLUSIVE:
            return report.not_checked[0].reason[:20] if report.not_checked else ""
        case _:
            return ""
