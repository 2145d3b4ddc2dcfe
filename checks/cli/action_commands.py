"""`egress-diag probe` and `egress-diag restart`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import click

from checks.cli.cluster_arguments import ClusterArguments, cluster_options, command_configuration
from checks.cli.gateway_arguments import GatewayArguments, asked, names_argument
from checks.cli.usage import Seconds, refuse

if TYPE_CHECKING:
    from checks.cli.action_session import ActionSession

_shared = (
    names_argument,
    cluster_options,
    click.option("--yes", is_flag=True, help="Execute the plan without asking."),
    click.option(
        "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the output."
    ),
    click.option(
        "--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Time-out of each reading in seconds."
    ),
)


class ActionArguments(ClusterArguments):
    """The arguments that `probe` and `restart` share."""

    names: Sequence[str]
    yes: bool
    output: str
    timeout: float


def action_arguments(command: "click.decorators.FC") -> "click.decorators.FC":
    """Add the arguments to a command."""
    for decorate in reversed(_shared):
        command = decorate(command)
    return command


@click.command("probe")
@action_arguments
@click.option(
    "--from",
    "origin",
    type=click.Choice(["pod", "gateway"]),
    default="pod",
    show_default=True,
    help="The sender of the request: a new pod outside the mesh, or an ephemeral container of a gateway pod.",
)
def probe_command(origin: str, **arguments: Unpack[ActionArguments]) -> None:
    """Show the source IP address that a destination sees.

    The plan is shown first. Exit codes: 0 an address of the egress IP prefix, 1 another result, 2 refused, 3 not completed.
    """
    from checks.actions.plan import ActionKind

    kind = ActionKind.PROBE_POD if origin == "pod" else ActionKind.PROBE_GATEWAY
    sys.exit(_session(arguments).execute(kind, yes=arguments["yes"]))


@click.command("restart")
@action_arguments
@click.option("--deployment", default="", help="The Deployment to restart, if the gateway has several.")
@click.option("--confirm", "name", default="", help="With --yes: the Deployment's name, if the plan requires it.")
def restart_command(deployment: str, name: str, **arguments: Unpack[ActionArguments]) -> None:
    """Restart the pods of an egress gateway.

    The plan is shown first. Exit codes: 0 restarted, 1 the rollout does not progress, 2 refused, 3 not completed.
    """
    from checks.actions.plan import ActionKind

    session = _session(arguments)
    sys.exit(session.execute(ActionKind.RESTART, yes=arguments["yes"], deployment=deployment, typed=name))


def _session(arguments: ActionArguments) -> "ActionSession":
    from checks.actions.plan import RefusalKind
    from checks.cli.action_session import ActionSession
    from checks.cli.step_refusals import refuse_step
    from checks.model.question import BadQuestion

    target = GatewayArguments(
        names=arguments["names"],
        config=arguments["config"],
        kubeconfig=arguments["kubeconfig"],
        context=arguments["context"],
        namespace=arguments["namespace"],
        azure=arguments["azure"],
        managed_cluster=arguments["managed_cluster"],
        agent_pools=arguments["agent_pools"],
        resources=arguments["resources"],
        bundle=None,
        timeout=arguments["timeout"],
        host=None,
        client=None,
    )
    try:
        found = asked(target)
    except BadQuestion as wrong:
        refuse(wrong)
    question, entry = found["question"], found["entry"]
    as_json = arguments["output"] == "json"
    settings = command_configuration(arguments["config"]).probe
    if settings is None:
        off = "active steps are off: the configuration has no section probe"
        refuse_step(RefusalKind.NOT_CONFIGURED, off, as_json=as_json)
    if entry.bundle is not None:
        bundle = f"{entry.name} is a bundle: active steps need a live cluster"
        refuse_step(RefusalKind.NO_TARGET, bundle, as_json=as_json)
    return ActionSession(entry, question, settings, arguments["timeout"], as_json=as_json)
