"""The liveness probe of worker, courier and beat: each touches a file while it works.

The consumer touches the file while it is connected to the broker, and the beat at the end of each round of its work,
so a beat that does nothing is noticed too. A process that waits for Redis counts as alive, also while Redis is full or
read-only: a restart would not help.

`python -m workers.queue.liveness` exits 0 while the process of this container is alive, else 1.
"""

import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from celery import bootsteps
from redis import exceptions

from checks.config.bad_setting import BadSetting
from workers.queue.connection import check_writable, quick_connection, redis_problem
from workers.queue.settings import WorkerSettings, worker_settings

TOUCH_INTERVAL = 10.0
"""Seconds between two touches."""

STALE_AFTER = 60.0
"""The age in seconds from which the file counts as stale."""

LISTENER = "http://127.0.0.1:3001/healthz"
"""The listener's health endpoint, for a container without a heartbeat file."""


class Heartbeat(bootsteps.StartStopStep):
    """Touches `EGRESS_DIAG_HEARTBEAT` while the consumer is connected, if the variable is set."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.file = worker_settings().heartbeat
        self.timer: Any = None

    def include_if(self, parent: Any) -> bool:
        del parent
        return self.file is not None

    def start(self, parent: Any) -> None:
        self._touch()
        self.timer = parent.timer.call_repeatedly(TOUCH_INTERVAL, self._touch)

    def stop(self, parent: Any) -> None:
        del parent
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _touch(self) -> None:
        if self.file is not None:
            self.file.touch()


def restart_reason(config: WorkerSettings, now: float) -> str | None:
    """The reason to restart this process, or None. `now` is in seconds since the epoch."""
    if config.heartbeat is None:
        return "EGRESS_DIAG_HEARTBEAT is not set: whether this process works is not known"
    age = _age(config.heartbeat, now)
    if age is not None and age < STALE_AFTER:
        return None
    waited = "nothing done yet" if age is None else f"nothing done for {age:.0f} s"
    try:
        with quick_connection(config.redis_url) as redis:
            check_writable(redis, config.prefix)
    except (exceptions.AuthenticationError, exceptions.ResponseError) as refused:
        if redis_problem(refused).refuses_writes:
            return None
        return f"{waited}, and Redis refuses this process ({refused}): a restart reads the Secret again"
    except (exceptions.ConnectionError, exceptions.TimeoutError):
        return None
    return f"{waited}, though Redis answers"


def _age(file: Path, now: float) -> float | None:
    try:
        return now - file.stat().st_mtime
    except FileNotFoundError:
        return None


def _listener_failure() -> str | None:
    try:
        with urlopen(LISTENER, timeout=3) as answer:
            return None if answer.status == 200 else f"{LISTENER} answered {answer.status}"
    except URLError as error:
        return f"{LISTENER}: {error.reason}"


def _main() -> None:
    """Check the process of this container by its heartbeat file or its health endpoint.

    The listener has no heartbeat file.
    """
    try:
        config = worker_settings()
    except BadSetting as wrong:
        raise SystemExit(str(wrong)) from None
    found = restart_reason(config, time.time())
    if found and (config.heartbeat is None or not config.heartbeat.exists()):
        silent = _listener_failure()
        found = f"{found}; {silent}" if silent else None
    if found:
        raise SystemExit(found)


if __name__ == "__main__":
    _main()
