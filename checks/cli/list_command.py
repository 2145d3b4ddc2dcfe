"""`egress-diag list`."""

import sys
from typing import Unpack

import click

from checks.cli.cluster_arguments import ClusterArguments, cluster_options, named_cluster
from checks.cli.usage import Seconds


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

    Without CLUSTER, those of the current context of the kubeconfig, or of --context. Exit codes: 0 the list is complete,
    2 the command is wrong, 3 something that may name more gateways could not be read.
    """
    import orjson

    from checks.model.columns import narrow
    from checks.model.inert_text import inert
    from checks.reports.gateway_list import gateway_documents, gateway_lines, unseen_lines
    from checks.sources.listing import listed_gateways

    entry, opened = named_cluster(cluster, options, timeout)
    found = listed_gateways(opened(options["namespace"]), timeout)
    wanted = options["namespace"]
    gateways = [each for each in found.gateways if wanted is None or each.namespace == wanted]
    if output == "json":
        listed = {
            "cluster": entry.name,
            "complete": found.complete,
            "problem": found.problem or None,
            "gateways": gateway_documents(gateways, found.ready),
        }
        click.echo(inert(orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode()))
    elif not found.problem:
        click.echo(inert("\n".join(gateway_lines(gateways, found.ready))))
    if found.problem:
        click.echo(inert("\n".join(narrow(f"The gateways of {entry.name} were not checked: {found.problem}"))), err=True)
    elif not found.complete:
        click.echo(inert("\n".join(unseen_lines(found.unseen))), err=True)
    sys.exit(0 if found.complete and not found.problem else 3)
