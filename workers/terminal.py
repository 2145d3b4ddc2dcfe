"""The command `egress-diag history`, and the last verdicts of `egress-diag list`."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn, Unpack
from urllib.parse import urlsplit

import click

from checks.cli.cluster_arguments import ContextArguments, context_options
from checks.cli.gateway_arguments import names_argument, split_names
from checks.cli.usage import refuse
from checks.model.columns import after, narrow
from checks.model.inert_text import inert
from checks.model.question import BadQuestion, parse_gateway_name
from checks.reports.wording import VERDICTS, plural
from workers.queue.settings import WorkerSettings
from workers.records.gateway_state import Fault, GatewayState
from workers.records.history import PastRun

if TYPE_CHECKING:
    from checks.reports.gateway_list import LastVerdict

_SHOWN = 10
"""Past runs that are shown, as in Slack."""


@click.command("history")
@names_argument
@context_options
def history_command(names: Sequence[str], **options: Unpack[ContextArguments]) -> None:
    """Show the last checks of one egress gateway, newest first, and what changed between them.

    The history is in the Redis of the deployment, REDIS_URL. CLUSTER is a name of the configuration, or the name under
    which the deployment knows the cluster; without one, that of the current context of the kubeconfig, or of --context.

    Exit codes: 0 printed, 2 the command is wrong, or Redis does not answer.
    """
    cluster, typed = split_names(names)
    try:
        named = parse_gateway_name(typed, options["namespace"])
    except BadQuestion as wrong:
        refuse(wrong)
    cluster = _cluster_name(cluster, options)
    runs, state, name = _stored(cluster, named.namespace, named.name)
    click.echo(inert("\n".join(history_lines(cluster, name, runs, state))))
    sys.exit(0)


def last_verdicts(cluster: str) -> "Mapping[str, LastVerdict]":
    """The last verdict of each gateway of a cluster, by `namespace/name`.

    None without a REDIS_URL, or if Redis does not answer: a list of gateways does not depend on it.
    """
    settings = WorkerSettings()
    if not settings.names_redis:
        return {}
    from checks.reports.gateway_list import LastVerdict
    from workers.queue.connection import Unavailable, quick_connection
    from workers.runs.history import History

    redis = quick_connection(settings.redis_url)
    try:
        found = History(redis, settings.prefix).verdicts(cluster)
    except Unavailable:
        return {}
    finally:
        redis.close()
    return {name: LastVerdict(each.verdict, each.at) for name, each in found.items()}


def history_lines(cluster: str, name: str, runs: Sequence[PastRun], state: GatewayState | None) -> Iterator[str]:
    """The past runs of a gateway, newest first, with their differences, and its current faults."""
    if not runs:
        yield from narrow(f"{name} on {cluster}: no checks in the history.")
        return
    yield from narrow(f"Last {plural(len(runs), 'check')} of {name} on {cluster}")
    for number, run in enumerate(runs):
        before = runs[number + 1] if number + 1 < len(runs) else None
        yield from after(f"  {_time(run.at)}  {VERDICTS[run.verdict].lower():<12}  ", _difference(run, before))
    if state is not None and (state.broken or state.starting_since):
        yield "Starting, waits for" if state.starting_since else "Broken by"
        for fault in state.pending if state.starting_since else state.faults:
            yield from after("  ", f"{fault.code} {fault.title} ({_beginning(fault)})")


def _difference(run: PastRun, before: PastRun | None) -> str:
    if before is None:
        return ", ".join(run.failing) or "no fault"
    change = run.change_since(before)
    return "; ".join(f"{word} {', '.join(codes)}" for word, codes in change if codes) or "no change"


def _beginning(fault: Fault) -> str:
    if fault.shown_since is not None:
        return f"since {_time(fault.shown_since)}"
    return f"first seen {_time(fault.since)}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"


def _cluster_name(given: str | None, options: ContextArguments) -> str:
    """The name under which the deployment knows the cluster; exits with 2 without one."""
    from checks.config.configuration import UnknownCluster
    from checks.config.configuration_file import ConfigError, NoConfiguration, load

    context = _context_name(options) if given is None else ""
    try:
        config = load(options["config"], WorkerSettings().config)
    except NoConfiguration:
        return given or context
    except ConfigError as wrong:
        refuse(wrong)
    if given is None:
        return next((each.name for each in config.clusters if each.printed_context == context), context)
    try:
        return config.cluster(given).name
    except UnknownCluster as wrong:
        refuse(wrong)


def _context_name(options: ContextArguments) -> str:
    from checks.config.settings import KubectlSettings
    from checks.sources.kubeconfig import DEFAULT_KUBECONFIG, Kubeconfig
    from checks.sources.source import SourceError

    try:
        kubeconfig = options["kubeconfig"] or KubectlSettings().kubeconfig or DEFAULT_KUBECONFIG
        return Kubeconfig(kubeconfig).context(options["context"]).name
    except SourceError as wrong:
        refuse(wrong)


def _stored(cluster: str, namespace: str | None, gateway: str) -> tuple[tuple[PastRun, ...], GatewayState | None, str]:
    """The past runs, the state and the full name of a gateway.

    Exits with 2 if Redis does not answer.
    """
    from workers.queue.connection import Unavailable, quick_connection, redis_problem

    settings = WorkerSettings()
    redis = quick_connection(settings.redis_url)
    try:
        redis.ping()
        # The ledger loads the engine, which a Redis that does not answer would wait for.
        from workers.fleet.ledger import Ledger
        from workers.runs.history import History

        past = History(redis, settings.prefix)
        name = f"{namespace}/{gateway}" if namespace else _full_name(cluster, gateway, past.verdicts(cluster))
        ledger = Ledger(redis, settings.prefix, past.keep)
        return past.past_runs(cluster, name, _SHOWN), ledger.state(cluster, name), name
    except Unavailable as error:
        _without_redis(settings, str(redis_problem(error)))
    finally:
        redis.close()


def _full_name(cluster: str, gateway: str, known: Mapping[str, object]) -> str:
    """`namespace/name` of the checked gateway; exits with 2 if several have this name."""
    found = sorted(name for name in known if name.partition("/")[2].lower() == gateway.lower())
    if len(found) > 1:
        refuse(
            f'"{gateway}" matches {len(found)} gateways of {cluster}: {", ".join(found)}. Give the full name of one of them.'
        )
    return found[0] if found else gateway


def _without_redis(settings: WorkerSettings, reason: str) -> NoReturn:
    where = urlsplit(settings.redis_url)
    refuse(
        f"the history is in the Redis of the deployment: {where.hostname}:{where.port or 6379} {reason}; "
        "REDIS_URL names another"
    )
