"""`egress-diag diagnose`."""

import sys
from typing import TYPE_CHECKING, Unpack

import click

from checks.cli.change_arguments import ChangeArguments, WithFiles, change_options, proposed_change
from checks.cli.gateway_arguments import GatewayArguments, asked, gateway_arguments, printed_cluster
from checks.cli.usage import EXIT_CODES, refuse

if TYPE_CHECKING:
    from checks.engine.check import Check
    from checks.facts.proposal import Proposal
    from checks.model.findings import Report
    from checks.model.question import Question
    from checks.sources.source import Source


class DiagnoseArguments(GatewayArguments, ChangeArguments):
    """The arguments of `diagnose` besides the form of the report and the choice of checks."""


@click.command("diagnose", cls=WithFiles)
@gateway_arguments
@change_options
@click.option(
    "--output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Format of the report.",
)
@click.option("--quiet", is_flag=True, help="Print only the verdict and the root cause.")
@click.option("--only", help="Run only these checks: slugs or codes, separated by commas.")
def diagnose_command(output: str, only: str | None, quiet: bool, **arguments: Unpack[DiagnoseArguments]) -> None:
    """Check one egress gateway and print the verdict and its cause first and last.

    GATEWAY is `name` or `namespace/name`. CLUSTER is a name of the configuration; without one, the current context of
    the kubeconfig is used, or --context.

    With --with or --without, the report says what a change of the cluster's objects would change. The exit code is that
    of the state if applied, and 1 if a route would be lost or an object refused.

    Exit codes: 0 healthy or degraded, 1 problems found, 2 the command is wrong, 3 inconclusive, 4 starting.
    """
    from checks.catalogue import catalogue
    from checks.engine.selection import chosen_checks
    from checks.model.question import BadQuestion

    if quiet:
        if output != "text":
            refuse(f"--quiet prints text; leave out --output {output}")
        output = "quiet"
    try:
        chosen = catalogue() if only is None else chosen_checks(only, catalogue())
        found = asked(arguments)
    except BadQuestion as wrong:
        refuse(wrong)
    source = found["opened"]()
    named = printed_cluster(arguments, found["entry"], source)
    if (proposed := proposed_change(arguments)) is not None:
        sys.exit(_exit_if_applied(source, found["question"], chosen, arguments["timeout"], output, proposed, named))
    report = diagnosed_report(source, found["question"], chosen, arguments["timeout"], output, named)
    sys.exit(EXIT_CODES[report.verdict.value])


def diagnosed_report(
    source: "Source", question: "Question", chosen: "tuple[Check, ...]", timeout: float, form: str, named: str = ""
) -> "Report":
    """The report of a run, printed as `text`, `quiet`, `json`, `markdown` or `none`.

    `named` is the cluster in printed `egress-diag` commands, "" for its name.
    """
    from checks.cli.console import Console, Unwritable
    from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
    from checks.istio.trace.unknown_client import MistypedClient
    from checks.model.findings import Report
    from checks.reports.printed_cluster import with_printed_cluster
    from checks.sources.run import run

    steps = run(source, question, chosen, timeout)
    if named:
        steps = (with_printed_cluster(each, named) if isinstance(each, Report) else each for each in steps)
    try:
        return Console(form).follow(steps, len(chosen))
    except AmbiguousGateway as several:
        refuse(f"{several}. Give the full name of one of them.")
    except (UnknownGateway, MistypedClient, Unwritable) as wrong:
        refuse(wrong)


def _exit_if_applied(
    source: "Source",
    question: "Question",
    chosen: "tuple[Check, ...]",
    timeout: float,
    form: str,
    proposed: "Proposal",
    named: str,
) -> int:
    """Print what a proposed change would change, and return the exit code."""
    from dataclasses import replace

    from checks.cli.console import Unwritable, write_out
    from checks.facts.change_input import BadChange
    from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
    from checks.reports import change_document, change_markdown, change_text
    from checks.reports.printed_cluster import with_printed_cluster
    from checks.sources.run_if_applied import run_if_applied

    try:
        found = run_if_applied(source, question, chosen, timeout, proposed, form == "json")
        found = replace(found, now=with_printed_cluster(found.now, named), then=with_printed_cluster(found.then, named))
        if form == "json":
            write_out(change_document.change_as_json(found, indent=True))
        elif form == "quiet":
            write_out("\n".join(change_text.quiet_change_lines(found)), colour=True)
        elif form == "markdown":
            write_out(change_markdown.change_markdown(found), newline=False)
        else:
            write_out("\n".join(change_text.change_lines(found)), colour=True)
    except AmbiguousGateway as several:
        refuse(f"{several}. Give the full name of one of them.")
    except (UnknownGateway, BadChange, Unwritable) as wrong:
        refuse(wrong)
    return 1 if found.breaks else EXIT_CODES[found.verdict.value]
