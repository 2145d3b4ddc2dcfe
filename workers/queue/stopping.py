"""A limit on the time that a stop takes, also while Redis does not answer.

Celery's stop cancels the consumer, returns messages and closes connections. Each step waits for a reply, which a Redis
that is down or hangs does not give. Ending without the reply loses nothing: an unacknowledged message is delivered
again, and the janitor takes up the run.
"""

import logging
import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from billiard.process import active_children
from celery import bootsteps

from workers.queue.connection import Unavailable, quick_connection
from workers.queue.settings import worker_settings

log = logging.getLogger(__name__)

WITHOUT_REDIS = 5.0
"""Seconds without a reply from Redis after which a stopping process ends."""

LONGEST_STOP = 40.0
"""Seconds after which a stopping process ends in any case.

The value is just under the chart's grace period of 45.
"""

_BETWEEN = 0.25


class BoundedStop(bootsteps.StartStopStep):
    """Ends the process if the stop that SIGTERM began takes too long."""

    def start(self, parent: Any) -> None:
        del parent
        celery = signal.getsignal(signal.SIGTERM)

        def stop(number: int, frame: FrameType | None) -> None:
            bound_stop(worker_settings().redis_url)
            if callable(celery):
                celery(number, frame)

        signal.signal(signal.SIGTERM, stop)


def bound_stop(redis_url: str) -> None:
    """End this process if the stop that begins now takes too long."""
    threading.Thread(target=_Watch(redis_url).run, name="stopping", daemon=True).start()


class _Watch:
    """The time of Redis' last reply since the signal."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._began = self._answered = time.monotonic()

    def run(self) -> None:
        # Pings from a separate thread: resolving the name of a Redis that is down may take longer than the stop.
        threading.Thread(target=self._ping, name="stopping-ping", daemon=True).start()
        while True:
            time.sleep(_BETWEEN)
            now = time.monotonic()
            if now - self._answered > WITHOUT_REDIS:
                _leave(f"Redis has not answered for {WITHOUT_REDIS:.0f} s")
            if now - self._began > LONGEST_STOP:
                _leave(f"the stop took longer than {LONGEST_STOP:.0f} s")

    def _ping(self) -> None:
        with quick_connection(self._redis_url) as redis:
            while True:
                with suppress(Unavailable):
                    redis.ping()
                    self._answered = time.monotonic()
                time.sleep(_BETWEEN)


def _leave(reason: str) -> None:
    """End this process and its children at once."""
    log.warning("stopping without waiting further: %s", reason)
    for pid in filter(None, (child.pid for child in active_children())):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)
