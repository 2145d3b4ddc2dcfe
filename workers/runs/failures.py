"""The documents that could not be delivered to Slack."""

import time
from collections.abc import Mapping

from pydantic import TypeAdapter
from redis import Redis

from workers.records.delivered import DeliveryFailure

MAX_FAILURES = 500
"""Documents that are remembered; with more, the oldest is forgotten."""

_FAILURE_JSON = TypeAdapter(tuple[str, int, float, float])


class DeliveryFailures:
    """Failed deliveries by document. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self._key = f"{prefix}undelivered"
        self._keep = keep

    def note(self, document: str, code: str, *, begins: bool = False) -> DeliveryFailure:
        """Record a failed delivery; `begins` if the document had success since the last failure."""
        now = time.time()
        before = None if begins else self._parsed(self.redis.hget(self._key, document))
        count, since = (before.count + 1, before.since) if before is not None else (1, now)
        failure = DeliveryFailure(code, count, since, now)
        value = _FAILURE_JSON.dump_json((failure.code, failure.count, failure.since, failure.last)).decode()
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._key, document, value)
            pipe.expire(self._key, self._keep)
            pipe.hlen(self._key)
            *_, length = pipe.execute()
        if length > MAX_FAILURES:
            oldest = min(self.all().items(), key=lambda pair: pair[1].last)[0]
            self.redis.hdel(self._key, oldest)
        return failure

    def clear(self, document: str) -> None:
        """Forget the failures of a document that Slack shows now."""
        self.redis.hdel(self._key, document)

    def all(self) -> Mapping[str, DeliveryFailure]:
        """The failures of all documents."""
        found = {str(name): self._parsed(value) for name, value in self.redis.hgetall(self._key).items()}
        return {name: failure for name, failure in found.items() if failure is not None}

    def _parsed(self, value: str | bytes | None) -> DeliveryFailure | None:
        return DeliveryFailure(*_FAILURE_JSON.validate_json(value)) if value is not None else None
