"""Since when a fault exists: a time of the cluster, or that of the first check."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.fleet.digest_messages import starting_line, still_broken_line
from bot.messages import home, private_answers
from bot.messages.blocks import Message
from bot.messages.phrases import DATE_AND_TIME, local_time
from bot.messages.run import run_messages
from bot.messages.watch import watch_messages
from checks.model.findings import Verdict
from tests.bot import stories
from tests.bot.messages.test_messages import ACTIVE_WATCH, HEADLINES, HISTORY, NOW, SEEN
from workers.records.beginnings import Beginning, FirstSeen
from workers.records.digest import GatewayLine
from workers.records.gateway_state import Fault, GatewayState
from workers.records.watch import WatchState

SHOWN = stories.BEGAN - timedelta(hours=5)
SEEN_AT = stories.BEGAN - timedelta(hours=3)
SINCE = f"since {local_time(SHOWN, DATE_AND_TIME)}"
FIRST_SEEN = f"first seen {local_time(SEEN_AT, DATE_AND_TIME)}"
TIMES = pytest.mark.parametrize(("shown", "words"), [(SHOWN, SINCE), (None, FIRST_SEEN)])

POOL = stories.POOL


def written(message: Message) -> str:
    return json.dumps(message.blocks, ensure_ascii=False)


def fault(shown: object) -> Fault:
    moment = SHOWN if shown else None
    return Fault(POOL.check, POOL.code, POOL.title, POOL.subject, POOL.summary, "i1", SEEN_AT, moment)


@TIMES
def test_the_card_and_the_verdict_of_a_run(shown: object, words: str) -> None:
    report = replace(
        stories.BROKEN,
        findings=tuple(
            replace(each, since=SHOWN if shown else None) if each.check == POOL.check else each
            for each in stories.BROKEN.findings
        ),
    )
    known = (FirstSeen(POOL.check, POOL.subject, SEEN_AT),)
    messages = {each.slot: written(each) for each in run_messages(replace(stories.done(report), first_seen=known), NOW)}
    assert f"EG407 {words}" in messages["parent"]
    assert words in messages["verdict"]


def test_a_fault_that_no_check_saw_before_was_first_seen_by_its_run() -> None:
    run = stories.done(stories.BROKEN)
    assert run.ended is not None
    parent = written(run_messages(run, NOW)[0])
    assert f"EG407 first seen {local_time(run.ended, DATE_AND_TIME)}" in parent
    assert "since" not in parent


@TIMES
def test_a_watch(shown: object, words: str) -> None:
    last = replace(HEADLINES[0], beginnings=(Beginning(SEEN_AT, SHOWN if shown else None),))
    watch = replace(ACTIVE_WATCH, state=WatchState.EXPIRED, passed=0, last=last, ended=ACTIVE_WATCH.until)
    end = next(each for each in watch_messages(watch, timedelta(seconds=30)) if each.slot == "end")
    assert f"• {last.causes[0]} · {words}" in written(end)


@TIMES
def test_the_home(shown: object, words: str) -> None:
    verdict = replace(SEEN.verdicts[0], beginning=Beginning(SEEN_AT, SHOWN if shown else None))
    view = json.dumps(home.home_view(replace(SEEN, verdicts=(verdict,))), ensure_ascii=False)
    assert f" · {words} · checked " in view


@TIMES
def test_lines_of_digests_and_handoffs(shown: object, words: str) -> None:
    line = GatewayLine("prod-weu", "payments/egress", (fault(shown),), SEEN_AT, day=1)
    assert words in still_broken_line(line)
    assert words in starting_line(line)


def test_a_time_of_the_cluster_after_the_first_check_does_not_make_the_outage_younger() -> None:
    younger = replace(fault(shown=True), shown_since=SEEN_AT + timedelta(minutes=5))
    assert FIRST_SEEN in still_broken_line(GatewayLine("prod-weu", "payments/egress", (younger,), SEEN_AT, day=1))


@TIMES
def test_the_history(shown: object, words: str) -> None:
    state = GatewayState(
        "prod-weu", "payments/egress", "a1", NOW, Verdict.BROKEN, broken=True, since=SEEN_AT, faults=(fault(shown),)
    )
    assert f"EG407 {POOL.title} · {words}" in written(
        private_answers.history_message("prod-weu", "payments/egress", HISTORY, state)
    )
    starting = replace(state, starting_since=SEEN_AT, pending=(fault(shown),), faults=())
    assert f"{POOL.title} · {words}" in written(
        private_answers.history_message("prod-weu", "payments/egress", HISTORY, starting)
    )
