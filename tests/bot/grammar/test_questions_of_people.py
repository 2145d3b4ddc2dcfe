"""Questions in people's own words are understood by their meaning, others not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.grammar.commands import (
    AskHere,
    CheckAgain,
    ExplainFindings,
    ExplainTerm,
    ListCommands,
    OfferOwnership,
    OwnHere,
    StopHere,
    ThreadCommand,
    ThreadQuestion,
    TraceHost,
    WatchHere,
)
from bot.grammar.spelling import corrected
from bot.grammar.thread_parser import meant_command, parse_thread_command
from bot.grammar.topic import vocabulary
from bot.grammar.words import DEFAULT_WATCH
from checks.knowledge.terms import TERMS, term_named

QUESTIONS: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "questions.yaml").read_text())

MEANINGS: dict[str, ThreadCommand | None] = {
    "why": ExplainFindings(),
    "code": ExplainFindings("EG505"),
    "affected": AskHere(ThreadQuestion.AFFECTED),
    "side": AskHere(ThreadQuestion.GATEWAY_OR_HOST),
    "gateway": AskHere(ThreadQuestion.GATEWAY),
    "since": AskHere(ThreadQuestion.SINCE),
    "lasted": AskHere(ThreadQuestion.LASTED),
    "changed": AskHere(ThreadQuestion.CHANGED),
    "next": AskHere(ThreadQuestion.NEXT),
    "fixed": AskHere(ThreadQuestion.FIXED),
    "owner": AskHere(ThreadQuestion.OWNER),
    "take": OwnHere(),
    "release": OwnHere(release=True),
    "commands": ListCommands(),
    "report": AskHere(ThreadQuestion.REPORT),
    "watch": WatchHere(DEFAULT_WATCH),
    "stop": StopHere(),
    "thanks": AskHere(ThreadQuestion.THANKS),
    "again": CheckAgain(),
    "undo": AskHere(ThreadQuestion.UNDO),
    "history": AskHere(ThreadQuestion.HISTORY),
    "address": AskHere(ThreadQuestion.ADDRESS),
    "help": AskHere(ThreadQuestion.HELP),
    "nothing": None,
}
KINDS: dict[str, type[ThreadCommand]] = {"host": TraceHost, "term": ExplainTerm, "offer": OfferOwnership}

NAMES = ("prod-weu", "payments", "egw")


def test_every_question_has_a_meaning() -> None:
    assert QUESTIONS.keys() == {*MEANINGS, *KINDS}
    assert len({each for texts in QUESTIONS.values() for each in texts}) > 250


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_question_is_understood_by_its_meaning(meaning: str) -> None:
    found = {text: parse_thread_command(text, NAMES) for text in QUESTIONS[meaning]}
    assert found == dict.fromkeys(QUESTIONS[meaning], MEANINGS[meaning])


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_that_names_something_is_about_it(kind: str) -> None:
    found = {text: type(parse_thread_command(text, NAMES)) for text in QUESTIONS[kind]}
    assert found == dict.fromkeys(QUESTIONS[kind], KINDS[kind])


def test_words_about_something_else_are_offered_as_no_command() -> None:
    assert not [text for text in QUESTIONS["nothing"] if meant_command(text)]


@pytest.mark.parametrize(
    ("typed", "host", "client", "otherwise"),
    [
        ("does edition.cnn.com work?", "edition.cnn.com", None, AskHere(ThreadQuestion.FIXED)),
        ("why is <https://api.bank.example/v1> failing", "https://api.bank.example/v1", None, ExplainFindings()),
        ("does <http://edition.cnn.com|edition.cnn.com> work", "edition.cnn.com", None, AskHere(ThreadQuestion.FIXED)),
        ("check api.bank.example:8443", "api.bank.example:8443", None, CheckAgain()),
        ("can 10.1.2.3 be reached from payments/web", "10.1.2.3", "payments/web", AskHere(ThreadQuestion.FIXED)),
    ],
)
def test_the_host_of_a_question(typed: str, host: str, client: str | None, otherwise: ThreadCommand) -> None:
    assert parse_thread_command(typed) == TraceHost(host, client, otherwise)


@pytest.mark.parametrize(
    "typed",
    [
        "prod-weu egw api.bank.example",
        "prod-weu egw --host api.bank.example",
        "check prod-weu team-egress/egw api.bank.example",
        "who owns api.bank.example",
        "list api.bank.example",
        "watch prod-weu egw",
        "what changed in python 3.13",
    ],
)
def test_a_command_with_a_host_is_no_question_about_it(typed: str) -> None:
    assert not isinstance(parse_thread_command(typed), TraceHost)


@pytest.mark.parametrize(
    ("typed", "user"),
    [
        ("hand it over to <@U0BOB>", "U0BOB"),
        ("<@U0BOT> assign to <@U0BOB|bob>.", "U0BOB"),
        ("<@U0BOB> should take this", "U0BOB"),
        ("give it to @bob", ""),
    ],
)
def test_the_user_to_whom_an_incident_is_offered(typed: str, user: str) -> None:
    assert parse_thread_command(typed) == OfferOwnership(user)


@pytest.mark.parametrize("typed", ["give it to me", "<@U0BOT> who has it", "add it to the digest", "assign me"])
def test_other_words_offer_an_incident_to_nobody(typed: str) -> None:
    assert not isinstance(parse_thread_command(typed), OfferOwnership)


@pytest.mark.parametrize(
    ("typed", "term"),
    [
        ("what does static egress mean", "static egress gateway"),
        ("what's a ServiceEntry?", "ServiceEntry"),
        ("what are service entries", "ServiceEntry"),
        ("explain virtualservice", "VirtualService"),
        ("what is the sidecar", "sidecar"),
        ("what does healthy mean", "healthy"),
    ],
)
def test_the_term_of_a_question(typed: str, term: str) -> None:
    assert parse_thread_command(typed) == ExplainTerm(term)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("what is broken", ExplainFindings()),
        ("what is the egress ip", AskHere(ThreadQuestion.ADDRESS)),
        ("what is not checked", AskHere(ThreadQuestion.NOT_CHECKED)),
        ("explain it", ExplainFindings()),
        ("what is the root cause", ExplainFindings()),
    ],
)
def test_a_question_about_the_check_is_no_question_about_a_term(typed: str, meant: ThreadCommand) -> None:
    assert parse_thread_command(typed) == meant


def test_each_term_has_one_sentence_and_a_page() -> None:
    for term in TERMS:
        assert term_named(term.name) is term
        assert term.sentence.endswith(".")
        assert len(term.sentence.split()) <= 25, term.name
        assert term.link.startswith(("https://", "docs/"))
    names = [name.lower() for term in TERMS for name in (term.name, *term.aliases)]
    assert len(names) == len(set(names))


def test_only_near_words_are_corrected() -> None:
    known = ("what", "broken", "should", "reachable")
    for typed, meant in {
        "waht": "what", "wht": "what", "brokn": "broken", "brkoen": "broken", "shoud": "should", "reachabel": "reachable",
        "spoken": "spoken", "tea": "tea", "that": "that", "broker": "broken", "egw-1": "egw-1",
    }.items():  # fmt: skip
        assert corrected(typed, known, ("that",)) == meant, typed


def test_the_vocabulary_has_the_titles_of_checks_and_no_other_subject() -> None:
    words = vocabulary()
    assert {"serviceentry", "gateway", "wireguard", "broken"} <= words
    assert not words & {"printer", "tea", "weather", "python", "kafka", "movie"}
