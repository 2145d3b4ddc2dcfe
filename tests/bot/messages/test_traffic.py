"""The counted traffic in Slack: card, verdict, the answer in a thread, and the fleet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from bot.fleet.digest_messages import digest_messages
from bot.fleet.handoff_messages import handoff_messages
from bot.messages.blocks import Message
from bot.messages.gateway_or_host import gateway_or_host
from bot.messages.parent import parent_message
from bot.messages.verdict import verdict_message
from bot.sandbox.model.block_rules import problems_of_message
from bot.sandbox.model.texts import texts_of
from checks.model.findings import Report
from tests.bot import stories
from tests.clusters.compose import Cluster, named
from tests.incidents.incidents import incidents
from tests.incidents.test_traffic import FLOWS, report_of, with_traffic
from workers.fleet.transitions import gateway_check
from workers.records.digest import Counts, Digest, DigestOrder, GatewayLine
from workers.records.handoff import Coverage, Handoff, HandoffOrder
from workers.records.run import Run

GATEWAY = "team-egress/egw"
TIMED_OUT = {"http": {"edition.cnn.com": {"503 UF,URX": 1168, "200 -": 36}}, "milliseconds": {"edition.cnn.com": 10008}}
REFUSED = {**TIMED_OUT, "milliseconds": {"edition.cnn.com": 9}}
NO_ADDRESS = {"http": {"edition.cnn.com": {"503 UH": 40}}}


def report(counted: dict[str, Any] | None, cluster: Cluster | None = None, host: str | None = None) -> Report:
    base = cluster or named("base")
    return report_of(with_traffic(base, counted) if counted is not None else base, GATEWAY, host)


def run_of(found: Report) -> Run:
    return stories.done(found)


def words(messages: Iterable[Message]) -> str:
    found = list(messages)
    for each in found:
        assert not problems_of_message(list(each.blocks))
    return " ".join(text for each in found for text in texts_of(each.blocks))


def card(found: Report) -> str:
    run = run_of(found)
    return words([parent_message(run, run.created + timedelta(seconds=9))])


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (TIMED_OUT, "Traffic: 1,204 requests in 5 min, 97 % 503 UF,URX since 09:55Z"),
        (FLOWS, "Traffic: 1,204 requests in 5 min, none failed"),
        ({"http": {}}, "Traffic: 2 requests in the access logs, none failed"),
        (
            {**FLOWS, "age": 600},
            "Traffic: 2 requests in the access logs (counters not checked), none failed",
        ),
        (
            {"http": {"edition.cnn.com": {"200 -": 400}, "www.example.com": {"503 UH": 100}}},
            "Traffic: 500 requests in 5 min; to www.example.com 100 % 503 UH since 09:55Z",
        ),
        (
            {"http": {"edition.cnn.com": {"200 -": 400, "503 UH": 1}}},
            "Traffic: 401 requests in 5 min, under 1 % 503 UH",
        ),
    ],
)
def test_the_card_has_one_line_about_the_traffic(counted: dict[str, Any], expected: str) -> None:
    assert expected in card(report(counted))


def test_without_a_source_of_counters_the_card_has_no_line() -> None:
    assert "Traffic" not in card(report(None))


def test_card_and_verdict_say_that_traffic_contradicts_a_failure() -> None:
    incident = next(each for each in incidents() if each.name == "114-tunnel-denied")
    found = report(FLOWS, incident.cluster)
    doubt = "Traffic contradicts this: 1,204 recent requests through the gateway succeeded."
    assert f"EG205: {doubt}" in card(found)
    assert doubt in words([verdict_message(run_of(found), found)])
    answer = words([gateway_or_host(run_of(found), found)])
    assert "It is the gateway" in answer
    assert doubt in answer


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (REFUSED, "It is the destination, not the gateway"),
        (TIMED_OUT, "It is the destination, or the network before it"),
        (NO_ADDRESS, "It is the gateway"),
    ],
)
def test_the_answer_in_a_thread_names_the_side(counted: dict[str, Any], expected: str) -> None:
    found = report(counted, host="edition.cnn.com:80")
    answer = words([gateway_or_host(run_of(found), found)])
    assert f"*{expected}:*" in answer
    assert "requests to edition.cnn.com failed" in answer


def test_traffic_that_succeeds_is_part_of_the_answer() -> None:
    found = report(FLOWS, host="edition.cnn.com:80")
    answer = words([gateway_or_host(run_of(found), found)])
    assert "Neither:" in answer
    assert "Traffic succeeds: 1,204 requests in 5 min, none failed." in answer


def test_digest_and_handoff_name_the_host_that_fails() -> None:
    broken = gateway_check(report(TIMED_OUT), "sweep", stories.BEGAN)
    assert [each.code for each in broken.faults] == ["EG524"]
    assert "requests to edition.cnn.com failed" in broken.faults[0].summary
    degraded = gateway_check(report(REFUSED), "sweep", stories.BEGAN)
    assert [each.code for each in degraded.risks] == ["EG524"]
    assert "edition.cnn.com" in degraded.risks[0].summary


def test_the_same_failure_with_other_counts_is_the_same_fault() -> None:
    more = {**TIMED_OUT, "http": {"edition.cnn.com": {"503 UF,URX": 900, "200 -": 1}}}
    one, other = (gateway_check(report(each), "sweep", stories.BEGAN).faults[0] for each in (TIMED_OUT, more))
    assert one.identity == other.identity
    assert one.summary != other.summary


@pytest.mark.parametrize("counted", [TIMED_OUT, REFUSED, NO_ADDRESS])
def test_the_messages_of_digest_and_handoff_name_the_host_that_fails(counted: dict[str, Any]) -> None:
    check = gateway_check(report(counted), "sweep", stories.BEGAN)
    faults = check.faults or check.risks
    lines = (GatewayLine("weu", GATEWAY, faults, stories.BEGAN),)
    broke, warned = (lines, ()) if check.faults else ((), lines)
    order = DigestOrder("1", "C1", ("weu",), stories.BEGAN)
    digest = Digest(order, stories.BEGAN, Counts(1, 1), broke=broke, warned=warned, first_day=stories.BEGAN.date())
    handed = HandoffOrder("2", "C1", "U1", stories.BEGAN, timedelta(hours=8), ("weu",))
    handoff = Handoff(handed, Coverage(clusters=1, gateways=1), open=broke, warned=warned)
    for messages in (digest_messages(digest), handoff_messages(handoff, {})):
        assert "edition.cnn.com" in words(messages)
