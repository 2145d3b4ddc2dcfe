"""Questions as people write them in a thread: their own words, with typing errors."""

from __future__ import annotations

import pytest

from bot.grammar.commands import (
    AskHere,
    CheckAgain,
    ExplainFindings,
    ListCommands,
    OwnHere,
    RequestStepHere,
    ThreadCommand,
    ThreadQuestion,
    WatchHere,
)
from bot.grammar.thread_parser import meant_command, parse_thread_command
from bot.grammar.words import DEFAULT_WATCH
from checks.actions.plan import ActionKind

WORDS: dict[ThreadQuestion, str] = {
    ThreadQuestion.GATEWAY_OR_HOST: (
        "is it the firewall? / is it dns? / is it the network or the gateway / whose fault is it / is it on our side / "
        "is the problem on our side or theirs / does https work / what about http / can checkout reach it / who's fault is it"
    ),
    ThreadQuestion.CHANGED: (
        "who changed it / did anyone deploy something / any recent changes? / when did it change / what was modified / "
        "what chnaged"
    ),
    ThreadQuestion.NEXT: (
        "how can i solve this / fix it / can you fix it / what are the steps / help me fix it / which step is next / "
        "what shoud i do"
    ),
    ThreadQuestion.FIXED: (
        "it is still broken / still down? / does it work again / is egress working / any update? / any news / all good? / "
        "did it work / that didn't help / it didn't work / nothing changed / still failing / works now / is it brokn / "
        "how long will it take / when will it be ready / is it starting / is everything ok"
    ),
    ThreadQuestion.OWNER: (
        "who is working on this / anyone on it? / is someone looking at this / who can I ask / escalate / who owns thsi"
    ),
    ThreadQuestion.REPORT: "send me the report / can I have the report please / details / show me everything / reprot",
    ThreadQuestion.EVIDENCE: "evidence / bundle / send the logs",
    ThreadQuestion.THANKS: "ok / cool / 👍 / never mind / thanks a lot / awesome",
    ThreadQuestion.AFFECTED: (
        "who else is affected / what is affected? / which clients are affected / what's the impact / how bad is it / "
        "is production affected / is anything else broken / which hosts are affected / who is afected"
    ),
    ThreadQuestion.SINCE: (
        "since when / since when is it broken / how long has it been broken / when did it start / when did it break / "
        "when was it last healthy / when did it last work / how long?"
    ),
    ThreadQuestion.WHERE: "which host / which gateway is this / which cluster? / where is it / which namespace / what hosts",
    ThreadQuestion.RESTART: (
        "can I restart it safely / is it safe to restart the gateway? / would a restart help / should I restart it? / "
        "is it dangerous / does the fix interrupt traffic / will the fix cause downtime / what does the fix do"
    ),
    ThreadQuestion.TRIED: "what was tried / what did we try / what has been tried already / who tried what",
    ThreadQuestion.RAN: "I ran it / i ran step 1 / done / I did that / i have applied the fix",
    ThreadQuestion.UNDO: "undo / how do I undo that / how do i roll back / can we revert it",
    ThreadQuestion.NOT_CHECKED: (
        "what was not checked / what didn't you check / are you sure / how sure are you / what is missing / what did you check"
    ),
    ThreadQuestion.TRAFFIC: "is traffic failing / how many requests fail / is there traffic / error rate?",
    ThreadQuestion.ADDRESS: "what is the egress ip / which ip do we use / what's the source ip / public address",
    ThreadQuestion.HISTORY: "history / has this happened before / how often does it happen",
    ThreadQuestion.HELP: "what can you do / what can I ask",
}
"""Texts for each question, separated by slashes."""


@pytest.mark.parametrize("question", WORDS)
def test_a_question_in_free_words_is_understood(question: ThreadQuestion) -> None:
    typed = WORDS[question].split(" / ")
    assert {text: parse_thread_command(text) for text in typed} == dict.fromkeys(typed, AskHere(question))


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        (ExplainFindings(), "wy is it broken / what is going on / what does this mean / what's the error / summary"),
        (ExplainFindings("EG407"), "what does EG407 mean / explain eg407 / why EG 407"),
        (ListCommands(), "which command / what commands do I run / kubectl command? / comands"),
        (OwnHere(), "I'll take it / i have it / mine / I got this / I'm on it / taking it"),
        (OwnHere(release=True), "release / release it / not mine anymore"),
        (WatchHere(DEFAULT_WATCH), "keep an eye on it / monitor it / let me know when it works / ping me when fixed"),
        (WatchHere(DEFAULT_WATCH), "watch 30 min / watch for 30 minutes / notify me when it recovers"),
        (RequestStepHere(ActionKind.RESTART), "restart it / restart the gateway / restart"),
        (RequestStepHere(ActionKind.RESTART, "egw-asm-1-30"), "restart egw-asm-1-30"),
        (RequestStepHere(ActionKind.PROBE_GATEWAY), "probe from gateway / probe gateway"),
        (CheckAgain(), "re-check please / can you check again?"),
    ],
)  # fmt: skip
def test_other_words_of_a_thread(command: ThreadCommand, typed: str) -> None:
    texts = typed.split(" / ")
    assert {text: parse_thread_command(text) for text in texts} == dict.fromkeys(texts, command)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("stpo", "stop"), ("wacth it", "watch it"), ("agian", "again"), ("rechek", "recheck"), ("cancle", "cancel")],
)
def test_a_misspelled_command_is_offered_and_not_carried_out(typed: str, meant: str) -> None:
    assert parse_thread_command(typed) is None
    assert meant_command(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "prod-weu egw",
        "lorem ipsum",
        "list prod-weu",
        "is prod-weu egw fixed",
        "cancel everything",
        "watch prod-weu egw",
        "handoff 8h still broken",
    ],
)
def test_a_command_is_neither_a_question_nor_a_typing_error(text: str) -> None:
    assert parse_thread_command(text) is None
    assert not meant_command(text)
