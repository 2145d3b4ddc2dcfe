"""The messages that wait in the broker's queues.

A message that still waits is not sent again: without a process that takes them, the queues would grow without bound.
"""

import base64
import binascii
from typing import Any

import orjson
from redis import Redis

MOST_WAITING = 500
"""The length of a queue above which no notification is added.

The janitor sends it later.
"""


class WaitingMessages:
    """Reads the broker's lists. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    def tasks(self, queue: str) -> frozenset[tuple[str, str]]:
        """The name and the argument of every task in a queue that no process has taken yet."""
        found = (_task(str(raw)) for raw in self._redis.lrange(self._prefix + queue, 0, -1))
        return frozenset(each for each in found if each is not None)

    def is_long(self, queue: str) -> bool:
        """Whether so many messages wait in a queue that it needs no further one."""
        return int(self._redis.llen(self._prefix + queue)) >= MOST_WAITING


def _task(raw: str) -> tuple[str, str] | None:
    """The task of a message; None for a message that is not one of this package."""
    try:
        message: dict[str, Any] = orjson.loads(raw)
        (argument,), *_ = orjson.loads(base64.b64decode(message["body"]))
        return str(message["headers"]["task"]), str(argument)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None
