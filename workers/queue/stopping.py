"""Bounds how long a stop takes: a process that was told to stop leaves in time, also while Redis does not answer.

Celery takes leave of Redis: it cancels its consumer, gives messages back and closes connections. Each of these waits for an
answer, and a Redis that is down or hangs gives none. Leaving without it loses nothing: a message that was not acknowledged
comes back by itself, and the janitor takes up the run.
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

from workers.queue.connection import Unavailable, impatient
from workers.queue.settings import worker_settings

log = logging.getLogger(__name__)

WITHOUT_REDIS = 5.0
"""Seconds without an answer from Redis after which a process that was told to stop leaves."""

LONGEST = 40.0
"""Seconds after which it leaves in any case: just under the chart's grace period of 45."""

_BETWEEN = 0.25


class BoundedStop(bootsteps.StartStopStep):
    """Watches over the stop from SIGTERM on."""

    def start(self, parent: Any) -> None:
        del parent
        celery = signal.getsignal(signal.SIGTERM)

        def stop(number: int, frame: FrameType | None) -> None:
            threading.Thread(target=_Watch(worker_settings().redis_url).run, name="stopping", daemon=True).start()
            if callable(celery):
                celery(number, frame)

        signal.signal(signal.SIGTERM, stop)


class _Watch:
    """When Redis last answered, from the moment of the signal."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._began = self._answered = time.monotonic()

    def run(self) -> None:
        # Pings from a thread of its own: looking up the name of a Redis that is not there may take longer than a stop.
        threading.Thread(target=self._ping, name="stopping-ping", daemon=True).start()
        while True:
            time.sleep(_BETWEEN)
            now = time.monotonic()
            if now - self._answered > WITHOUT_REDIS:
                _leave(f"Redis has not answered for {WITHOUT_REDIS:.0f} s")
            if now - self._began > LONGEST:
                _leave(f"the stop took longer than {LONGEST:.0f} s")

    def _ping(self) -> None:
        with impatient(self._redis_url) as redis:
            while True:
                with suppress(Unavailable):
                    redis.ping()
                    self._answered = time.monotonic()
                time.sleep(_BETWEEN)


def _leave(reason: str) -> None:
    """Ends this process and its children at once."""
    log.warning("stopping without waiting any longer: %s", reason)
    for pid in filter(None, (child.pid for child in active_children())):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)
