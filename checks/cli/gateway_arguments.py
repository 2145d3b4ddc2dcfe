"""The arguments of `diagnose` and `collect`: the gateway, and the source that they name."""

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from checks.cli.usage import Seconds, config_option, refuse

if TYPE_CHECKING:
    from checks.config.configuration import ClusterConfig, Config
    from checks.model.question import Question
    from checks.sources.source import Source

_target = (
    click.argument("cluster"),
    click.argument("gateway"),
    config_option,
    click.option("--namespace", help="Namespace of the gateway, if its name alone is ambiguous."),
    click.option("--bundle", type=click.Path(path_type=Path), help="Read a bundle instead of a live cluster."),
    click.option(
        "--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Time-out of the run in seconds."
    ),
    click.option("--host", help="HOST[:PORT]: also trace the route of requests to this host."),
    click.option("--from", "client", help="NAMESPACE[/WORKLOAD]: the client of these requests."),
)


def gateway_arguments(command: "click.decorators.FC") -> "click.decorators.FC":
    """Add the arguments to a command."""
    for decorate in reversed(_target):
        command = decorate(command)
    return command


class GatewayArguments(TypedDict):
    """The arguments that `diagnose` and `collect` share."""

    cluster: str
    gateway: str
    config: Path | None
    namespace: str | None
    bundle: Path | None
    host: str | None
    client: str | None


def question_of(arguments: GatewayArguments) -> "tuple[Question, ClusterConfig]":
    """The question, and the cluster that it is about. Raises BadQuestion."""
    from checks.config.configuration import ClusterConfig
    from checks.model.question import Question, parse_client, parse_cluster_name, parse_gateway_name
    from checks.model.requested_host import parse_host

    named = parse_gateway_name(arguments["gateway"], arguments["namespace"])
    host = None if arguments["host"] is None else parse_host(arguments["host"])
    client = None if arguments["client"] is None else parse_client(arguments["client"])
    if (bundle := arguments["bundle"]) is not None:
        entry = ClusterConfig(name=parse_cluster_name(arguments["cluster"]), bundle=bundle)
    else:
        entry = _configured(arguments["cluster"], arguments["config"])
    return Question(entry.identity, named.name, named.namespace, host, client), entry


def command_configuration(config: Path | None) -> "Config":
    """The configuration that the option or the environment names."""
    from checks.config.configuration_file import ConfigError, load
    from checks.config.settings import Settings

    try:
        return load(config, Settings().config)
    except ConfigError as wrong:
        refuse(wrong)


def _configured(cluster: str, config: Path | None) -> "ClusterConfig":
    from checks.config.configuration import UnknownCluster

    try:
        return command_configuration(config).cluster(cluster)
    except UnknownCluster as wrong:
        refuse(wrong)


def opened_source(entry: "ClusterConfig") -> "Source":
    """The live cluster, or the bundle that the arguments name."""
    from checks.sources.bundle import BundleError, read_bundle
    from checks.sources.recorded import RecordedSource
    from checks.sources.source import SourceError

    try:
        if entry.bundle is not None:
            return RecordedSource(read_bundle(entry.bundle))
        from checks.sources.live import open_source  # a bundle needs no HTTP client

        return open_source(entry)
    except (BundleError, SourceError) as wrong:
        refuse(wrong)
