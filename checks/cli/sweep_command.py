"""`egress-diag sweep`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Unpack

import click

from checks.cli.change_arguments import ChangeArguments, WithFiles, change_options, proposed_change
from checks.cli.cluster_arguments import (
    ClusterArguments,
    ContextArguments,
    bundle_name,
    cluster_options,
    named_cluster,
    opened_source,
)
from checks.cli.examples import BundlePath
from checks.cli.usage import EXIT_CODES, Seconds, refuse

if TYPE_CHECKING:
    from checks.config.configuration import ClusterConfig, Config
    from checks.sources.source import Source


class SweepArguments(ClusterArguments, ChangeArguments):
    """The options of `sweep` that other commands have, too."""


@click.command("sweep", cls=WithFiles)
@click.argument("clusters", nargs=-1)
@cluster_options
@change_options
@click.option(
    "--bundle", type=BundlePath(), help="Check the gateways of a bundle (or example:NAME) instead of CLUSTERS."
)
@click.option(
    "--output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Format of the results; markdown needs --with or --without.",
)
@click.option("--quiet", is_flag=True, help="Print only the verdict and the root causes of each gateway.")
@click.option("--only", help="Run only these checks: slugs or codes, separated by commas.")
@click.option(
    "--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Time-out of each cluster in seconds."
)
def sweep_command(
    clusters: tuple[str, ...],
    bundle: Path | None,
    output: str,
    quiet: bool,
    only: str | None,
    timeout: float,
    **options: Unpack[SweepArguments],
) -> None:
    """Check every egress gateway of CLUSTERS (default: all configured).

    CLUSTERS are names or patterns such as 'prod-*'; with --namespace, only the gateways of that namespace. Without a
    configuration, the current context of the kubeconfig is checked, or --context. Prints one entry per gateway, the worst
    first, then a summary. Each cluster is read once for all its gateways. JSON is one document per line. With --with or
    --without, the gateways that a change of the cluster's objects would affect are reported in full; the exit code is that
    of the state if applied, and 1 if a route would be lost or an object refused. Exit codes: 0 healthy or degraded, 1
    problems found, 2 the command is wrong, 3 inconclusive, 4 starting.
    """
    from checks.catalogue import catalogue
    from checks.cli.sweep_console import follow
    from checks.engine.selection import chosen_checks
    from checks.engine.sweep import of_namespace, worst_verdict
    from checks.model.question import BadQuestion
    from checks.sources.sweep_reads import sweep_clusters

    if quiet and output != "text":
        refuse(f"--quiet prints text; leave out --output {output}")
    entries, open_source = _of_bundle(bundle, clusters) if bundle is not None else _swept(clusters, options, timeout)
    try:
        chosen = catalogue() if only is None else chosen_checks(only, catalogue())
    except BadQuestion as wrong:
        refuse(wrong)
    proposed = proposed_change(options)
    if output == "markdown" and proposed is None:
        refuse("--output markdown is the report of a proposed change: give --with or --without")
    if quiet and proposed is not None:
        refuse("--quiet has no meaning with --with and --without, which report only the gateways that change")
    sweeps = sweep_clusters(
        entries,
        open_source,
        chosen,
        timeout,
        recipes=output == "json",
        proposed=proposed,
    )
    if (namespace := options["namespace"]) is not None:
        sweeps = (of_namespace(each, namespace) for each in sweeps)
    named = _named(entries, bundle, options)
    form = "quiet" if quiet else output
    done = follow(sweeps, len(entries), form, perf_counter, named, proposed=proposed is not None)
    if not any(each.opened for each in done):
        sys.exit(2)
    if any(each.breaks for each in done):
        sys.exit(1)
    sys.exit(EXIT_CODES[worst_verdict(each.verdict for each in done).value])


def _swept(
    named: tuple[str, ...], options: ClusterArguments, timeout: float
) -> "tuple[list[ClusterConfig], Callable[[ClusterConfig], Source]]":
    """The clusters, and the function that opens one of them."""
    from checks.config.configuration_file import ConfigError, NoConfiguration, load
    from checks.config.settings import Settings
    from checks.sources.live import open_source

    if options["kubeconfig"] or options["context"]:
        if named:
            refuse(
                "CLUSTERS are names of the configuration; --kubeconfig and --context name a kube context: give only one"
            )
        return _of_context(options, timeout)
    try:
        known = load(options["config"], Settings().config)
    except NoConfiguration as missing:
        if named or options["config"] is not None or Settings().config is not None:
            refuse(missing)
        return _of_context(options, timeout)
    except ConfigError as wrong:
        refuse(wrong)
    return _configured(known, named), partial(open_source, namespace=options["namespace"])


def _of_bundle(bundle: Path, named: tuple[str, ...]) -> "tuple[list[ClusterConfig], Callable[[ClusterConfig], Source]]":
    from checks.config.configuration import ClusterConfig

    if named:
        refuse("CLUSTERS are names of the configuration, and --bundle is one cluster: give only one")
    return [ClusterConfig(name=bundle_name(bundle), bundle=bundle)], opened_source


def _of_context(
    options: ClusterArguments, timeout: float
) -> "tuple[list[ClusterConfig], Callable[[ClusterConfig], Source]]":
    entry, opened = named_cluster(None, options, timeout)
    return [entry], lambda _: opened(options["namespace"])


def _named(entries: "Sequence[ClusterConfig]", bundle: Path | None, options: ContextArguments) -> "Mapping[str, str]":
    """The clusters in printed commands, by their names, unless the name is enough."""
    from checks.reports.printed_cluster import in_words

    if bundle is not None:
        return {each.name: in_words(("--bundle", str(bundle))) for each in entries}
    if options["kubeconfig"] or options["context"]:
        kubeconfig = ("--kubeconfig", options["kubeconfig"]) if options["kubeconfig"] else ()
        return {each.name: in_words(("--context", each.name, *kubeconfig)) for each in entries}
    return {}


def _configured(known: "Config", named: tuple[str, ...]) -> "list[ClusterConfig]":
    from checks.config.configuration import UnknownCluster

    try:
        found = [each for name in named for each in known.matching(name)] if named else list(known.clusters)
    except UnknownCluster as wrong:
        refuse(wrong)
    if not found:
        refuse("the configuration has no clusters: add one under `clusters:`")
    return list({each.name: each for each in found}.values())
