"""The part `workers` of `egress-diag doctor`.

It checks Redis as the deployment needs it, and the running processes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis import exceptions as broken

from checks import __version__
from checks.config.configuration_file import ConfigError, load
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions
from checks.reports.wording import plural
from workers.doctor.redis_server import connection_problem, login, server_lines
from workers.doctor.requirements import (
    ACTION_WORKER,
    PROCESS_ALIVE,
    PROCESS_VERSION,
    QUEUE_AGE,
    RECORDS_READABLE,
    REDIS_AUTHENTICATED,
    REDIS_CLUSTER,
    REDIS_REACHABLE,
    ROUND_AGE,
    SLACK_DELIVERY,
)
from workers.doctor.requirements import WORKER_REQUIREMENTS as REQUIREMENTS
from workers.queue.celery_app import ACTIONS_QUEUE
from workers.queue.cluster_mode import cluster_mode_problem
from workers.queue.connection import WRONG_TYPE, quick_connection
from workers.queue.presence import Presence, Process
from workers.queue.rounds import OVERDUE_AFTER, Rounds
from workers.queue.settings import WorkerSettings
from workers.runs.failures import DeliveryFailures
from workers.runs.unreadable import UnreadableRecords
from workers.telemetry.backlog import QUEUES, Backlog

__all__ = ["REQUIREMENTS", "workers"]

OLD = 60.0
"""The age in seconds above which a waiting message is reported."""
ROLES = ("worker", "courier", "beat")
"""The processes that are needed to answer an accepted command."""


def workers(options: DoctorOptions) -> Iterator[DoctorLine]:
    """Checks Redis, the broker and the processes; at a terminal only if `REDIS_URL` is set."""
    config = WorkerSettings()
    if options.terminal and not options.selected and not config.names_redis:
        return
    where = urlsplit(config.redis_url)
    place = f"{where.hostname}:{where.port or 6379}"
    redis = quick_connection(config.redis_url)
    try:
        info: dict[str, Any] = redis.info()
    except (broken.AuthenticationError, broken.NoPermissionError, broken.ResponseError) as refused:
        unasked = "HELLO must be called" in str(refused)  # RESP3's wording for a missing password
        yield REDIS_AUTHENTICATED.failed(
            f"{place}: {'a password is required, and none is set' if unasked else refused}"
        )
        yield PROCESS_ALIVE.not_checked("no connection to Redis")
        return
    except broken.RedisError as failure:
        yield REDIS_REACHABLE.failed(f"{place}: {connection_problem(failure)}")
        yield PROCESS_ALIVE.not_checked("no connection to Redis")
        return
    yield REDIS_REACHABLE.passed(place)
    yield REDIS_AUTHENTICATED.passed(login(where.password, config))
    yield from _usable(redis, info, config, options)
    redis.close()


def _usable(redis: Redis, info: dict[str, Any], config: WorkerSettings, options: DoctorOptions) -> Iterator[DoctorLine]:
    """The lines about a Redis that answers."""
    try:
        problem = cluster_mode_problem(redis, config.prefix)
    except broken.RedisError as refused:
        yield REDIS_CLUSTER.not_checked(str(refused) or type(refused).__name__)
    else:
        if problem is not None:
            yield REDIS_CLUSTER.failed(f"Redis {problem.partition(' (')[0]}")
            yield PROCESS_ALIVE.not_checked("Redis distributes keys")
            return
        yield REDIS_CLUSTER.passed("every key is on one server")
    yield from server_lines(redis, info, config)
    yield from _processes(redis, config, _steps_are_enabled(options, config))
    yield from _rounds(redis, config)
    yield from _queues(redis, config)
    yield _records(redis, config)
    yield _deliveries(redis, config)


def _steps_are_enabled(options: DoctorOptions, config: WorkerSettings) -> bool:
    """Whether the configuration enables active steps in Slack; False if it cannot be read.

    The part `configuration` reports that.
    """
    try:
        found = load(Path(options.config) if options.config else None, config.config)
    except ConfigError:
        return False
    permitted = any({"probe", "restart"} & set(rule.allow) for rule in found.access)
    return found.probe is not None and bool(found.probe.canary or (permitted and found.probe.namespaces))


def _processes(redis: Redis, config: WorkerSettings, active_steps: bool) -> Iterator[DoctorLine]:
    present = Presence(redis, config.prefix).present(datetime.now(UTC))
    for role in ROLES:
        # A worker of the queue actions carries out no diagnosis.
        of_role = [each for each in present if each.role == role and each.queues != (ACTIONS_QUEUE,)]
        if of_role:
            yield PROCESS_ALIVE.passed(", ".join(each.name for each in of_role), role)
        else:
            yield PROCESS_ALIVE.failed("no such process has announced itself in the last minute", role)
    if active_steps:
        yield _action_worker([each.name for each in present if ACTIONS_QUEUE in each.queues])
    yield from (_version(each) for each in present)


def _action_worker(names: list[str]) -> DoctorLine:
    if names:
        return ACTION_WORKER.passed(", ".join(names))
    return ACTION_WORKER.failed(
        "no worker takes the queue actions: active steps that are requested in Slack are not planned"
    )


def _version(process: Process) -> DoctorLine:
    if process.version == __version__:
        return PROCESS_VERSION.passed(process.version, process.name)
    return PROCESS_VERSION.failed(f"version {process.version}; this process has {__version__}", process.name)


def _rounds(redis: Redis, config: WorkerSettings) -> Iterator[DoctorLine]:
    for work, age in Rounds(redis, config.prefix).ages(datetime.now(UTC)).items():
        observed = "no round yet" if age is None else f"the last round ended {age.total_seconds():.0f} s ago"
        late = age is None or age > max(OVERDUE_AFTER, 3 * timedelta(seconds=config.tick))
        yield ROUND_AGE.failed(observed, work) if late else ROUND_AGE.passed(observed, work)


def _queues(redis: Redis, config: WorkerSettings) -> Iterator[DoctorLine]:
    backlog = Backlog(redis, config.prefix)
    for name in QUEUES:
        waiting = backlog.queue(name)
        observed = f"{waiting.length} waiting, the oldest for {waiting.age:.0f} s"
        yield QUEUE_AGE.failed(observed, name) if waiting.age > OLD else QUEUE_AGE.passed(observed, name)
    lag = backlog.courier_lag()
    observed = f"the oldest change that Slack does not show is {lag:.0f} s old"
    yield QUEUE_AGE.failed(observed, "Slack") if lag > OLD else QUEUE_AGE.passed(observed, "Slack")


def _records(redis: Redis, config: WorkerSettings) -> DoctorLine:
    if aside := sorted(str(key) for key in redis.scan_iter(f"{config.prefix}*{WRONG_TYPE}", count=1000)):
        more = f" and {plural(len(aside) - 1, 'other key')}" if len(aside) > 1 else ""
        return RECORDS_READABLE.failed(f"of the wrong type, and renamed: {aside[0]}{more}")
    found = UnreadableRecords(redis, config.prefix).all()
    if not found:
        return RECORDS_READABLE.passed("every record that was needed in the last day")
    name, latest = max(found.items(), key=lambda pair: pair[1].at)
    more = f" and {plural(len(found) - 1, 'other record')}" if len(found) > 1 else ""
    return RECORDS_READABLE.failed(f"left out: {name}{more}; {latest.error}, error {latest.token}")


def _deliveries(redis: Redis, config: WorkerSettings) -> DoctorLine:
    failed = DeliveryFailures(redis, config.prefix).all()
    if not failed:
        return SLACK_DELIVERY.passed("every message was accepted")
    name, latest = max(failed.items(), key=lambda pair: pair[1].last)
    at = datetime.fromtimestamp(latest.last, UTC)
    return SLACK_DELIVERY.failed(
        f"{plural(len(failed), 'document')} with messages that Slack does not show; the latest: {name}, refused with "
        f"{latest.code} at {at:%Y-%m-%d %H:%M} UTC"
    )
