"""Connections to Redis, bounded everywhere: nobody waits longer than they said."""

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

Unavailable = RedisError
"""What every call of this package may raise when Redis is down, hangs or refuses."""


def impatient(url: str) -> Redis:
    """For whoever has three seconds: fails within half a second, once."""
    return Redis.from_url(
        url, decode_responses=True, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(ExponentialBackoff(), 0)
    )


def patient(url: str) -> Redis:
    """For workers in mid-run: rides out a restart of some seconds."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), 8),
        retry_on_error=[Disconnected, TimedOut],
        health_check_interval=25,
    )
