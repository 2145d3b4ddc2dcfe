"""Slack never interprets text from a cluster, and every message is within Slack's limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.grammar.commands import ThreadQuestion
from bot.messages import (
    gateway_or_host,
    incident_answers,
    present,
    private_answers,
    recipe_answers,
    thread_answers,
    unreported,
)
from bot.messages.blocks import FALLBACK_TEXT, Message, as_code, code_block, cut, fallback, plain, prose
from bot.messages.run import run_messages
from bot.messages.steps import step_details
from bot.sandbox.model.block_rules import is_too_long, problems_of_message
from checks.model.findings import Action, Effect, Evidence, Finding, Report, Status, Verdict
from checks.reports.ran_steps import RanStep, StepResult
from tests.bot import stories
from workers.records.gateway_state import Fault, GatewayState
from workers.records.history import GatewayVerdict
from workers.records.present import PresentState
from workers.records.run import Run
from workers.records.tried import TriedStep

NOW = stories.BEGAN + timedelta(seconds=2)

HOSTILE = [
    "<!channel> <!here> <!everyone> @here @channel",
    "<@U0ALICE> <#C0OPS|ops> <!subteam^S0ONCALL>",
    "<https://evil.example|click here> https://evil.example",
    "*bold* _italic_ ~struck~ `code` ```block``` > quote",
    ":rotating_light: :fire:",
    "\u202egnp.exe\u202c \u200b\u200e\u2066 \x00\x07\x1b[31m",
    "&lt;!channel&gt; &amp;",
    "```\n<!channel>\n```",
    "مرحبا بالعالم שלום 🔥👩‍👩‍👧‍👦",
    "x" * 5000,
    "line\n" * 2000,
    "`" * 50,
]

anything = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=400), st.text(alphabet="<>@!#|&*_~`:/ \n", max_size=80))

FORBIDDEN = re.compile(r"<!(?:channel|here|everyone|subteam)|<@|<#|<https?:|<mailto:")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    status = draw(st.sampled_from([Status.FAIL, Status.WARN, Status.UNKNOWN, Status.PASS, Status.SKIPPED]))
    evidence = draw(st.lists(st.builds(Evidence, anything, anything, anything, anything), max_size=3))
    actions = draw(
        st.lists(
            st.builds(Action, anything, anything, st.sampled_from(list(Effect)), st.just(""), anything), max_size=2
        )
    )
    return replace(
        stories.POOL,
        check=f"fault-{draw(st.integers(0, 5))}",
        status=status,
        title=draw(anything),
        summary=draw(anything),
        subject=draw(anything),
        evidence=tuple(evidence),
        actions=tuple(actions),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(findings(), min_size=1, max_size=6))
def test_text_from_a_cluster_is_inert(found: list[Finding]) -> None:
    report = stories.report(Verdict.BROKEN, found)
    for message in run_messages(stories.done(report), NOW):
        valid(message)
        # The bot's own tokens: the requester, and the times.
        for text in mrkdwn(message.blocks):
            rest = re.sub(r"<@U0ALICE>|<!date\^[^>]*>|<https://learn\.microsoft\.com/[^>]*>", "", text)
            assert not FORBIDDEN.search(rest), rest
            assert not CONTROL.search(rest.replace("\n", ""))
        assert not FORBIDDEN.search(message.text)


@settings(max_examples=120, deadline=None)
@given(anything)
def test_escaped_text_contains_no_syntax(text: str) -> None:
    for made in (plain(text), fallback(text), prose(text)):
        assert "<" not in made
        assert ">" not in made
    for made in (plain(text), fallback(text)):
        assert not re.search(r"@(?!\u2060)", made)
        assert not re.search(r"(?<!\u2060)[*_~`]", made)
    assert as_code(text).count("`") == 2
    assert code_block(text).count("```") == 2


@settings(max_examples=120, deadline=None)
@given(anything, st.integers(100, 3000))
def test_cut_text_is_within_its_limit_without_a_partial_entity(text: str, most: int) -> None:
    for made in (cut(plain(text), most), cut(code_block(text), most)):
        assert len(made) <= most
        assert made.count("```") % 2 == 0
        assert not re.search(r"&[a-z]{0,3}$", made)


def test_two_hundred_findings_of_five_thousand_characters() -> None:
    long = replace(
        stories.POOL,
        summary="s" * 5000,
        title="t" * 5000,
        evidence=tuple(Evidence("r" * 5000, "f" * 5000, "o" * 5000, "e" * 5000) for _ in range(50)),
        actions=tuple(Action("a" * 5000, "c" * 5000, expect="x" * 5000) for _ in range(20)),
    )
    found = [replace(long, check=f"fault-{n}", status=list(Status)[n % 5]) for n in range(200)]
    shown = run_messages(stories.done(stories.report(Verdict.BROKEN, found)), NOW)
    assert len(shown) > 80
    for message in shown:
        valid(message)


WITH_ANY_FINDING = (Verdict.BROKEN, Verdict.INCONCLUSIVE)
"""The verdicts of reports whose findings need not have a certain status."""


@settings(max_examples=15, deadline=None)
@given(st.lists(findings(), min_size=1, max_size=6), st.sampled_from(WITH_ANY_FINDING))
def test_every_answer_in_a_thread_is_inert_and_within_the_limits(found: list[Finding], verdict: Verdict) -> None:
    for answer in answers_to(stories.report(verdict, found)):
        valid(answer)
        for text in mrkdwn(answer.blocks):
            rest = re.sub(r"<@U0\w+>|<!date\^[^>]*>|<https://learn\.microsoft\.com/[^>]*>", "", text)
            assert not FORBIDDEN.search(rest), rest


def test_answers_about_two_hundred_findings_of_five_thousand_characters() -> None:
    long = replace(
        stories.POOL,
        summary="s" * 5000,
        title="t" * 5000,
        actions=tuple(Action("a" * 5000, "c" * 5000) for _ in range(20)),
    )
    found = [replace(long, check=f"fault-{n}", status=list(Status)[n % 5]) for n in range(200)]
    for verdict in WITH_ANY_FINDING:
        for answer in answers_to(stories.report(verdict, found)):
            valid(answer)


def answers_to(report: Report) -> Iterator[Message]:
    """Every answer about a result."""
    run = stories.done(report)
    ran = RanStep("t" * 3000, "check", "EG407", "s" * 900, "d", undo="kubectl " + "u" * 3000)
    tried = [TriedStep(NOW, "U0ALICE", ran, each, "why " * 900) for each in StepResult]
    others = [GatewayVerdict("c", "n", "g" * 60, Verdict.BROKEN, ("x" * 90,) * 4, NOW, "r")] * 50
    for answer in (
        gateway_or_host.gateway_or_host,
        gateway_or_host.is_gateway_healthy,
        incident_answers.which_gateway,
        incident_answers.what_was_not_checked,
        incident_answers.traffic,
        incident_answers.egress_address,
    ):
        yield answer(run, report)
    for about_steps in (thread_answers.next_steps, recipe_answers.what_was_tried, recipe_answers.how_to_undo):
        yield about_steps(run, report, tried)
    yield incident_answers.what_is_affected(run, report, others)
    yield incident_answers.since_when_broken(run, report, None)
    yield recipe_answers.is_it_safe(run, report, restart_offered=True)
    yield from present_answers(run, report, tried)
    yield private_answers.explanation(run, {})
    yield private_answers.command_list(run)
    if (about := incident_answers.about_check(run, report, "EG407")) is not None:
        yield about
    if (details := step_details(report.findings)) is not None:
        yield details


def present_answers(run: Run, report: Report, tried: list[TriedStep]) -> Iterator[Message]:
    """The answers from the present state, with and without a report."""
    words = report.findings[0].summary if report.findings else "s" * 900
    fault = Fault("check", "EG407", words * 3, words, words * 9, "1", NOW)
    faults = (fault,) * 50
    state = GatewayState("c", "n/g", "by", NOW, report.verdict, True, NOW, faults=faults, prefix=words, missing=words)
    checks = tuple(words[:60] for _ in faults)
    with_report = PresentState(run, report, report.verdict, NOW, checks)
    for now in (
        with_report,
        PresentState(run, None, report.verdict, NOW, checks, faults, state),
        PresentState(run, None, report.verdict, NOW, checks),
    ):
        yield present.is_fixed(now, run)
        yield present.checking_now(now)
        yield present.of_run(private_answers.explanation(run, {}), now, run)
    for question in ThreadQuestion:
        yield unreported.unreported_answer(question, now, run)
        yield unreported.unreported_answer(question, replace(now, faults=faults, state=state), run)
    yield unreported.unreported_check("EG407", replace(now, faults=faults, state=state), run)
    yield unreported.earlier_report(now, run)
    yield unreported.no_longer_exists(now)
    yield present.with_time(recipe_answers.how_to_undo(run, None, tried), with_report, run)


def test_a_right_to_left_name_does_not_reorder_the_line() -> None:
    hostile = replace(stories.POOL, subject="שלום", summary="Pod ns/\u202eshalom\u202c is not ready.")
    shown = run_messages(stories.done(stories.report(Verdict.BROKEN, [hostile])), NOW)
    assert all("\u202e" not in text for message in shown for text in mrkdwn(message.blocks))


def valid(message: Message) -> None:
    blocks = list(message.blocks)
    assert not problems_of_message(blocks), message.slot
    assert not is_too_long(blocks), message.slot
    assert 0 < len(message.text) <= FALLBACK_TEXT


def mrkdwn(value: Any) -> Iterator[str]:
    """The mrkdwn texts of the blocks."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for part in value.values():
            yield from mrkdwn(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from mrkdwn(part)
