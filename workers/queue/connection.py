"""Connections to Redis with bounded waiting times."""

import logging
from typing import Any
from urllib.parse import urlsplit

from redis import ConnectionPool, Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

from workers.queue.entra_login import PROVIDER, EntraLogin, NoEntraToken
from workers.records.redis_problem import RedisProblem

log = logging.getLogger(__name__)

REDIRECTS = "is in cluster mode, which Celery does not support: use a Redis without clustering (docs/redis.md)"
"""The end of the sentence "Redis …" for a server that redirects clients to other servers."""

DISTRIBUTES = (
    "distributes keys over hash slots: set EGRESS_DIAG_KEY_PREFIX to a prefix in braces, such as {egress-diag}: "
    "(docs/redis.md)"
)
"""The same for one address whose commands take only keys of one hash slot."""

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


def _connection(url: str, **options: Any) -> Redis:
    """A client with a pool of its own, to whose connections an Entra login sends new tokens."""
    parts = urlsplit(url)
    query = [part for part in parts.query.split("&") if not part.startswith("credential_provider=")]
    login = EntraLogin() if f"credential_provider={PROVIDER}" in parts.query else None
    address = parts._replace(query="&".join(query)).geturl()
    pool = ConnectionPool.from_url(address, credential_provider=login, **_DECODED, **options)
    client = _Records(connection_pool=pool, credential_provider=login)
    client.auto_close_connection_pool = True
    return client


def quick_connection(url: str) -> Redis:
    """A connection for answers within three seconds: one attempt of at most half a second.

    With an Entra login, the first attempt also waits for the token.
    """
    return _connection(
        url,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(ExponentialBackoff(), 0),
    )


def retrying_connection(url: str) -> Redis:
    """A connection for workers: retries for the seconds that a restart of Redis takes."""
    return _connection(
        url,
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
            without_token = isinstance(error, NoEntraToken)
            return RedisProblem(
                "needs an Entra token, and Entra issued none" if without_token else "refuses the password"
            )
        case AskError() | ClusterCrossSlotError():  # MOVED is an AskError
            return RedisProblem(REDIRECTS if isinstance(error, AskError) else DISTRIBUTES)
        case _:
            return RedisProblem("cannot be reached")
