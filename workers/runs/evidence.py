"""The evidence of a run: a bundle of what it read.

It is redacted while reading and kept for the configured time.
"""

import base64
import logging
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from redis import Redis

from workers.runs.packed import reply_bytes
from workers.runs.unreadable import UnreadableRecords

log = logging.getLogger(__name__)

LARGEST_BUNDLE = 8 * 1024 * 1024
"""Bytes of a packed bundle.

A larger one is not kept, since Redis holds it in memory: use `egress-diag collect`.
"""

_GZIP = b"\x1f\x8b"
"""The first bytes of a packed bundle."""
_GZIP_BASE64 = b"H4s"


class EvidenceStore:
    """Bundles by run. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep_seconds = keep
        self._index = f"{prefix}evidence"
        self._unreadable = UnreadableRecords(redis, prefix)

    def keep(self, run_id: str, packed: bytes) -> bool:
        """Keep a packed bundle. False if it is too large."""
        if len(packed) > LARGEST_BUNDLE:
            log.warning("the evidence of run %s is too large to keep: %s bytes", run_id, len(packed))
            return False
        now = datetime.now(UTC).timestamp()
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key(run_id), packed, ex=self.keep_seconds)
            pipe.zadd(self._index, {run_id: now})
            pipe.zremrangebyscore(self._index, "-inf", now - self.keep_seconds)
            pipe.execute()
        return True

    def bundle(self, run_id: str) -> bytes | None:
        """The packed bundle (.tar.gz), or None if it is not kept or cannot be read."""
        raw = self.redis.get(self._key(run_id))
        if raw is None:
            return None
        packed = reply_bytes(raw)
        if packed.startswith(_GZIP):
            return packed
        # Earlier versions stored bundles as Base64.
        return base64.b64decode(packed) if packed.startswith(_GZIP_BASE64) else None

    def has_bundle(self, run_id: str) -> bool:
        """Whether a bundle is kept."""
        return bool(self.redis.exists(self._key(run_id)))

    def is_readable(self, run_id: str) -> bool:
        """Whether a kept bundle begins as one, without reading all of it."""

        def begins() -> bool:
            first = reply_bytes(self.redis.getrange(self._key(run_id), 0, len(_GZIP_BASE64) - 1))
            if not first.startswith((_GZIP, _GZIP_BASE64)):
                raise ValueError("not a bundle")
            return True

        return self._unreadable.read_one(f"evidence/{run_id}", begins, False)

    def discard(self, run_id: str) -> None:
        """Delete a run's evidence."""
        self.redis.delete(self._key(run_id))
        self.redis.zrem(self._index, run_id)

    def oldest_first(self) -> Iterator[tuple[str, datetime]]:
        """The runs with a bundle and the time since which it is kept; preserved bundles come last."""
        indexed = self.redis.zrange(self._index, 0, -1, withscores=True)
        known = {str(each[0]): float(each[1]) for each in indexed}
        yield from ((run_id, datetime.fromtimestamp(at, UTC)) for run_id, at in known.items())
        yield from sorted(self._not_indexed(known), key=lambda each: each[1])

    def _not_indexed(self, known: Collection[str]) -> Iterator[tuple[str, datetime]]:
        """The bundles of earlier versions, which kept no index."""
        now = datetime.now(UTC)
        for key in self.redis.scan_iter(self._key("*"), count=1000):
            run_id = str(key).removeprefix(self._key(""))
            if run_id not in known:
                yield run_id, now - timedelta(seconds=self.keep_seconds - int(self.redis.ttl(key)))

    def preserve(self, run_id: str, seconds: int) -> None:
        """Extend the time for which a run's evidence is kept."""
        if self.redis.expire(self._key(run_id), seconds, gt=True):
            self.redis.zadd(self._index, {run_id: datetime.now(UTC).timestamp() + seconds}, xx=True)

    def _key(self, run_id: str) -> str:
        return f"{self.prefix}evidence:{run_id}"
