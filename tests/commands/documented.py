"""The commands of the pages: in code blocks, and quoted by sentences."""

import re
from collections.abc import Iterator
from pathlib import Path

from checks.model.commands import is_command

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_ASSIGNED = re.compile(r'^(?:export )?[A-Z_]+="?\$\((.*)\)"?$')
_SPAN = re.compile(r"`([^`\n]+)`")
PLACEHOLDER = re.compile(r"…|<[a-z][^>]*>|\[--|\b\d+\.\.\d+\b| \| [-a-z]+ (?:\||$)| \| --|\|complete\||\bNAME\b")
"""An ellipsis, a name in angle brackets, or alternatives: no command to paste."""


def pages() -> list[Path]:
    """The pages that people read, and those of the domain reference."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def pasted(page: Path) -> Iterator[str]:
    """The commands in code blocks, without those with a placeholder."""
    for language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in ("", "sh"):
            yield from _lines(text)


def _lines(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        command = _ASSIGNED.sub(r"\1", line.strip())
        if is_command(command) and not PLACEHOLDER.search(command):
            yield command.partition("  #")[0]


def spans(page: Path) -> Iterator[str]:
    """The commands that sentences quote between backticks, without those with a placeholder."""
    prose = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    yield from (each for each in _SPAN.findall(prose) if is_command(each) and not PLACEHOLDER.search(each))
