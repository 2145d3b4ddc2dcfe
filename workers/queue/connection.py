"""Connections to Redis with bounded waiting times."""

from typing import Any

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

Unavailable = RedisError
"""The exception of every call in this package when Redis is down, hangs or refuses."""

_DECODED: dict[str, Any] = {"decode_responses": True, "encoding_errors": "surrogateescape"}
"""Replies are text.

Compressed documents among them can be turned back into bytes (`workers.runs.packed`).
"""


def quick_connection(url: str) -> Redis:
    """A connection for answers within three seconds: one attempt of at most half a second."""
    return Redis.from_url(
        url,
        **_DECODED,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(ExponentialBackoff(), 0),
    )


def retrying_connection(url: str) -> Redis:
    """A connection for workers: retries for the seconds that a restart of Redis takes."""
    return Redis.from_url(
        url,
        **_DECODED,
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), 8),
        retry_on_error=[Disconnected, TimedOut],
        health_check_interval=25,
    )
