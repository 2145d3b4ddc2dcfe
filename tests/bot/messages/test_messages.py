"""Messages as people read them: one text file a situation, rewritten by `make accept`, reviewed as prose."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.grammar.commands import Mistake
from bot.messages import answers, diagnose_form, findings, home, private_answers, watch
from bot.messages.blocks import Message
from bot.messages.run import run_messages
from bot.sandbox.blocks import problems_of_message, problems_of_view
from bot.sandbox.state import elements_of, texts_of
from checks.config.configuration import AccessRule
from checks.doctor.requirement_lines import Requirement
from checks.model.findings import Status, Verdict
from tests.bot import stories
from workers.runs.records import GatewayVerdict, PastRun, Run, RunState, Watch, WatchCheck, WatchState

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
        problem='"egress" matches 2 gateways: payments/egress, shop/egress.',
        choices=("payments/egress", "shop/egress"),
    ),
    "failed": lambda: replace(
        stories.run(RunState.FAILED), problem="The worker crashed twice during this run.", error="1f2e3d4c"
    ),
}


MENDED = replace(
    stories.done(stories.HEALTHY, replace(stories.ORDER, user="U0BOB", thread="1.0", after="4f5a6b7c8d9e")),
    id="5a6b7c8d9e0f",
    ended=stories.BEGAN + timedelta(minutes=9),
)
LOOKS = (
    WatchCheck(stories.BEGAN, Verdict.BROKEN, ("The gateway node pool does not exist",), "aaaaaaaaaaa1"),
    WatchCheck(stories.BEGAN + timedelta(minutes=4), Verdict.HEALTHY, (), "aaaaaaaaaaa2"),
)
GOING = Watch(
    "0a1b2c3d4e5f",
    replace(stories.ORDER.target, namespace="payments"),
    "U0ALICE",
    "C0OPS",
    "1.0",
    stories.BEGAN,
    stories.BEGAN + timedelta(minutes=30),
    checks=9,
    passed=1,
    last=LOOKS[1],
    changes=LOOKS,
)
END = stories.BEGAN + timedelta(minutes=5)

MECHANISMS = {
    ("gateway-pool-missing", "egress-prefix-unassigned"): "a prefix needs gateway nodes, and this pool has none",
    ("egress-prefix-unassigned", "gateway-pods-not-running"): "a pod's network is set up when there is a prefix",
}

PAST = (
    PastRun("a3", END, Verdict.HEALTHY, (), (), "U0BOB", "C0OPS"),
    PastRun("a2", stories.BEGAN, Verdict.BROKEN, ("x",), ("EG307", "EG405", "EG407"), "U0ALICE", "C0OPS"),
    PastRun("a1", stories.BEGAN - timedelta(days=2), Verdict.BROKEN, ("x",), ("EG405",), "U0ALICE", "C0OPS"),
)

OTHERS: dict[str, Callable[[], tuple[Message, ...]]] = {
    "again_changed": lambda: run_messages(MENDED, NOW, before=stories.done(stories.BROKEN)),
    "again_unchanged": lambda: run_messages(
        replace(stories.done(stories.BROKEN, MENDED.order), id="5a6b7c8d9e0f"), NOW, before=stories.done(stories.BROKEN)
    ),
    "again_worse": lambda: run_messages(
        replace(stories.done(stories.BROKEN, MENDED.order), id="5a6b7c8d9e0f"),
        NOW,
        before=stories.done(stories.DEGRADED),
    ),
    "followed": lambda: run_messages(replace(stories.done(stories.BROKEN), owner="U0CAROL"), NOW, later=MENDED)[:1],
    "watch_going": lambda: watch.watch_messages(GOING, timedelta(seconds=30)),
    "watch_fixed": lambda: watch.watch_messages(
        replace(GOING, state=WatchState.FIXED, checks=11, passed=3, ended=END), timedelta(seconds=30)
    ),
    "watch_over": lambda: watch.watch_messages(
        replace(GOING, state=WatchState.EXPIRED, passed=0, last=LOOKS[0], changes=LOOKS[:1], ended=GOING.until),
        timedelta(seconds=30),
    ),
    "watch_stopped": lambda: watch.watch_messages(
        replace(
            GOING, state=WatchState.STOPPED, checks=0, passed=0, last=None, changes=(), ended=END, stopped_by="U0BOB"
        ),
        timedelta(seconds=30),
    ),
    "opened": lambda: _one(
        findings.finding_details(stories.done(stories.BROKEN), ["egress-prefix-unassigned", "gateway-pods-not-running"])
    ),
    "why": lambda: (private_answers.explanation(stories.done(stories.BROKEN), MECHANISMS),),
    "commands": lambda: (private_answers.command_list(stories.done(stories.BROKEN)),),
    "past": lambda: (private_answers.history_message("prod-weu", "payments/egress", PAST),),
    "help": lambda: (answers.help_text(),),
    "mistake": lambda: (
        answers.mistake(Mistake('No cluster "prod-wue". Did you mean prod-weu?', ("prod-weu payments/egress",))),
    ),
    "elsewhere": lambda: (answers.channel_unavailable(stories.done(stories.BROKEN), closed=False),),
}


def _one(found: Message | None) -> tuple[Message, ...]:
    assert found is not None
    return (found,)


@pytest.mark.parametrize("name", OTHERS)
def test_everything_else_reads_like_this(name: str) -> None:
    compare(name, OTHERS[name]())


HEALTH = home.BotHealth(2, 1, 0, 42.0, 3)
SEEN = home.Overview(
    NOW,
    (replace(stories.run(RunState.RUNNING), findings=stories.PASSES[:3]),),
    (
        GatewayVerdict(
            "prod-weu", "payments", "egress", Verdict.BROKEN, ("gateway-pool-missing",), stories.BEGAN, "a1"
        ),
        GatewayVerdict("prod-neu", "shop", "edge", Verdict.HEALTHY, (), stories.BEGAN - timedelta(hours=3), "a2"),
    ),
    {("prod-weu", "payments/egress"): "U0BOB"},
    (GOING,),
    (AccessRule(allow=("diagnose",), users=("*",), clusters=("prod-*",), channels=("C0OPS",)),),
    HEALTH,
)
_SCOPE = Requirement(
    "slack", "scopes", "The token has the scope", "Add it under OAuth & Permissions and reinstall the app."
)
CHECKUP = (
    _SCOPE.well("granted", "chat:write"),
    _SCOPE.wrong("missing", "files:write"),
    Requirement("workers", "redis-memory", "Redis has free memory", "Raise `maxmemory`.").risk(
        "85 % of maxmemory is used"
    ),
)

VIEWS: dict[str, Callable[[], dict[str, Any]]] = {
    "home": lambda: home.home_view(SEEN),
    "home_empty": lambda: home.home_view(home.Overview(NOW)),
    "home_with_doctor": lambda: home.home_view(replace(SEEN, checkup=CHECKUP)),
    "home_without_redis": lambda: home.home_view(
        home.Overview(NOW, problem="Redis cannot be reached. Runs, gateways and watches are not shown.")
    ),
    "form_skeleton": lambda: diagnose_form.loading_form("C0OPS"),
    "form_first": lambda: diagnose_form.diagnose_form("C0OPS", ("prod-neu", "prod-weu"), None, None),
    "form_last": lambda: diagnose_form.diagnose_form("C0OPS", ("prod-neu", "prod-weu"), None, stories.ORDER.target),
    "form_wrong": lambda: diagnose_form.wrong_result_form("4f5a6b7c8d9e/C0OPS"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_reads_like_this(name: str) -> None:
    view = VIEWS[name]()
    assert not problems_of_view(view)
    lines = [str((view.get("title") or {}).get("text", "App Home")), *texts_of(view["blocks"])]
    path, text = HERE / f"{name}.txt", "\n".join(lines).replace("\u2060", "") + "\n"
    if os.environ.get("ACCEPT"):  # noqa: TID251 - set by `make accept`
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_home_with_hundreds_of_rows_is_a_view_that_slack_takes() -> None:
    verdicts = [
        GatewayVerdict("c" * 60, f"namespace-{n}", "g" * 200, Verdict.BROKEN, ("x" * 100,) * 9, stories.BEGAN, "a")
        for n in range(300)
    ]
    runs = [replace(stories.run(RunState.RUNNING), id=str(n)) for n in range(100)]
    seen = home.Overview(
        NOW,
        runs,
        verdicts,
        {},
        [GOING] * 50,
        [AccessRule(allow=("diagnose",), users=("*",), clusters=("c" * 90,) * 50)] * 60,
        HEALTH,
    )
    assert not problems_of_view(home.home_view(seen))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_reads_like_this(name: str) -> None:
    compare(name, run_messages(RUNS[name](), NOW))


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
        assert len(run_messages(run, NOW)) <= 4 + len(own), name


def test_the_first_ninety_characters_say_what_it_is() -> None:
    first = {name: [m.text[:90] for m in run_messages(make(), NOW)] for name, make in RUNS.items()}
    assert "The gateway node pool does not exist" in first["broken"][0]
    assert first["broken"][0].startswith("Broken: payments/egress on prod-weu")
    assert first["healthy"][0].startswith("Healthy: payments/egress on prod-weu")
    assert first["failed"][0].startswith("The run failed: payments/egress on prod-weu")


def test_the_same_run_gives_the_same_messages() -> None:
    for make in RUNS.values():
        assert [m.digest for m in run_messages(make(), NOW)] == [m.digest for m in run_messages(make(), NOW)]


def test_slots_are_told_apart() -> None:
    twice = stories.report(
        stories.BROKEN.verdict,
        (stories.POOL, replace(stories.POOL, subject="other"), replace(stories.POOL, subject="third")),
        ("gateway-pool-missing",),
    )
    found = [m.slot for m in run_messages(stories.done(twice), NOW)]
    assert len(found) == len(set(found))


def test_answers_hold_slacks_rules() -> None:
    run = stories.done(stories.BROKEN)
    for message in (
        answers.help_text(),
        answers.run_expired(),
        answers.unavailable(),
        answers.internal_error("1f2e3d4c"),
        answers.joined(run, "https://example.slack.com/archives/C0OPS/p1"),
        answers.joined(run, ""),
        answers.stopped(0),
        answers.stopped(2),
        answers.channel_unavailable(run, closed=True),
        answers.channel_unavailable(stories.run(), closed=False),
    ):
        assert not problems_of_message(list(message.blocks)), message.slot
        assert message.text
