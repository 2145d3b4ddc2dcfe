"""Commands as they are printed: what a person selects and pastes runs in a shell.

Indentation before a command does no harm. A command of several lines starts at the left margin: the shell looks for the
closing mark of a here-document there, and an indented manifest is another manifest.
"""

from collections.abc import Iterator

from checks.model.columns import wrapped
from checks.model.commands import is_command
from checks.reports.markdown_text import escaped, fence_of


def text_lines(command: str, pad: str) -> Iterator[str]:
    """The lines of a command in a text: indented, unless it has several."""
    lines = command.splitlines()
    yield from lines if len(lines) > 1 else (f"{pad}{each}" for each in lines)


def markdown_block(command: str, language: str = "sh") -> Iterator[str]:
    """A command as a code block at the left margin: the file can be pasted from, too."""
    fence = fence_of(command)
    yield ""
    yield f"{fence}{language}"
    yield from command.splitlines()
    yield fence


def labeled_text(label: str, words: str, pad: str) -> Iterator[str]:
    """A sentence after its label, or a command below it."""
    if not words:
        return
    if not is_command(words):
        yield from wrapped(f"{label}: {words}", pad, f"{pad}  ")
        return
    yield f"{pad}{label}:"
    yield from text_lines(words, f"{pad}  ")


def labeled_markdown(label: str, words: str) -> Iterator[str]:
    """A sentence after its label, or a command in a code block below it."""
    if not words:
        return
    yield ""
    if not is_command(words):
        yield f"{label}: {escaped(words)}"
        return
    yield f"{label}:"
    yield from markdown_block(words)
