"""`egress-diag collect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from checks.cli.diagnose_command import diagnosed_report
from checks.cli.gateway_arguments import GatewayArguments, asked, gateway_arguments
from checks.cli.usage import refuse
from checks.model.inert_text import inert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from checks.model.findings import Report


@click.command("collect")
@gateway_arguments
@click.option(
    "-o", "--output", "written", required=True, type=click.Path(path_type=Path), help="Directory, or .tar.gz."
)
def collect_command(written: Path, **arguments: Unpack[GatewayArguments]) -> None:
    """Record everything that `diagnose` reads into a redacted bundle.

    Failed reads are recorded too, and fail again when the bundle is replayed.
    """
    from checks.catalogue import catalogue
    from checks.model.question import BadQuestion
    from checks.sources.recording import RecordingSource

    if written.exists():
        refuse(f"{written} already exists: choose another name, or move it")
    try:
        found = asked(arguments)
    except BadQuestion as wrong:
        refuse(wrong)
    question = found["question"]
    recorder = RecordingSource(found["opened"](), question.cluster.name, question.cluster.context)
    report = diagnosed_report(recorder, question, catalogue(), arguments["timeout"], "none")
    try:
        recorder.write(written)
    except OSError as error:
        refuse(f"{written} cannot be written: {error.strerror}")
    _report_collected(report, written)


def _report_collected(report: "Report", written: Path) -> None:
    from checks.reports.headline import headline

    click.echo(f"{written}: {headline(report)}", err=True)
    for line in unrecorded_lines(report.gaps):
        click.echo(inert(line), err=True)
    click.echo(f"Replay it with: egress-diag diagnose {report.namespace}/{report.gateway} --bundle {written}", err=True)


_MOST_NAMED = 3


def unrecorded_lines(gaps: "Iterable[str]") -> "Iterator[str]":
    """The reads that were not recorded: one entry for each reason."""
    from checks.model.columns import after

    by_reason: dict[str, list[str]] = {}
    for gap in gaps:
        request, _, reason = gap.partition(": ")
        by_reason.setdefault(reason, []).append(request)
    for reason, requests in by_reason.items():
        more = f" and {len(requests) - _MOST_NAMED} more" if len(requests) > _MOST_NAMED else ""
        yield from after("  not recorded: ", f"{', '.join(requests[:_MOST_NAMED])}{more}: {reason}")
