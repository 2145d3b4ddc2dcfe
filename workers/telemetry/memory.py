"""The memory of Redis: its use, its limit, and the evidence that was deleted early."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from checks.model.raw_values import moment

FULL = 0.8
"""The used share of the limit above which the oldest evidence is deleted.

At the limit, Redis refuses writes.
"""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """The used bytes and the limit in bytes; a limit of 0 is none."""

    used: int
    limit: int

    @property
    def surplus(self) -> int:
        """The bytes above the allowed share; not positive if there is room."""
        return self.used - int(FULL * self.limit) if self.limit else 0

    def __str__(self) -> str:
        used = f"{_mib(self.used)} used"
        return f"{_mib(self.used)} of {_mib(self.limit)} used" if self.limit else f"{used}, no limit"


@dataclass(frozen=True, slots=True)
class EvidenceDeleted:
    """The number of runs whose evidence was deleted early, and the last time.

    `kept_since` is the start of the latest of these runs.
    """

    count: int
    at: datetime
    kept_since: datetime


class RedisMemory:
    """Reads the memory and what was deleted. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}deleted-early"

    def use(self) -> MemoryUse:
        """The current use."""
        return memory_use(self._redis.info("memory"))

    def note_deleted(self, count: int, now: datetime, kept_since: datetime) -> None:
        """Record that the evidence of so many runs was deleted.

        The latest of these runs began at `kept_since`.
        """
        unreadable = self.deleted() is None
        with self._redis.pipeline(transaction=True) as pipe:
            if unreadable:
                pipe.delete(self._key)
            pipe.hincrby(self._key, "count", count)
            pipe.hset(self._key, mapping={"at": now.isoformat(), "kept_since": kept_since.isoformat()})
            pipe.execute()

    def deleted(self) -> EvidenceDeleted | None:
        """The evidence that was deleted early; None without a record that can be read."""
        found = self._redis.hgetall(self._key)
        at, since, count = moment(found, "at"), moment(found, "kept_since"), str(found.get("count"))
        return EvidenceDeleted(int(count), at, since) if at and since and count.isdecimal() else None


def memory_use(info: dict[str, Any]) -> MemoryUse:
    """The use, from the reply to INFO."""
    return MemoryUse(int(info.get("used_memory", 0)), int(info.get("maxmemory", 0)))


def _mib(number: int) -> str:
    return f"{number / 1024 / 1024:.0f} MiB"
