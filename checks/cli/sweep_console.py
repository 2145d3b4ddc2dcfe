"""Output of `egress-diag sweep`: results to standard output, progress to standard error."""

import sys
from collections.abc import Callable, Iterable, Mapping

import click
import orjson

from checks.cli.console import write_out
from checks.engine.sweep import ClusterSweep
from checks.model.inert_text import inert
from checks.reports import change_document, change_fleet, document, fleet


def follow(
    sweeps: Iterable[ClusterSweep],
    total: int,
    form: str,
    clock: Callable[[], float],
    named: Mapping[str, str],
    *,
    proposed: bool = False,
) -> tuple[ClusterSweep, ...]:
    """Return all clusters, and write them as `text`, `quiet` or `json`.

    JSON is written when a cluster is done; text at the end, the worst gateway first. With a change
    that is `proposed`, also as `markdown`. `clock` returns monotonic seconds; `named` as for `sweep_summary`.
    """
    began = clock()
    done: list[ClusterSweep] = []
    bar = _Bar(total) if sys.stderr.isatty() else None
    try:
        for each in sweeps:
            done.append(each)
            if form == "json":
                if bar is not None:
                    bar.clear()
                _write_documents(each)
            if bar is not None:
                bar.show(done)
    finally:
        if bar is not None:
            bar.clear()
    if form == "markdown":
        click.echo(change_fleet.fleet_markdown(done), nl=False)
    elif form == "text" and proposed:
        write_out("\n".join(change_fleet.fleet_lines(done, clock() - began)), colour=True)
    elif form == "quiet":
        write_out("\n".join(fleet.sweep_lines(done, quiet=True)), colour=True)
    elif form == "text":
        lines = [*fleet.sweep_lines(done), *fleet.sweep_summary(done, clock() - began, named)]
        write_out("\n".join(lines), colour=True)
    return tuple(done)


def _write_documents(swept: ClusterSweep) -> None:
    for applied in swept.applied:
        click.echo(inert(change_document.change_as_json(applied, indent=False)))
    for report in () if swept.applied else swept.reports:
        click.echo(inert(document.REPORT.dump_json(report).decode()))
    if swept.problem:
        click.echo(inert(orjson.dumps(fleet.cluster_document(swept)).decode()))


class _Bar:
    """A progress bar on standard error, cleared while lines are written."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("clusters"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            # Results are written unchanged, also to a pipe or a file.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("reading…", total=total)
        self._progress.start()

    def show(self, done: list[ClusterSweep]) -> None:
        """Show the bar with the results so far."""
        gateways = sum(len(each.reports) for each in done)
        broken = sum(report.verdict == "broken" for each in done for report in each.reports)
        self._progress.update(self._task, completed=len(done), description=f"{gateways} gateways, {broken} broken")
        self._progress.start()

    def clear(self) -> None:
        """Remove the progress bar before other output."""
        self._progress.stop()
