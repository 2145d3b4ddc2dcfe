"""`egress-diag diagnose`."""

import sys
from typing import TYPE_CHECKING, Unpack

import click

from checks.cli.gateway_arguments import GatewayArguments, asked, gateway_arguments
from checks.cli.usage import EXIT_CODES, refuse

if TYPE_CHECKING:
    from checks.engine.check import Check
    from checks.model.findings import Report
    from checks.model.question import Question
    from checks.sources.source import Source


@click.command("diagnose")
@gateway_arguments
@click.option(
    "--output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Format of the report.",
)
@click.option("--only", help="Run only these checks: slugs or codes, separated by commas.")
def diagnose_command(output: str, only: str | None, **arguments: Unpack[GatewayArguments]) -> None:
    """Check one egress gateway and print each finding immediately.

    GATEWAY is `name` or `namespace/name`. CLUSTER is a name of the configuration; without one, the current context of
    the kubeconfig is used, or --context.

    Exit codes: 0 healthy or degraded, 1 problems found, 2 the command is wrong, 3 inconclusive, 4 starting.
    """
    from checks.catalogue import catalogue
    from checks.engine.selection import chosen_checks
    from checks.model.question import BadQuestion

    try:
        chosen = catalogue() if only is None else chosen_checks(only, catalogue())
        found = asked(arguments)
    except BadQuestion as wrong:
        refuse(wrong)
    report = diagnosed_report(found["opened"](), found["question"], chosen, arguments["timeout"], output)
    sys.exit(EXIT_CODES[report.verdict.value])


def diagnosed_report(
    source: "Source", question: "Question", chosen: "tuple[Check, ...]", timeout: float, form: str
) -> "Report":
    """The report of a run, printed as `text`, `json`, `markdown` or `none` while it runs."""
    from checks.cli.console import Console, Unwritable
    from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
    from checks.sources.run import run

    try:
        return Console(form).follow(run(source, question, chosen, timeout), len(chosen))
    except AmbiguousGateway as several:
        refuse(f"{several}. Give the full name of one of them.")
    except (UnknownGateway, Unwritable) as wrong:
        refuse(wrong)
