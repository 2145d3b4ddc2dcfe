"""`egress-diag watch`."""

import sys
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Unpack

import click

from checks.cli.gateway_arguments import GatewayArguments, asked, gateway_arguments
from checks.cli.usage import EXIT_CODES, Seconds, refuse

if TYPE_CHECKING:
    from checks.reports.watch_text import Watched


class _Duration(click.ParamType[timedelta]):
    """A duration such as `30m`, as in the configuration."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from checks.config.duration import duration

        try:
            found = duration(value)
        except ValueError as wrong:
            self.fail(f"{value}: {wrong}", param, ctx)
        if found <= timedelta(0):
            self.fail(f"{value}: expected a duration above 0", param, ctx)
        return found


@click.command("watch")
@gateway_arguments
@click.option(
    "--for", "lasting", type=_Duration(), default="30m", show_default=True, help="How long to watch, such as 90s or 1h."
)
@click.option(
    "--every", type=Seconds(1, 3600), default=30, show_default=True, help="Seconds from the end of a check to the next."
)
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the changes; JSON is one report per line.",
)
def watch_command(lasting: timedelta, every: float, output: str, **arguments: Unpack[GatewayArguments]) -> None:
    """Check one egress gateway again and again until it is fixed, and print only changes.

    It ends when the gateway has passed 3 checks in a row, or when the time is over.

    Exit codes are those of `diagnose` for the last check: 0 healthy or degraded, 1 problems found, 2 the command is wrong,
    3 inconclusive, 4 starting. Ctrl-C ends the watch in the same way.
    """
    from checks.catalogue import catalogue
    from checks.cli.diagnose_command import diagnosed_report
    from checks.cli.interruptions import Interrupted, signals_raised
    from checks.model.question import BadQuestion
    from checks.reports.watch_text import after_report

    try:
        found = asked(arguments)
    except BadQuestion as wrong:
        refuse(wrong)
    until, interrupted = monotonic() + lasting.total_seconds(), ""
    watched: Watched | None = None
    with signals_raised():
        try:
            while True:
                source = found["opened"]()
                report = diagnosed_report(source, found["question"], catalogue(), arguments["timeout"], "none")
                watched = after_report(watched, report)
                if watched.changed:
                    _print_change(watched, output)
                if watched.fixed or monotonic() >= until:
                    break
                sleep(min(every, max(0.0, until - monotonic())))
        except Interrupted as signal:
            interrupted = str(signal)
    if watched is None:
        click.echo(f"{interrupted} ended the watch before the first check was complete.", err=True)
        sys.exit(EXIT_CODES["inconclusive"])
    _print_end(watched, interrupted)
    sys.exit(EXIT_CODES[watched.report.verdict.value])


def _print_change(watched: "Watched", output: str) -> None:
    from checks.cli.console import write_out
    from checks.reports.document import REPORT
    from checks.reports.watch_text import watch_lines

    if output == "json":
        write_out(REPORT.dump_json(watched.report).decode())
    else:
        write_out("\n".join(watch_lines(watched, datetime.now(UTC))), colour=True)
    if sys.stdout is not None:  # a closed pipe
        sys.stdout.flush()


def _print_end(watched: "Watched", interrupted: str) -> None:
    from checks.reports.watch_text import end_line

    click.echo(end_line(watched, datetime.now(UTC), interrupted), err=True)
