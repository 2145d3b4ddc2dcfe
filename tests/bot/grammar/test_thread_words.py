"""Questions and commands in a thread, as tired people type them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.grammar.commands import (
    AskHere,
    CheckAgain,
    ExplainFindings,
    ListCommands,
    Mistake,
    StopHere,
    ThreadCommand,
    ThreadQuestion,
    WatchHere,
)
from bot.grammar.thread_parser import parse_thread_command

HALF_HOUR = WatchHere(timedelta(minutes=30))


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        (ExplainFindings(), ["why", "Why?", "why is it broken?", "what's wrong", "what is the root cause?", "<@U0BOT> why"]),
        (AskHere(ThreadQuestion.GATEWAY_OR_HOST), ["is it the gateway or the host?", "gateway or host", "is it us or them"]),
        (AskHere(ThreadQuestion.CHANGED), ["what changed?", "what's changed", "what has changed since 2 am", "changes"]),
        (AskHere(ThreadQuestion.NEXT), ["what next?", "next", "What now?!", "what should I do", "how do I fix it"]),
        (AskHere(ThreadQuestion.FIXED), ["is it fixed?", "is it fixed yet", "still broken?", "are we ok", "status"]),
        (AskHere(ThreadQuestion.OWNER), ["who has it", "who has this?", "who's on it", "who is the owner", "owner?"]),
        (AskHere(ThreadQuestion.REPORT), ["report", "full report please", "can you show me the report"]),
        (AskHere(ThreadQuestion.THANKS), ["thanks", "Thank you!", "thx", "great, thanks"]),
        (ListCommands(), ["commands", "command", "commands to copy", "what do I run"]),
        (StopHere(), ["stop", "cancel", "stop it", "stop watching", "please stop"]),
        (CheckAgain(), ["again", "re-check", "check again", "retry", "check it again please", "/egress-diag again"]),
        (HALF_HOUR, ["watch", "watch it", "keep watching", "tell me when it's fixed", "watch until healthy"]),
        (WatchHere(timedelta(hours=2)), ["watch 2h", "watch for 2h", "watch it for 2h", "egress-diag watch 2h"]),
    ],
)  # fmt: skip
def test_each_question_has_the_words_that_people_use(command: ThreadCommand, typed: list[str]) -> None:
    assert {text: parse_thread_command(text) for text in typed} == dict.fromkeys(typed, command)


@pytest.mark.parametrize(
    "text",
    [
        "", "prod-weu egw", "prod-weu team-egress/egw --host why.example", "list", "list prod-weu", "help",
        "watch prod-weu egw", "watch prod-weu egw 30m", "history prod-weu egw", "handoff 8h all calm", "digest now",
        "next-weu egw", "is prod-weu egw fixed", "lorem ipsum", "cancel everything", "/egress-diag prod-weu egw",
    ],
)  # fmt: skip
def test_other_words_are_left_to_the_slash_command(text: str) -> None:
    assert parse_thread_command(text) is None


def test_a_wrong_duration_is_a_mistake() -> None:
    assert isinstance(parse_thread_command("watch 20h"), Mistake)
    assert isinstance(parse_thread_command("watch 3x"), Mistake)
