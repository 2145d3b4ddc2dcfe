"""The documents that could not be delivered to Slack."""

import time
from collections.abc import Mapping

from pydantic import TypeAdapter
from redis import Redis

from workers.records.delivered import DeliveryFailure
from workers.runs.bounded import surplus_fields
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.unreadable import UnreadableRecords

MAX_FAILURES = 500
"""Documents that are remembered; with more, the oldest is forgotten."""

_FAILURE_JSON = TypeAdapter(tuple[str, int, float, float])


class DeliveryFailures:
    """Failed deliveries by document. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self._key = f"{prefix}undelivered"
        self._keep = keep
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    def note(self, document: str, code: str, *, begins: bool = False) -> DeliveryFailure:
        """Record a failed delivery; `begins` if the document had success since the last failure."""

        def attempt() -> DeliveryFailure | None:
            now, raw = time.time(), self.redis.hget(self._key, document)
            before = None if begins or raw is None else self._readable(raw)
            count, since = (before.count + 1, before.since) if before is not None else (1, now)
            failure = DeliveryFailure(code, count, since, now)
            value = _FAILURE_JSON.dump_json((failure.code, failure.count, failure.since, failure.last))
            writes: list[Write] = [
                ("HSET", self._key, document, value),
                ("EXPIRE", self._key, self._keep),
                *(("HDEL", self._key, each) for each in self._surplus(document)),
            ]
            return failure if self._transitions.apply([Expected(("HGET", self._key, document), raw)], writes) else None

        return until_applied(attempt)

    def _surplus(self, document: str) -> list[str]:
        """The documents to forget for this one: those that failed least recently."""
        if self.redis.hlen(self._key) < MAX_FAILURES:
            return []
        return surplus_fields({name: each.last for name, each in self.all().items()}, document, MAX_FAILURES)

    def clear(self, document: str) -> None:
        """Forget the failures of a document that Slack shows now."""
        self.redis.hdel(self._key, document)

    def all(self) -> Mapping[str, DeliveryFailure]:
        """The failures of all documents."""
        found = self.redis.hgetall(self._key)
        return dict(self._unreadable.read_fields("undelivered", found, self._parsed))

    def _parsed(self, value: str | bytes) -> DeliveryFailure:
        return DeliveryFailure(*_FAILURE_JSON.validate_json(value))

    def _readable(self, value: str | bytes) -> DeliveryFailure | None:
        try:
            return self._parsed(value)
        except ValueError:
            return None
