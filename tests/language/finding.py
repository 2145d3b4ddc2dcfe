"""The texts below a folder that break the rules."""

from collections.abc import Iterator
from pathlib import Path

from tests.language.rules import ANY_WORD, OPENINGS, SENTENCES, WORDS, Forbidden
from tests.language.texts import Kind, Text, line_texts, page_texts, python_texts, yaml_texts

ROOT = Path(__file__).parents[2]
YAML_FOLDERS = (
    ROOT / "tests" / "incidents",
    ROOT / "tests" / "scenarios",
    ROOT / "tests" / "mutants",
    ROOT / "examples",
)
"""Data files of which people read only some keys."""

LINE_FOLDERS = (
    ROOT / "helm",
    ROOT / "bot",
    ROOT / "workers",
    ROOT / "checks",
    ROOT / "tests/bot/messages",
    ROOT / ".ci",
    ROOT / ".github",
)
"""Folders in which people read every file: chart, manifest, the sandbox's page, goldens."""

_LINE_SUFFIXES = (".yaml", ".yml", ".toml", ".json", ".tpl", ".txt", ".html", ".js", ".svg", "")


def texts_below(folder: Path) -> Iterator[Text]:
    """The texts of every file below a folder that people read, or of a single file."""
    files = [folder] if folder.is_file() else sorted(each for each in folder.rglob("*") if each.is_file())
    for file in files:
        yield from _texts(file.resolve(), named=folder.is_file())


def _texts(file: Path, *, named: bool) -> Iterator[Text]:
    if file.suffix == ".py":
        yield from python_texts(file)
    elif file.suffix == ".md" or file.name == "README":
        yield from page_texts(file)
    elif file.suffix == ".yaml" and _below(file, YAML_FOLDERS):
        yield from yaml_texts(file)
    elif file.suffix in _LINE_SUFFIXES and (named or _below(file, LINE_FOLDERS)):
        yield from line_texts(file)


def _below(file: Path, folders: tuple[Path, ...]) -> bool:
    return any(file.is_relative_to(each) for each in folders)


def broken_rules(text: Text) -> Iterator[tuple[Forbidden, str]]:
    """The rules that a text breaks, each with the words that break it."""
    for rule in WORDS if ANY_WORD.search(text.text) else SENTENCES:
        if found := rule.pattern.search(text.text):
            yield rule, found.group()
    first = text.text.splitlines()[0] if text.text else ""
    if text.kind is Kind.DOCSTRING:
        for rule in OPENINGS:
            if rule.pattern.search(first):
                yield rule, first.split()[0]


def offences(folder: Path) -> Iterator[str]:
    """One line per offence: location, words, and the word of the glossary."""
    for text in texts_below(folder):
        for rule, words in broken_rules(text):
            yield f'{text.file}:{text.line}: {text.kind}: "{words}": write {rule.write}'
