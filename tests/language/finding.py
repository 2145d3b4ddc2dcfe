"""The texts below a folder that break the rules."""

from collections.abc import Iterator
from pathlib import Path

from tests.language.rules import OPENINGS, WORDS, Forbidden
from tests.language.texts import Kind, Text, page_texts, python_texts, yaml_texts

ROOT = Path(__file__).parents[2]
YAML_FOLDERS = (ROOT / "tests" / "incidents", ROOT / "tests" / "scenarios", ROOT / "examples")
_SUFFIXES = (".py", ".md", ".yaml", "")


def texts_below(folder: Path, without: tuple[Path, ...] = ()) -> Iterator[Text]:
    """The texts of every Python file, page, incident, case and example below a folder.

    A single file is read alike.
    """
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    for file in files:
        if file.suffix not in _SUFFIXES or any(file.is_relative_to(each) for each in without):
            continue
        if file.suffix == ".py":
            yield from python_texts(file)
        elif file.suffix == ".md" or file.name == "README":
            yield from page_texts(file)
        elif file.suffix == ".yaml" and any(file.resolve().is_relative_to(each) for each in YAML_FOLDERS):
            yield from yaml_texts(file)


def broken_rules(text: Text) -> Iterator[tuple[Forbidden, str]]:
    """The rules that a text breaks, each with the words that break it."""
    for rule in WORDS:
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
