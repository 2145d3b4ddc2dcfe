"""Messages as people read them: one text file a situation, rewritten by `make accept`, reviewed as prose."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.messages import answers
from bot.messages.blocks import Message
from bot.messages.run import messages
from bot.sandbox.blocks import problems_of_message
from bot.sandbox.state import elements_of, texts_of
from checks.findings import Status
from tests.bot import stories
from workers.records import Run, RunState

HERE = Path(__file__).parent
NOW = stories.BEGAN + timedelta(seconds=2)

RUNS: dict[str, Callable[[], Run]] = {
    "queued": stories.run,
    "running": lambda: replace(stories.run(RunState.RUNNING), findings=stories.PASSES[:3]),
    "running_late": lambda: replace(
        stories.run(RunState.RUNNING, replace(stories.ORDER, user="U0BOB")),
        findings=(*stories.PASSES[:3], stories.bare(stories.PREFIX)),
        joined=("U0ALICE",),
        created=stories.BEGAN - timedelta(seconds=30),
        started=stories.BEGAN - timedelta(seconds=29),
    ),
    "broken": lambda: stories.done(stories.BROKEN),
    "healthy": lambda: stories.done(stories.HEALTHY),
    "degraded": lambda: stories.done(stories.DEGRADED),
    "inconclusive": lambda: stories.done(stories.INCONCLUSIVE),
    "cancelled": lambda: replace(stories.run(RunState.CANCELLED), findings=stories.PASSES[:2], cancelled_by="U0BOB"),
    "refused": lambda: replace(
        stories.run(RunState.REFUSED),
        problem='"egress" fits 2 gateways: payments/egress, shop/egress.',
        choices=("payments/egress", "shop/egress"),
    ),
    "failed": lambda: replace(
        stories.run(RunState.FAILED), problem="The run took its worker down twice.", error="1f2e3d4c"
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_reads_like_this(name: str) -> None:
    compare(name, messages(RUNS[name](), NOW))


def compare(name: str, found: tuple[Message, ...]) -> None:
    """Compares with what was accepted, and holds every message to Slack's rules."""
    for message in found:
        assert not problems_of_message(list(message.blocks)), message.slot
        assert message.text
    path, text = HERE / f"{name}.txt", "\n\n".join(map(written, found)) + "\n"
    if os.environ.get("ACCEPT"):  # noqa: TID251 - set by `make accept`
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def written(message: Message) -> str:
    """A message as text: its slot, what a lock screen shows of it, what a reader sees, its buttons."""
    lines = [f"=== {message.slot}", f"lock screen: {message.text[:90].rstrip()}", ""]
    for block in message.blocks:
        if block["type"] == "divider":
            lines.append("----")
        elif block["type"] != "actions":
            lines += [line for text in texts_of(block) for line in text.splitlines()]
    buttons = [
        element["text"]["text"]
        if "text" in element
        else "…: " + ", ".join(o["text"]["text"] for o in element["options"])
        for _, element in elements_of(message.blocks)
    ]
    return "\n".join([*lines, *([f"[{'] ['.join(buttons)}]"] if buttons else [])]).replace("\u2060", "")


def test_no_more_than_four_messages_and_one_for_each_finding() -> None:
    for name, make in RUNS.items():
        run = make()
        seen = run.report.findings if run.report else run.findings
        own = [f for f in seen if f.status in (Status.FAIL, Status.WARN, Status.UNKNOWN)]
        assert len(messages(run, NOW)) <= 4 + len(own), name


def test_the_first_ninety_characters_say_what_it_is() -> None:
    first = {name: [m.text[:90] for m in messages(make(), NOW)] for name, make in RUNS.items()}
    assert "The gateway node pool does not exist" in first["broken"][0]
    assert first["broken"][0].startswith("Broken: payments/egress on prod-weu")
    assert first["healthy"][0].startswith("Healthy: payments/egress on prod-weu")
    assert first["failed"][0].startswith("The run failed: payments/egress on prod-weu")


def test_the_same_run_gives_the_same_messages() -> None:
    for make in RUNS.values():
        assert [m.digest for m in messages(make(), NOW)] == [m.digest for m in messages(make(), NOW)]


def test_slots_are_told_apart() -> None:
    twice = stories.report(
        stories.BROKEN.verdict,
        (stories.POOL, replace(stories.POOL, subject="other"), replace(stories.POOL, subject="third")),
        ("gateway-pool-missing",),
    )
    found = [m.slot for m in messages(stories.done(twice), NOW)]
    assert len(found) == len(set(found))


def test_answers_hold_slacks_rules() -> None:
    run = stories.done(stories.BROKEN)
    for message in (
        answers.help_text(),
        answers.too_old(),
        answers.unavailable(),
        answers.apology("1f2e3d4c"),
        answers.joined(run, "https://example.slack.com/archives/C0OPS/p1"),
        answers.joined(run, ""),
        answers.stopped(0),
        answers.stopped(2),
        answers.elsewhere(run, closed=True),
        answers.elsewhere(stories.run(), closed=False),
    ):
        assert not problems_of_message(list(message.blocks)), message.slot
        assert message.text
