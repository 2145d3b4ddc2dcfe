"""Connections to Redis with bounded waiting times."""

import logging
from typing import Any

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

from workers.records.redis_problem import RedisProblem

log = logging.getLogger(__name__)

WRONG_TYPE = ":wrong-type"
"""After the name of a key that had the wrong type."""
_KEPT_ASIDE = 7 * 86400
_WITH_KEY = 2

Unavailable = RedisError
"""The exception of every call in this package when Redis is down, hangs or refuses."""

_DECODED: dict[str, Any] = {"decode_responses": True, "encoding_errors": "surrogateescape"}
"""Replies are text.

Compressed documents among them can be turned back into bytes (`workers.runs.packed`).
"""


class _Records(Redis):
    """A connection for which a key of the wrong type is absent.

    Such a key is renamed to `KEY:wrong-type` and logged, and the command executed again: one key that was written by hand
    must not end every round of the beat.
    """

    def execute_command(self, *command: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*command, **options)  # type: ignore[no-untyped-call] # missing in redis-py
        except ResponseError as refused:
            if not str(refused).startswith("WRONGTYPE") or len(command) < _WITH_KEY:
                raise
        aside = f"{command[1]}{WRONG_TYPE}"
        super().execute_command("RENAME", command[1], aside)  # type: ignore[no-untyped-call]
        super().execute_command("EXPIRE", aside, _KEPT_ASIDE)  # type: ignore[no-untyped-call]
        log.error("the key %s had the wrong type for %s; it was renamed to %s", command[1], command[0], aside)
        return super().execute_command(*command, **options)  # type: ignore[no-untyped-call]


def quick_connection(url: str) -> Redis:
    """A connection for answers within three seconds: one attempt of at most half a second."""
    return _Records.from_url(
        url,
        **_DECODED,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(ExponentialBackoff(), 0),
    )


def retrying_connection(url: str) -> Redis:
    """A connection for workers: retries for the seconds that a restart of Redis takes."""
    return _Records.from_url(
        url,
        **_DECODED,
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), 8),
        retry_on_error=[Disconnected, TimedOut],
        health_check_interval=25,
    )


def check_writable(redis: Redis, prefix: str) -> None:
    """Write a key that expires at once. Raises Unavailable if Redis is down, full or read-only."""
    redis.set(f"{prefix}writable", "1", px=1)


def redis_problem(error: RedisError) -> RedisProblem:
    """The problem behind a failed command."""
    match error:
        case OutOfMemoryError():
            return RedisProblem("is full: its limit maxmemory is reached", refuses_writes=True)
        case ReadOnlyError():
            return RedisProblem("is read-only: it is a replica, or a failover is in progress", refuses_writes=True)
        case _ if str(error).startswith("MISCONF"):
            return RedisProblem("cannot save its data: its volume may be full", refuses_writes=True)
        case BusyLoadingError():
            return RedisProblem("is loading its data after a restart")
        case AuthenticationError():
            return RedisProblem("refuses the password")
        case _:
            return RedisProblem("cannot be reached")
