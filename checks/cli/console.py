"""Output of a run: each finding to standard output immediately, progress to standard error."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import click

from checks.engine.diagnosis import Evaluated
from checks.model.findings import Report, Status
from checks.model.inert_text import inert
from checks.reports import document, markdown, text
from checks.reports.wording import STAGES, STATUSES


class Unwritable(Exception):
    """Standard output cannot be written, for example because the disk is full."""


def write_out(content: str, *, newline: bool = True) -> None:
    """Write to standard output, without control characters from the cluster.

    A closed pipe (`| head`) is ignored, so that the run ends with its exit code.

    Raises Unwritable.
    """
    try:
        click.echo(inert(content), nl=newline)
    except BrokenPipeError:
        # Python would print an error at exit if it could not flush the buffer.
        sys.stdout = None
    except OSError as error:
        sys.stdout = None
        raise Unwritable(f"standard output cannot be written: {error.strerror or error}") from None


class Console:
    """Writes one run as `text`, `quiet`, `json`, `markdown` or `none`."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.shown: dict[tuple[str, str, str], Status] = {}

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
                # Checks that were not made are reported at the end, each reason once.
                if finding.status not in (Status.SKIPPED, Status.UNKNOWN):
                    write_out(text.line(finding))

    def _corrected(self, report: Report) -> None:
        """Lines for findings whose status changed after they were written.

        These are failures explained by a fault that was pending.
        """
        for finding in report.findings:
            before = self.shown.get((finding.check, finding.subject, finding.summary), finding.status)
            if before is not finding.status:
                status = STATUSES[finding.status]
                pending = f": {_pending(finding.explained_by)}" if finding.explained_by else ""
                write_out(f"{status:<11}  {finding.code}  {status}, not {STATUSES[before]}{pending}")

    def _finish(self, report: Report) -> None:
        match self.form:
            case "text":
                self._corrected(report)
                write_out("\n".join(text.closing_lines(report)))
            case "quiet":
                write_out("\n".join(text.quiet_lines(report)))
            case "json":
                write_out(document.REPORT.dump_json(report, indent=2).decode())
            case "markdown":
                write_out(markdown.markdown(report), newline=False)
            case _:
                return


def _pending(causes: Sequence[str]) -> str:
    """Which causes are pending: "a is pending", "a, b and c are pending"."""
    *others, last = causes
    return f"{', '.join(others)} and {last} are pending" if others else f"{last} is pending"


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
