"""`egress-diag sweep`."""

import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from checks.cli.usage import EXIT_CODES, Seconds, config_option, refuse

if TYPE_CHECKING:
    from checks.config.configuration import ClusterConfig


@click.command("sweep")
@click.argument("clusters", nargs=-1)
@config_option
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the results."
)
@click.option("--only", help="Run only these checks: slugs or codes, separated by commas.")
@click.option(
    "--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Time-out of each cluster in seconds."
)
def sweep_command(
    clusters: tuple[str, ...], config: Path | None, output: str, only: str | None, timeout: float
) -> None:
    """Check every egress gateway of CLUSTERS (default: all configured).

    Prints one line per gateway, then a summary. Each cluster is read once for all its gateways. JSON is one document per
    line. Exit codes: 0 healthy or degraded, 1 problems found, 2 the command is wrong, 3 inconclusive, 4 starting.
    """
    from checks.catalogue import catalogue
    from checks.cli.sweep_console import follow
    from checks.engine.selection import chosen_checks
    from checks.engine.sweep import worst_verdict
    from checks.model.question import BadQuestion
    from checks.sources.live import open_source
    from checks.sources.sweep_reads import sweep_clusters

    entries = _swept(clusters, config)
    try:
        chosen = catalogue() if only is None else chosen_checks(only, catalogue())
    except BadQuestion as wrong:
        refuse(wrong)
    done = follow(sweep_clusters(entries, open_source, chosen, timeout), len(entries), output, perf_counter)
    if not any(each.opened for each in done):
        sys.exit(2)
    sys.exit(EXIT_CODES[worst_verdict(each.verdict for each in done).value])


def _swept(named: tuple[str, ...], config: Path | None) -> "list[ClusterConfig]":
    from checks.config.configuration import UnknownCluster
    from checks.config.configuration_file import ConfigError, load
    from checks.config.settings import Settings

    try:
        known = load(config, Settings().config)
        found = [known.cluster(each) for each in named] if named else list(known.clusters)
    except (ConfigError, UnknownCluster) as wrong:
        refuse(wrong)
    if not found:
        refuse("the configuration has no clusters: add one under `clusters:`")
    return list({each.name: each for each in found}.values())
