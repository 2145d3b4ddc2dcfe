"""`egress-diag list`."""

import sys
from typing import TYPE_CHECKING, Unpack

import click

from checks.cli.cluster_arguments import ClusterArguments, cluster_options, named_cluster
from checks.cli.usage import Seconds

if TYPE_CHECKING:
    from checks.config.configuration import ClusterConfig
    from checks.reports.gateway_list import LastVerdict, LastVerdicts
    from checks.sources.listing import GatewayListing


@click.command("list")
@click.argument("cluster", required=False)
@cluster_options
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the list."
)
@click.option(
    "--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Time-out of the reading in seconds."
)
def list_command(cluster: str | None, output: str, timeout: float, **options: Unpack[ClusterArguments]) -> None:
    """List the egress gateways of CLUSTER.

    Without CLUSTER, those of the current context of the kubeconfig, or of --context. If REDIS_URL names the Redis of a
    deployment, the list has the last verdict of each gateway, the worst first.

    Exit codes: 0 the gateways of the cluster are listed, 2 the command is wrong, 3 the gateways could not be read.
    """
    import orjson

    from checks.model.inert_text import inert
    from checks.reports.gateway_list import gateway_documents, gateway_lines, worst_first
    from checks.sources.listing import listed_gateways

    entry, opened = named_cluster(cluster, options, timeout)
    found = listed_gateways(opened(options["namespace"]), timeout, options["namespace"])
    last = _last_verdicts(entry.name)
    gateways = worst_first(found.gateways, last)
    if output == "json":
        listed = {
            "cluster": entry.name,
            "complete": found.complete,
            "problem": found.problem or None,
            "gateways": gateway_documents(gateways, found.ready, last),
        }
        click.echo(inert(orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode()))
    elif not found.problem:
        click.echo(inert("\n".join(gateway_lines(gateways, found.ready, last))))
    if remarks := _remarks(entry, found):
        click.echo(inert("\n".join(remarks)), err=True)
    sys.exit(3 if found.problem or found.unseen else 0)


def _remarks(entry: "ClusterConfig", found: "GatewayListing") -> list[str]:
    """The failed reads and the next step; nothing if all was read."""
    from checks.model.columns import narrow
    from checks.model.kubectl_context import sentence_in_context
    from checks.reports.fleet import NAME_THE_NAMESPACE
    from checks.reports.gateway_list import unseen_lines

    if not found.problem:
        remarks = unseen_lines(found.unseen, found.unread_profile)
    else:
        remarks = narrow(f"The gateways of {entry.name} were not checked: {found.problem}.")
        step = "" if found.namespaces_only else sentence_in_context(found.step, entry.identity.context)
        remarks += narrow(f"Next step: {step}.") if step else []
    return [*remarks, *(narrow(NAME_THE_NAMESPACE) if found.namespaces_only else ())]


def _last_verdicts(cluster: str) -> "LastVerdicts":
    """The last verdicts of the cluster's gateways, from the packages that keep them."""
    from importlib.metadata import entry_points

    found: dict[str, LastVerdict] = {}
    for each in entry_points(group="egress_diag.verdicts"):
        found |= each.load()(cluster)
    return found
