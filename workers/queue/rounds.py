"""The progress of the beat: the time of the last round of each kind of work.

A beat that runs and does nothing is noticed by its rounds, not by its process.
"""

from datetime import datetime, timedelta

from redis import Redis

from checks.model.raw_values import parse_moment

JANITOR = "janitor"
FLEET = "fleet"
WATCHES = "watches"
ROUNDS = (JANITOR, FLEET, WATCHES)
"""Lost runs and messages; fleet checks, digests and reminders; watches."""

OVERDUE_AFTER = timedelta(seconds=45)
"""The age of the last round above which the beat counts as stuck."""


class Rounds:
    """The last round of each kind. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}beat:rounds"

    def note(self, name: str, at: datetime) -> None:
        """Record the end of a round."""
        self._redis.hset(self._key, name, at.isoformat())

    def ages(self, now: datetime) -> dict[str, timedelta | None]:
        """The age of the last round of each kind; None if there was none."""
        found = self._redis.hgetall(self._key)
        return {name: _age(found.get(name), now) for name in ROUNDS}


def _age(raw: object, now: datetime) -> timedelta | None:
    """The age of a round; None if there was none, or its time cannot be read."""
    at = parse_moment(raw)
    return None if at is None else max(timedelta(), now - at)
