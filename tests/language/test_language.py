"""No text of the project contains a word that docs/language.md rules out."""

from functools import cache
from pathlib import Path

import pytest

from tests.language.docstrings import flaws
from tests.language.finding import broken_rules, texts_below
from tests.language.rules import OPENINGS, WORDS
from tests.language.texts import Kind, Text, yaml_texts

ROOT = Path(__file__).parents[2]
FOLDERS = (
    *("bot", "workers", "checks", "release", "docs", "tests", "examples", "helm", ".ci", ".github"),
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "Dockerfile", "pyproject.toml"),
)
EXEMPT = (
    ROOT / "docs/language.md",  # its tables quote the words
    ROOT / "tests/language",
    ROOT / "bot/grammar/thread_parser.py",  # the words that people type
    ROOT / "bot/grammar/free_questions.py",
    ROOT / "bot/grammar/host_questions.py",
    ROOT / "bot/grammar/ownership_offers.py",
    ROOT / "bot/grammar/spelling.py",
    ROOT / "bot/grammar/term_questions.py",
    ROOT / "bot/grammar/topic.py",
    ROOT / "tests/bot/grammar/test_free_questions.py",
    ROOT / "tests/bot/grammar/test_questions_of_people.py",
    ROOT / "tests/bot/grammar/test_thread_words.py",
    ROOT / "tests/incidents/open",  # incidents of other authors stay as they were written
)


@cache
def texts_of(folder: str) -> tuple[Text, ...]:
    """The texts below a folder of the repository."""
    return tuple(texts_below(ROOT / folder))


@cache
def is_exempt(file: Path) -> bool:
    """Whether a file quotes the forbidden words."""
    return any(file.is_relative_to(each) for each in EXEMPT)


@pytest.mark.parametrize("folder", FOLDERS)
def test_texts_use_the_words_of_the_glossary(folder: str) -> None:
    found = [
        f'{text.file.relative_to(ROOT)}:{text.line}: "{words}": write {rule.write}'
        for text in texts_of(folder)
        if not is_exempt(text.file)
        for rule, words in broken_rules(text)
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["bot", "workers", "checks", "release", "tests"])
def test_docstrings_begin_with_one_short_sentence(folder: str) -> None:
    found = [
        f"{text.file.relative_to(ROOT)}:{text.line}: {flaw}"
        for text in texts_of(folder)
        if text.kind is Kind.DOCSTRING
        for flaw in flaws(text.text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("The way of api.x.example through the gateway is whole.", "The way of"),
        ("Nobody validates Istio's objects.", "Nobody"),
        ("No proxy's newest word about its certificate is a failure.", "newest word"),
        ("There is nothing to look at.", "nothing to look at"),
        ("Mend the VirtualService.", "Mend"),
        ("Lists the Service's endpoints (only reads).", "only reads"),
    ],
)
def test_a_ruled_out_word_is_reported_with_the_glossarys_word(text: str, word: str) -> None:
    found = {words: rule for rule, words in broken_rules(Text(Path("a.py"), 1, Kind.STRING, text))}
    assert found[word] in WORDS
    assert found[word].write


def test_a_docstring_that_begins_with_a_noun_clause_is_reported() -> None:
    opening = "What a start needs."
    found = [rule for rule, _ in broken_rules(Text(Path("a.py"), 1, Kind.DOCSTRING, opening))]
    assert set(OPENINGS) <= set(found)
    page = "What it checks: the listeners."
    assert list(broken_rules(Text(Path("a.py"), 1, Kind.DOCSTRING, page))) == []


def test_titles_and_reasons_of_yaml_files_are_read_and_other_values_are_not(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("title: one\npatch: {message: two}\nexpect:\n  why:\n    - three\n", encoding="utf-8")
    assert [(text.line, text.text) for text in yaml_texts(file)] == [(1, "one"), (5, "three")]
