"""The command line: `egress-diag diagnose`, `egress-diag sweep` and others.

Commands of other packages are added.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from checks.cli.action_commands import probe_command, restart_command
from checks.cli.checks_command import checks_command
from checks.cli.collect_command import collect_command
from checks.cli.diagnose_command import diagnose_command
from checks.cli.list_command import list_command
from checks.cli.offered_commands import COMMANDS_GROUP, has_demo, offered_names
from checks.cli.sweep_command import sweep_command
from checks.cli.usage import WrappedError, refuse
from checks.cli.watch_command import watch_command
from checks.config.bad_setting import BadSetting

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_OURS = ("bot", "checks", "workers")


class _LazyGroup(click.Group):
    """Adds the commands of `bot` and `workers`.

    They are found by entry point and imported only when used.
    """

    def _offered(self) -> "dict[str, EntryPoint]":
        from importlib.metadata import entry_points  # neither --help nor a command of `checks` needs it

        found = {each.name: each for each in entry_points(group=COMMANDS_GROUP)}
        return found if has_demo() else {name: each for name, each in found.items() if name != "demo"}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._offered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (own := super().get_command(ctx, cmd_name)) is not None:
            return own
        offered = self._offered().get(cmd_name)
        if offered is None:
            if cmd_name == "demo":
                refuse("the image has no demo; install the package instead: pipx install 'egress-diag[demo]'")
            return None
        try:
            loaded = offered.load()
        except ModuleNotFoundError as missing:
            if cmd_name != "demo" or (missing.name or "").partition(".")[0] in _OURS:
                raise
            from checks.cli.extras import command_with_extra

            refuse(f"the demo needs more packages; install them with: {command_with_extra('demo')}")
        return loaded if isinstance(loaded, click.Command) else None

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the program; as a plugin of kubectl, its name is what people type."""
        plugin = parent is None and Path(info_name or "").name == "kubectl-egress_diag"
        return super().make_context("kubectl egress-diag" if plugin else info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; bad environment variables are usage errors, in every process."""
        try:
            return super().invoke(ctx)
        except BadSetting as wrong:
            refuse(wrong)
        except click.UsageError as wrong:
            # A pipe or a file gets one line, which programs can search.
            raise (WrappedError(wrong) if sys.stderr.isatty() else wrong) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The list of commands without importing them.

        Importing Kubernetes or Slack would slow down `--help`.
        """
        rows = [(name, command.get_short_help_str(100)) for name, command in sorted(self.commands.items())]
        rows += [(name, _LAZY_HELP.get(name, "")) for name in offered_names() - self.commands.keys()]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


_LAZY_HELP = {
    "bot": "Run the Slack bot (HTTP, or Socket Mode when SLACK_APP_TOKEN is set).",
    "worker": "Run a worker for diagnoses and fleet checks.",
    "beat": "Run the beat: starts watches and scheduled work, and restarts lost runs.",
    "history": "Show the last checks of one egress gateway, from Redis.",
    "demo": "Run the whole system on this machine, without Slack and without a cluster.",
    "mcp": "Serve the engine to an agent: the Model Context Protocol on standard input and output.",
    "doctor": "Check every configured connection, credential and permission.",
}


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="egress-diag", prog_name="egress-diag")
@click.option("--debug", is_flag=True, help="Log library activity and tracebacks to standard error.")
def main(debug: bool) -> None:
    """Find out why traffic through an AKS egress gateway fails, and what to do next."""
    import logging

    if debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    else:
        # Findings and gaps hold every error; a crashed check names its error token. --debug shows the log.
        logging.getLogger().addHandler(logging.NullHandler())


for each in (
    *(diagnose_command, watch_command, list_command, sweep_command, collect_command, checks_command),
    *(probe_command, restart_command),
):
    main.add_command(each)

if __name__ == "__main__":
    main()
