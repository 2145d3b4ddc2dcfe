"""The command `egress-diag doctor`: loads the selected parts and prints their lines."""

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points

import click

from checks.config.bad_setting import BadSetting
from checks.config.configuration_file import ConfigError, NoConfiguration, load
from checks.config.settings import Settings
from checks.doctor.requirement_lines import DOCTOR_JSON, EXITS, DoctorLine, DoctorOptions, doctor_text, worst
from checks.doctor.requirements import ENVIRONMENT
from checks.model.inert_text import inert

Part = Callable[[DoctorOptions], Iterable[DoctorLine]]
"""The type of an entry point in the group `egress_diag.doctor`."""

ORDER = ("configuration", "workers", "clusters", "actions", "slack")
"""Parts in the order in which they are printed; others follow by name."""


def parts() -> dict[str, EntryPoint]:
    """All installed parts, in order."""
    offered = {each.name: each for each in entry_points(group="egress_diag.doctor")}
    known = [name for name in ORDER if name in offered]
    return {name: offered[name] for name in [*known, *sorted(offered.keys() - set(ORDER))]}


@click.command()
@click.option("--config", type=click.Path(), help="Configuration file.")
@click.option("--kubeconfig", help="Without a configuration: kubeconfig, as for kubectl.")
@click.option("--context", help="Without a configuration: context of the kubeconfig [default: its current context].")
@click.option("-n", "--namespace", help="Also test the permissions in this namespace, that of a gateway.")
@click.option(
    "--azure", type=click.Choice(["live", "none"]), default="live", help="Without a configuration: test Azure."
)
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the results."
)
@click.option(
    "--only", help="Check only these parts (comma-separated): configuration, workers, clusters, actions, slack."
)
def doctor(
    config: str | None,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
    azure: str,
    output: str,
    only: str | None,
) -> None:
    """Check every configured connection, credential and permission.

    Without a configuration, the current context of the kubeconfig is checked, or --context: its API server, the permissions
    in it, and the sign-in to Azure. Redis and Slack are then only checked if the environment names them.

    Run each part where its credentials are: `--only clusters` and `--only workers` in a worker, `--only actions` in the
    action worker, `--only slack` in the bot.
    Exit codes: 0 all requirements are met, 1 a requirement is not met, 2 the command is wrong, 3 a requirement was not checked.
    """
    offered = parts()
    chosen = _chosen(only, offered)
    terminal = _is_terminal(config, kubeconfig, context)
    options = DoctorOptions(config, only is not None, terminal, kubeconfig, context, azure == "live", namespace)
    lines: list[DoctorLine] = []
    for name in chosen:
        try:
            part: Part = offered[name].load()
            lines += part(options)
        except BadSetting as wrong:
            failed = [ENVIRONMENT.failed(sentence) for sentence in str(wrong).splitlines()]
            lines = [*(line for line in failed if line not in lines), *lines]
    if output == "json":
        click.echo(inert(DOCTOR_JSON.dump_json(tuple(lines), indent=2).decode()))
    else:
        click.echo(inert("\n".join(doctor_text(lines))))
    sys.exit(EXITS[worst(lines)])


def _is_terminal(config: str | None, kubeconfig: str | None, context: str | None) -> bool:
    """Whether the kube context is checked, because no configuration is named or found."""
    if kubeconfig or context:
        if config is not None:
            raise click.UsageError(
                "--config names clusters, and --kubeconfig and --context a kube context: give only one"
            )
        return True
    try:
        named = config or Settings().config
    except BadSetting:
        return False
    if named is not None:
        return False
    try:
        load(None, None)
    except NoConfiguration:
        return True
    except ConfigError:
        return False
    return False


def _chosen(only: str | None, offered: Iterable[str]) -> list[str]:
    known = list(offered)
    if only is None:
        return known
    wanted = [word.strip() for word in only.split(",") if word.strip()]
    for word in wanted:
        if word not in known:
            raise click.UsageError(f'unknown part "{word}"; choose from {", ".join(known)}')
    if not wanted:
        raise click.UsageError(f"--only names no part; choose from {', '.join(known)}")
    return [name for name in known if name in wanted]
