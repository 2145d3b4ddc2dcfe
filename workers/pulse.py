"""Signs of life: which workers, tickers and couriers were there lately."""

import logging
import os
import socket
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from workers.connection import impatient
from workers.settings import Settings

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two signs of life."""

_ALIVE = 35


class Pulse:
    """Signs of life by role. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix

    def beat(self, role: str) -> None:
        """This process lives."""
        self.redis.set(f"{self.prefix}alive:{role}:{socket.gethostname()}:{os.getpid()}", "1", ex=_ALIVE)

    def alive(self, role: str) -> int:
        """How many processes of a role gave a sign of life in the last half minute."""
        return sum(1 for _ in self.redis.scan_iter(f"{self.prefix}alive:{role}:*", count=500))


def give_signs_of_life(consumer: Any, settings: Settings, role: str) -> None:
    """A Celery worker's main process gives signs of life by its own loop's timer: where that hangs, they end."""
    pulse = Pulse(impatient(settings.redis_url), settings.prefix)

    def beat() -> None:
        try:
            pulse.beat(role)
        except RedisError as gone:
            log.warning("no sign of life: %s", type(gone).__name__)

    beat()
    consumer.timer.call_repeatedly(EVERY, beat)
