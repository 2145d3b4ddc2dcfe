"""The rules hold the tables of docs/language.md: glossary, examples and patterns."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.language.finding import broken_rules
from tests.language.texts import Kind, Text

PAGE = Path(__file__).parents[2] / "docs" / "language.md"

AMBIGUOUS = {
    "way": "in the same way",
    "away": "take away",
    "round": "one round of the janitor",
    "whole": "the whole mesh",
    "stay": "the fields stay",
    "start": "the start of a run",
    "exit": "exit code",
    "is about": "a run is about one gateway",
    "sees": "the source IP address that a destination sees",
    "has it": "the Gateway has it",
    "look": "new pods look up their configuration",
    "looks": "it looks like a secret",
    "word": "the first word of a command",
    "saying": "a log line saying so",
    "ok": "HTTP 200 OK",
    "gap": "the sources yield gaps",
    "good": "a good token",
    "unknown": "unknown is the JSON value of a status",
    "range": "the range of ports",
    "configuration": "the configuration file",
}
"""Words of the last column that also have another meaning, with an example of it."""


def rows(anchor: str) -> Iterator[list[str]]:
    """The rows of the table below an anchor, without its header."""
    table = PAGE.read_text(encoding="utf-8").partition(f'<a id="{anchor}"></a>')[2].partition("<a id=")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    yield from ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:])


def words_never_used() -> Iterator[str]:
    for *_, never in rows("glossary"):
        yield from (re.sub(r" \(.*?\)", "", each).strip() for each in never.rstrip("| ").split(", "))


def breaks(text: str) -> bool:
    return any(broken_rules(Text(PAGE, 1, Kind.STRING, text)))


@pytest.mark.parametrize("word", dict.fromkeys(words_never_used()))
def test_a_word_that_the_glossary_rules_out_breaks_a_rule(word: str) -> None:
    assert breaks(f"Pod a {word} b.") != (word in AMBIGUOUS)


@pytest.mark.parametrize("sentence", AMBIGUOUS.values())
def test_another_meaning_of_a_word_breaks_no_rule(sentence: str) -> None:
    assert not breaks(sentence)


@pytest.mark.parametrize(("before", "after"), [*rows("before-and-after")])
def test_the_examples_before_break_a_rule_and_those_after_do_not(before: str, after: str) -> None:
    assert breaks(before)
    assert not breaks(after.rstrip("| "))


@pytest.mark.parametrize(
    "text",
    [
        "The gateway fails. Where no rule matches, requests bypass it.",
        "What a start needs.",
        "It reports what it was told.",
        "Routes are followed as far as possible.",
        "It waits so that Redis starts so that the worker starts.",
        "The message, also for that which follows.",
        "The proxy's own word counts: its own word.",
        "The object is looked at.",
        "There is nobody.",
        "Requests fail in vain.",
        "The rule holds for it.",
        "The gateway carries the host.",
        "The check asks for Secrets.",
        "The gateway sees the host.",
        "A host, which is routed, which is the same.",
        "It works again!",
    ],
)
def test_each_pattern_of_the_page_breaks_a_rule(text: str) -> None:
    assert breaks(text)
