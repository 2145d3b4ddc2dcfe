"""`egress-diag mcp`."""

from pathlib import Path

import click

from checks.cli.cluster_arguments import azure_option, kubeconfig_option
from checks.cli.extras import command_with_extra
from checks.cli.usage import Seconds, config_option, refuse


@click.command("mcp")
@config_option
@kubeconfig_option
@azure_option
@click.option(
    "--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Time-out of each tool in seconds."
)
def mcp_command(config: Path | None, kubeconfig: str | None, azure: str, timeout: float) -> None:
    """Serve the engine to an agent: the Model Context Protocol on standard input and output.

    Every tool is read-only. An agent names clusters of the configuration, contexts of the kubeconfig, or bundles; it
    cannot choose the configuration or the kubeconfig, which can start programs.
    """
    try:
        from checks.mcp.server import agent_server
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        refuse(f"the MCP server needs another package; install it with: {command_with_extra('mcp')}")
    from checks.mcp.served_clusters import ServedClusters

    agent_server(ServedClusters(config, kubeconfig, azure, timeout)).run("stdio")
