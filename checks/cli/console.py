"""Follows a run on a terminal: findings to standard output as they come, progress to standard error."""

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import click

from checks.engine.diagnosis import Evaluated
from checks.model.findings import Report, Status
from checks.reports import document, markdown, text
from checks.reports.wording import MARKS, STAGES


class Unwritable(Exception):
    """Standard output takes nothing more, for example because the disk is full."""


def say(words: str, *, newline: bool = True) -> None:
    """Writes to standard output as long as somebody reads it: a run goes on after `| head`, and its exit code counts. Raises
    Unwritable."""
    try:
        click.echo(words, nl=newline)
    except BrokenPipeError:
        # What is still buffered has no reader; Python would complain of it as it ends.
        sys.stdout = None
    except OSError as error:
        sys.stdout = None
        raise Unwritable(f"standard output cannot be written: {error.strerror or error}") from None


class Console:
    """Writes one run in one of the forms `text`, `json`, `markdown`, `none`."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.shown: dict[tuple[str, str, str], Status] = {}

    def follow(self, steps: Iterable[Evaluated | Report], total: int) -> Report:
        """Consumes the run and writes it; gives its report."""
        done = 0
        with self._progress() as show:
            for step in steps:
                if isinstance(step, Report):
                    self._close(show)
                    self._finish(step)
                    return step
                done += 1
                self._close(show)
                self._found(step)
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

    def _found(self, step: Evaluated) -> None:
        if self.form == "text":
            for finding in step.findings:
                self.shown[finding.check, finding.subject, finding.summary] = finding.status
                if finding.status is not Status.SKIPPED:
                    say(text.line(finding))

    def _corrected(self, report: Report) -> None:
        """The lines whose status has changed since they were written: what only waits for something else does not fail."""
        for finding in report.findings:
            before = self.shown.get((finding.check, finding.subject, finding.summary), finding.status)
            if before is not finding.status:
                because = f", because of {', '.join(finding.explained_by)}" if finding.explained_by else ""
                say(f"{MARKS[finding.status]:>4}  {finding.code}  (not {MARKS[before]}{because})")

    def _finish(self, report: Report) -> None:
        match self.form:
            case "text":
                self._corrected(report)
                say("\n".join(text.verdict(report)))
            case "json":
                say(document.REPORT.dump_json(report, indent=2).decode())
            case "markdown":
                say(markdown.markdown(report), newline=False)
            case _:
                return


class _Line:
    """A progress line on standard error, taken away while findings are written."""

    def __init__(self) -> None:
        from rich.console import Console as Terminal

        self._status = Terminal(stderr=True).status("reading…", spinner="dots")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def update(self, words: str) -> None:
        """Shows the line again, with these words."""
        self._status.update(words)
        self._status.start()

    def clear(self) -> None:
        """Takes the line away."""
        self._status.stop()

    def __exit__(self, *_: object) -> None:
        self._status.stop()
