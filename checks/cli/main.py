"""The command line: `egress-diag diagnose | collect | checks`, and the commands that other packages bring."""

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

EXITS = {"healthy": 0, "degraded": 0, "broken": 1, "inconclusive": 3}
"""Exit codes by verdict (contract.md); 2 is a command that is wrong itself."""


class Commands(click.Group):
    """Finds the commands of `bot` and `workers` by entry point, and imports one only when it is asked for."""

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
                refuse("the demo is a package of its own; install it with: pip install 'egress-diag[demo]'")
            return None
        loaded = offered.load()
        return loaded if isinstance(loaded, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The same list as click's, without importing what it names: help must not wait for Kubernetes or Slack."""
        rows = [(name, command.get_short_help_str(100)) for name, command in sorted(self.commands.items())]
        rows += [(name, OTHERS.get(name, "")) for name in sorted(self._offered()) if name not in self.commands]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


OTHERS = {
    "bot": "Run the Slack bot (HTTP, or Socket Mode when SLACK_APP_TOKEN is set).",
    "worker": "Run a worker that carries out diagnoses.",
    "beat": "Run the ticker: janitor, watches, schedules.",
    "demo": "Run the whole system on this machine, without Slack and without a cluster.",
    "doctor": "Try every configured access and say what is missing.",
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="egress-diag", prog_name="egress-diag")
@click.option("--debug", is_flag=True, help="Log what the libraries do, with tracebacks, to standard error.")
def main(debug: bool) -> None:
    """Find why traffic through an AKS egress gateway does not leave, and what to do next."""
    if debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    else:
        # What matters is in the findings and gaps; a crashed check names its token there, and --debug shows the rest.
        logging.getLogger().addHandler(logging.NullHandler())


def refuse(message: object) -> NoReturn:
    """Ends with exit code 2 and one clear message."""
    raise click.UsageError(str(message))


class Seconds(click.FloatRange):
    """A number within its bounds; `nan` compares with no bound and is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail("nan is no number of seconds.", param, ctx)
        return number


_config = click.option("--config", type=click.Path(path_type=Path), help="Configuration file.")
_target = (
    click.argument("cluster"),
    click.argument("gateway"),
    _config,
    click.option("--namespace", help="Namespace of the gateway, where its name alone is not enough."),
    click.option("--bundle", type=click.Path(path_type=Path), help="Read a bundle in place of a live cluster."),
    click.option("--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Seconds."),
    click.option("--host", help="HOST[:PORT]: also trace the route that traffic for this host takes."),
    click.option("--from", "client", help="NAMESPACE[/WORKLOAD]: where that traffic starts."),
)


def _asks_for_a_gateway(command: "click.decorators.FC") -> "click.decorators.FC":
    for decorate in reversed(_target):
        command = decorate(command)
    return command


class Asked(TypedDict):
    """What `diagnose` and `collect` are both asked."""

    cluster: str
    gateway: str
    config: Path | None
    namespace: str | None
    bundle: Path | None
    host: str | None
    client: str | None


@main.command()
@_asks_for_a_gateway
@click.option("--output", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--only", help="Run only these checks: slugs or codes with commas between.")
def diagnose(output: str, only: str | None, timeout: float, **asked: Unpack[Asked]) -> None:
    """Check one egress gateway and print the findings as they come.

    GATEWAY is `name` or `namespace/name`. Exit codes: 0 healthy or degraded, 1 problems found, 2 the command is wrong,
    3 inconclusive.
    """
    from checks.catalogue import catalogue
    from checks.engine.selection import chosen_checks
    from checks.model.question import BadQuestion

    try:
        chosen = catalogue() if only is None else chosen_checks(only, catalogue())
        question, entry = _question(asked)
    except BadQuestion as wrong:
        refuse(wrong)
    report = _run(_source(entry), question, chosen, timeout, output)
    sys.exit(EXITS[report.verdict.value])


def _run(source: "Source", question: "Question", chosen: "tuple[Check, ...]", timeout: float, form: str) -> "Report":
    from checks.cli.console import Console, Unwritable
    from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
    from checks.sources.run import run

    try:
        return Console(form).follow(run(source, question, chosen, timeout), len(chosen))
    except AmbiguousGateway as several:
        refuse(f"{several}. Name one of them in full.")
    except (UnknownGateway, Unwritable) as wrong:
        refuse(wrong)


@main.command()
@click.argument("clusters", nargs=-1)
@_config
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--only", help="Run only these checks: slugs or codes with commas between.")
@click.option("--timeout", type=Seconds(1, 3600), default=60, show_default=True, help="Seconds for each cluster.")
def sweep(clusters: tuple[str, ...], config: Path | None, output: str, only: str | None, timeout: float) -> None:
    """Check every egress gateway of CLUSTERS (default: all configured): one line a gateway, then a summary.

    Each cluster is read once for all its gateways. JSON is one document a line. Exit codes: 0 healthy or degraded,
    1 problems found, 2 the command is wrong, 3 inconclusive.
    """
    from checks.catalogue import catalogue
    from checks.cli.sweep_console import follow
    from checks.engine.selection import chosen_checks
    from checks.engine.sweep import worst
    from checks.model.question import BadQuestion
    from checks.sources.live import open_source
    from checks.sources.sweep import sweep as examine

    entries = _swept(clusters, config)
    try:
        chosen = catalogue() if only is None else chosen_checks(only, catalogue())
    except BadQuestion as wrong:
        refuse(wrong)
    done = follow(examine(entries, open_source, chosen, timeout), len(entries), output, perf_counter)
    if not any(each.opened for each in done):
        sys.exit(2)
    sys.exit(EXITS[worst(each.verdict for each in done).value])


def _swept(named: tuple[str, ...], config: Path | None) -> "list[ClusterConfig]":
    from checks.config.configuration import ConfigError, UnknownCluster, load
    from checks.config.settings import Settings

    try:
        known = load(config, Settings().config)
        found = [known.cluster(each) for each in named] if named else list(known.clusters)
    except (ConfigError, UnknownCluster) as wrong:
        refuse(wrong)
    if not found:
        refuse("the configuration has no clusters: add one under `clusters:`")
    return list({each.name: each for each in found}.values())


def _question(asked: Asked) -> "tuple[Question, ClusterConfig]":
    from checks.config.configuration import ClusterConfig
    from checks.model.question import Question, parse_client, parse_cluster_name, parse_gateway_name, parse_host

    named = parse_gateway_name(asked["gateway"], asked["namespace"])
    host = None if asked["host"] is None else parse_host(asked["host"])
    client = None if asked["client"] is None else parse_client(asked["client"])
    if (bundle := asked["bundle"]) is not None:
        entry = ClusterConfig(name=parse_cluster_name(asked["cluster"]), bundle=bundle)
    else:
        entry = _configured(asked["cluster"], asked["config"])
    return Question(entry.identity, named.name, named.namespace, host, client), entry


def _configured(cluster: str, config: Path | None) -> "ClusterConfig":
    from checks.config.configuration import ConfigError, UnknownCluster, load
    from checks.config.settings import Settings

    try:
        return load(config, Settings().config).cluster(cluster)
    except (ConfigError, UnknownCluster) as wrong:
        refuse(wrong)


def _source(entry: "ClusterConfig") -> "Source":
    from checks.sources.bundle import BundleError
    from checks.sources.live import SourceError, open_source

    try:
        return open_source(entry)
    except (BundleError, SourceError) as wrong:
        refuse(wrong)


@main.command()
@_asks_for_a_gateway
@click.option(
    "-o", "--output", "written", required=True, type=click.Path(path_type=Path), help="Directory, or .tar.gz."
)
def collect(written: Path, timeout: float, **asked: Unpack[Asked]) -> None:
    """Record everything that `diagnose` would read into a redacted bundle.

    What could not be read is recorded as such, and replays as such.
    """
    from checks.catalogue import catalogue
    from checks.model.question import BadQuestion
    from checks.sources.recording import RecordingSource

    if written.exists():
        refuse(f"{written} exists already: choose another name, or move it away")
    try:
        question, entry = _question(asked)
    except BadQuestion as wrong:
        refuse(wrong)
    recorder = RecordingSource(_source(entry), question.cluster.name)
    report = _run(recorder, question, catalogue(), timeout, "none")
    try:
        recorder.write(written)
    except OSError as error:
        refuse(f"{written} cannot be written: {error.strerror}")
    _say_collected(report, written)


def _say_collected(report: "Report", written: Path) -> None:
    from checks.reports.wording import headline

    click.echo(f"{written}: {headline(report)}", err=True)
    for gap in report.gaps:
        click.echo(f"  not recorded: {gap}", err=True)
    click.echo(
        f"Replay it with: egress-diag diagnose x {report.namespace}/{report.gateway} --bundle {written}", err=True
    )


@main.command()
@click.argument("check", required=False)
@click.option("--permissions", is_flag=True, help="The ClusterRole and Azure actions that the checks need.")
def checks(check: str | None, permissions: bool) -> None:
    """The catalogue, or one CHECK by slug or code: what it reads, what each outcome means, the article's step."""
    from checks.catalogue import catalogue
    from checks.cli.console import Unwritable, say
    from checks.docs.catalogue_page import listing, page, permission_list
    from checks.engine.selection import chosen_checks
    from checks.model.question import BadQuestion

    known = catalogue()
    try:
        if permissions:
            say(permission_list(known))
        elif check is None:
            say(listing(known))
        else:
            say(page(chosen_checks(check, known)[0], known))
    except (BadQuestion, Unwritable) as wrong:
        refuse(wrong)


if __name__ == "__main__":
    main()
