"""The arguments of the commands about one gateway: its cluster, its name, and the source."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from checks.cli.cluster_arguments import (
    ClusterArguments,
    Opening,
    bundle_name,
    cluster_options,
    named_cluster,
    named_clusters,
    opened_source,
)
from checks.cli.examples import BundlePath
from checks.cli.usage import Seconds, refuse

if TYPE_CHECKING:
    from checks.config.configuration import ClusterConfig
    from checks.model.question import Question
    from checks.sources.source import Source

names_argument = click.argument("names", nargs=-1, required=True, metavar="[CLUSTER] GATEWAY")

_target = (
    names_argument,
    cluster_options,
    click.option("--bundle", type=BundlePath(), help="Read a bundle (or example:NAME) instead of a live cluster."),
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


class GatewayArguments(ClusterArguments):
    """The arguments that `diagnose` and `collect` share."""

    names: Sequence[str]
    bundle: Path | None
    timeout: float
    host: str | None
    client: str | None


class Asked(TypedDict):
    """A question, the entry of its cluster, and the function that opens its source."""

    question: "Question"
    entry: "ClusterConfig"
    opened: "Callable[[], Source]"


def split_names(names: Sequence[str]) -> tuple[str | None, str]:
    """The cluster, None if only the gateway was given, and the gateway.

    Exits with 2 for more than two names.
    """
    if len(names) > 2:
        refuse(f"expected [CLUSTER] GATEWAY, not {len(names)} names: {' '.join(names)}")
    return (names[0] if len(names) == 2 else None), names[-1]


def _check_order(cluster: str | None, gateway: str, arguments: GatewayArguments) -> None:
    """Exit with 2 and the right order if the names are a gateway and a cluster."""
    if arguments["bundle"] is not None or cluster is None:
        return
    known = named_clusters(arguments)
    if gateway in known and cluster not in known:
        command = click.get_current_context().command_path
        refuse(f"{gateway} is a cluster: the cluster comes first. Run `{command} {gateway} {cluster}`")


def asked(arguments: GatewayArguments) -> Asked:
    """The question, and its cluster or bundle.

    Raises BadQuestion; exits with 2 for an unknown cluster.
    """
    from checks.config.configuration import ClusterConfig
    from checks.model.question import Question, parse_client, parse_cluster_name, parse_gateway_name
    from checks.model.requested_host import parse_host

    cluster, gateway = split_names(arguments["names"])
    _check_order(cluster, gateway, arguments)
    named = parse_gateway_name(gateway, arguments["namespace"])
    host = None if arguments["host"] is None else parse_host(arguments["host"])
    client = None if arguments["client"] is None else parse_client(arguments["client"])
    if (bundle := arguments["bundle"]) is not None:
        entry = ClusterConfig(
            name=parse_cluster_name(bundle_name(bundle) if cluster is None else cluster), bundle=bundle
        )
        opened: Opening = partial(opened_source, entry)
    else:
        entry, opened = named_cluster(cluster, arguments, arguments["timeout"])
    question = Question(entry.identity, named.name, named.namespace, host, client)
    return Asked(question=question, entry=entry, opened=partial(opened, question.namespace))


def printed_cluster(arguments: GatewayArguments, entry: "ClusterConfig", source: "Source") -> str:
    """The cluster in printed `egress-diag` commands, as a part of a shell command.

    A command from a bundle is for the live cluster: reading the bundle again would not show a change.
    """
    from checks.reports.printed_cluster import in_words

    if arguments["bundle"] is not None:
        context = entry.identity.in_recorded_context(source.kubectl_context()).context
        return in_words(("--context", context) if context else ())
    if arguments["kubeconfig"] or arguments["context"]:
        kubeconfig = ("--kubeconfig", arguments["kubeconfig"]) if arguments["kubeconfig"] else ()
        return in_words(("--context", entry.name, *kubeconfig))
    return in_words((entry.name,))
