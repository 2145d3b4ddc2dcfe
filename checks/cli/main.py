"""The command line: `egress-diag diagnose | collect | checks | sweep`.

Commands of other packages are added.
"""

import logging
import sys
from importlib.metadata import EntryPoint, entry_points
from math import isnan
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict, Unpack

import click

if TYPE_CHECKING:
    from checks.config.configuration import ClusterConfig
    from checks.engine.check import Check
    from checks.model.findings import Report
    from checks.model.question import Question
    from checks.sources.source import Source

_EXIT_CODES = {"healthy": 0, "degraded": 0, "broken": 1, "inconclusive": 3}
"""Exit codes by verdict (docs/contract.md#exit-codes); 2 is a usage error."""


class _LazyGroup(click.Group):
    """Adds the commands of `bot` and `workers`.

    They are found by entry point and imported only when used.
    """

    def _offered(self) -> dict[str, EntryPoint]:
        return {each.name: each for each in entry_points(group="egress_diag.commands")}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._offered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (own := super().get_command(ctx, cmd_name)) is not None:
            return own
        offered = self._offered().get(cmd_name)
        if offered is None:
            if cmd_name == "demo":
                refuse("the demo is a separate package; install it with: pip install 'egress-diag[demo]'")
            return None
        loaded = offered.load()
        return loaded if isinstance(loaded, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The list of commands without importing them.

        Importing Kubernetes or Slack would slow down `--help`.
        """
        rows = [(name, command.get_short_help_str(100)) for name, command in sorted(self.commands.items())]
        rows += [(name, _LAZY_HELP.get(name, "")) for name in sorted(self._offered()) if name not in self.commands]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


_LAZY_HELP = {
    "bot": "Run the Slack bot (HTTP, or Socket Mode when SLACK_APP_TOKEN is set).",
    "worker": "Run a worker for diagnoses and fleet checks.",
    "beat": "Run the beat: starts watches and scheduled work, and restarts lost runs.",
    "demo": "Run the whole system on this machine, without Slack and without a cluster.",
    "doctor": "Check every configured connection, credential and permission.",
}


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="egress-diag", prog_name="egress-diag")
@click.option("--debug", is_flag=True, help="Log library activity and tracebacks to standard error.")
def main(debug: bool) -> None:
    """Find out why traffic through an AKS egress gateway fails, and what to do next."""
    if debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    else:
        # Findings and gaps hold every error; a crashed check names its error token. --debug shows the log.
        logging.getLogger().addHandler(logging.NullHandler())


def refuse(message: object) -> NoReturn:
    """Exit with code 2 and a message."""
    raise click.UsageError(str(message))


class Seconds(click.FloatRange):
    """A bounded number; rejects `nan`, which compares as within any bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail("nan is not a number of seconds.", param, ctx)
        return number


_config = click.option("--config", type=click.Path(path_type=Path), help="Configuration file.")
_target = (
    click.argument("cluster"),
    click.argument("gateway"),
    _config,
    click.option("--namespace", help="Namespace of the gateway, if its name alone is ambiguous."),
    click.option("--bundle", type=click.Path(path_type=Path), help="Read a bundle instead of a live cluster."),
    click.option("--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Seconds."),
    click.option("--host", help="HOST[:PORT]: also trace the route of requests to this host."),
    click.option("--from", "client", help="NAMESPACE[/WORKLOAD]: the client of these requests."),
)


def _gateway_options(command: "click.decorators.FC") -> "click.decorators.FC":
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


@main.command("diagnose")
@_gateway_options
@click.option("--output", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--only", help="Run only these checks: slugs or codes, separated by commas.")
def diagnose_command(output: str, only: str | None, timeout: float, **arguments: Unpack[GatewayArguments]) -> None:
    """Check one egress gateway and print each finding immediately.

    GATEWAY is `name` or `namespace/name`. Exit codes: 0 healthy or degraded, 1 broken, 2 usage error, 3 inconclusive.
    """
    from checks.catalogue import catalogue
    from checks.engine.selection import chosen_checks
    from checks.model.question import BadQuestion

    try:
        chosen = catalogue() if only is None else chosen_checks(only, catalogue())
        question, entry = _question(arguments)
    except BadQuestion as wrong:
        refuse(wrong)
    report = _run(_source(entry), question, chosen, timeout, output)
    sys.exit(_EXIT_CODES[report.verdict.value])


def _run(source: "Source", question: "Question", chosen: "tuple[Check, ...]", timeout: float, form: str) -> "Report":
    from checks.cli.console import Console, Unwritable
    from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
    from checks.sources.run import run

    try:
        return Console(form).follow(run(source, question, chosen, timeout), len(chosen))
    except AmbiguousGateway as several:
        refuse(f"{several}. Give the full name of one of them.")
    except (UnknownGateway, Unwritable) as wrong:
        refuse(wrong)


@main.command("sweep")
@click.argument("clusters", nargs=-1)
@_config
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--only", help="Run only these checks: slugs or codes, separated by commas.")
@click.option("--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Seconds for each cluster.")
def sweep_command(
    clusters: tuple[str, ...], config: Path | None, output: str, only: str | None, timeout: float
) -> None:
    """Check every egress gateway of CLUSTERS (default: all configured).

    Prints one line per gateway, then a summary. Each cluster is read once for all its gateways. JSON is one document per
    line. Exit codes: 0 healthy or degraded, 1 broken, 2 usage error, 3 inconclusive.
    """
    from checks.catalogue import catalogue
    from checks.cli.sweep_console import follow
    from checks.engine.selection import chosen_checks
    from checks.engine.sweep import worst_verdict
    from checks.model.question import BadQuestion
    from checks.sources.live import open_source
    from checks.sources.sweep import sweep_clusters

    entries = _swept(clusters, config)
    try:
        chosen = catalogue() if only is None else chosen_checks(only, catalogue())
    except BadQuestion as wrong:
        refuse(wrong)
    done = follow(sweep_clusters(entries, open_source, chosen, timeout), len(entries), output, perf_counter)
    if not any(each.opened for each in done):
        sys.exit(2)
    sys.exit(_EXIT_CODES[worst_verdict(each.verdict for each in done).value])


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


def _question(arguments: GatewayArguments) -> "tuple[Question, ClusterConfig]":
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


def _configured(cluster: str, config: Path | None) -> "ClusterConfig":
    from checks.config.configuration import UnknownCluster
    from checks.config.configuration_file import ConfigError, load
    from checks.config.settings import Settings

    try:
        return load(config, Settings().config).cluster(cluster)
    except (ConfigError, UnknownCluster) as wrong:
        refuse(wrong)


def _source(entry: "ClusterConfig") -> "Source":
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


@main.command()
@_gateway_options
@click.option(
    "-o", "--output", "written", required=True, type=click.Path(path_type=Path), help="Directory, or .tar.gz."
)
def collect(written: Path, timeout: float, **arguments: Unpack[GatewayArguments]) -> None:
    """Record everything that `diagnose` reads into a redacted bundle.

    Failed reads are recorded too, and fail again when the bundle is replayed.
    """
    from checks.catalogue import catalogue
    from checks.model.question import BadQuestion
    from checks.sources.recording import RecordingSource

    if written.exists():
        refuse(f"{written} already exists: choose another name, or move it")
    try:
        question, entry = _question(arguments)
    except BadQuestion as wrong:
        refuse(wrong)
    recorder = RecordingSource(_source(entry), question.cluster.name)
    report = _run(recorder, question, catalogue(), timeout, "none")
    try:
        recorder.write(written)
    except OSError as error:
        refuse(f"{written} cannot be written: {error.strerror}")
    _report_collected(report, written)


def _report_collected(report: "Report", written: Path) -> None:
    from checks.reports.wording import headline

    click.echo(f"{written}: {headline(report)}", err=True)
    for gap in report.gaps:
        click.echo(f"  not recorded: {gap}", err=True)
    click.echo(
        f"Replay it with: egress-diag diagnose x {report.namespace}/{report.gateway} --bundle {written}", err=True
    )


@main.command()
@click.argument("check", required=False)
@click.option("--permissions", is_flag=True, help="Print the ClusterRole and Azure actions that the checks need.")
def checks(check: str | None, permissions: bool) -> None:
    """List all checks, or describe one CHECK by slug or code.

    The description has reads, severity, article steps and causes.
    """
    from checks.catalogue import catalogue
    from checks.cli.console import Unwritable, write_out
    from checks.docs.catalogue_page import check_page, listing, permission_list
    from checks.engine.selection import chosen_checks
    from checks.model.question import BadQuestion

    known = catalogue()
    try:
        if permissions:
            write_out(permission_list(known))
        elif check is None:
            write_out(listing(known))
        else:
            write_out(check_page(chosen_checks(check, known)[0], known))
    except (BadQuestion, Unwritable) as wrong:
        refuse(wrong)


if __name__ == "__main__":
    main()
