"""Output of a run: the report to standard output, progress to standard error."""

import re
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import click

from checks.engine.diagnosis import Evaluated
from checks.model.findings import Report
from checks.model.inert_text import inert
from checks.reports import document, markdown, text
from checks.reports.wording import STAGES


class Unwritable(Exception):
    """Standard output cannot be written, for example because the disk is full."""


def write_out(content: str, *, newline: bool = True, colour: bool = False) -> None:
    """Write to standard output, without control characters from the cluster.

    With `colour`, a terminal shows failures in red, unless NO_COLOR is set. A closed pipe (`| head`) is ignored, so that the
    run ends with its exit code.

    Raises Unwritable.
    """
    try:
        click.echo(_coloured(inert(content)) if colour and shows_colour() else inert(content), nl=newline)
    except BrokenPipeError:
        # Python would print an error at exit if it could not flush the buffer.
        sys.stdout = None
    except OSError as error:
        sys.stdout = None
        raise Unwritable(f"standard output cannot be written: {error.strerror or error}") from None


def shows_colour() -> bool:
    """Whether standard output is a terminal that shows colours: https://no-color.org."""
    if sys.stdout is None or not sys.stdout.isatty():
        return False
    from checks.config.settings import TerminalSettings  # a pipe needs no settings

    terminal = TerminalSettings()
    return not terminal.no_color and terminal.kind != "dumb"


_HOST = r"[\w.:/\[\]-]*[.:][\w.:/\[\]-]*\w"
_COLOURS = (
    (re.compile(r"(fail|broken|not met|refused)\b|Broken:|Root cause\b|This change breaks egress", re.ASCII), "red"),
    (re.compile(rf"{_HOST} (is not routed through|bypasses|fails|is routed elsewhere)\b"), "red"),
    (re.compile(rf"{_HOST} is routed through\b"), "green"),
    (
        re.compile(
            r"(warning|degraded|starting|inconclusive|not checked)\b|(Degraded|Starting|Inconclusive):|Warning\b"
        ),
        "yellow",
    ),
    (re.compile(r"(pass|healthy)\b|Healthy:"), "green"),
)
"""The colour of the word that begins a line."""


def _coloured(content: str) -> str:
    return "\n".join(map(_coloured_line, content.split("\n")))


def _coloured_line(line: str) -> str:
    for pattern, colour in _COLOURS:
        if (found := pattern.match(line)) is not None:
            return click.style(found[0], fg=colour, bold=True) + line[found.end() :]
    return line


class Console:
    """Writes one run as `text`, `quiet`, `json`, `markdown` or `none`."""

    def __init__(self, form: str) -> None:
        self.form = form

    def follow(self, steps: Iterable[Evaluated | Report], total: int) -> Report:
        """Write the run while it goes on, and return its report."""
        done = 0
        with self._progress() as show:
            for step in steps:
                if isinstance(step, Report):
                    self._close(show)
                    self._finish(step)
                    return step
                done += 1
                if show is not None:
                    show.update(f"{done}/{total} checks · {STAGES[step.check.stage]}")
        raise AssertionError("a run ends with its report")

    def _progress(self) -> "AbstractContextManager[_Line | None]":
        if sys.stderr.isatty():
            return _Line()
        return nullcontext()

    def _close(self, show: "_Line | None") -> None:
        if show is not None:
            show.clear()

    def _finish(self, report: Report) -> None:
        match self.form:
            case "text":
                write_out("\n".join(text.report_lines(report)), colour=True)
            case "quiet":
                write_out("\n".join(text.quiet_lines(report)), colour=True)
            case "json":
                write_out(document.REPORT.dump_json(report, indent=2).decode())
            case "markdown":
                write_out(markdown.markdown(report), newline=False)
            case _:
                return


class _Line:
    """A progress line on standard error, cleared while findings are written."""

    def __init__(self) -> None:
        from rich.console import Console as Terminal

        self._status = Terminal(stderr=True).status("reading…", spinner="dots")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def update(self, description: str) -> None:
        """Show the line with this text."""
        self._status.update(description)
        self._status.start()

    def clear(self) -> None:
        """Remove the progress line before other output."""
        self._status.stop()

    def __exit__(self, *_: object) -> None:
        self._status.stop()
