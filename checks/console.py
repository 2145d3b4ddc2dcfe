"""Follows a run on a terminal: findings to standard output as they come, progress to standard error."""

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import click
import orjson

from checks.diagnose import Evaluated
from checks.findings import Report, Status
from checks.reports import document, markdown, text
from checks.reports.wording import STAGES


class Console:
    """Writes one run in one of the forms `text`, `json`, `markdown`, `none`."""

    def __init__(self, form: str) -> None:
        self.form = form

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
                if finding.status is not Status.SKIPPED:
                    click.echo(text.line(finding))

    def _finish(self, report: Report) -> None:
        match self.form:
            case "text":
                click.echo("\n".join(text.verdict(report)))
            case "json":
                click.echo(orjson.dumps(document.to_json(report), option=orjson.OPT_INDENT_2).decode())
            case "markdown":
                click.echo(markdown.markdown(report), nl=False)
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
