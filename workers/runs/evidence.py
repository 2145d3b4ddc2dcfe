"""What a run read, as a bundle: recorded and redacted while it reads, kept for as long as evidence is kept."""

import base64
import logging

from redis import Redis

log = logging.getLogger(__name__)

LARGEST_BUNDLE = 8 * 1024 * 1024
"""Bytes of a packed bundle; a larger one is not kept (Redis holds it in memory): `egress-diag collect` makes it."""


class EvidenceStore:
    """Bundles by run. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep_seconds = keep

    def keep(self, run_id: str, packed: bytes) -> bool:
        """Keeps a packed bundle. False where it is too large."""
        if len(packed) > LARGEST_BUNDLE:
            log.warning("the evidence of run %s is too large to keep: %s bytes", run_id, len(packed))
            return False
        self.redis.set(self._key(run_id), base64.b64encode(packed).decode(), ex=self.keep_seconds)
        return True

    def bundle(self, run_id: str) -> bytes | None:
        """The packed bundle (.tar.gz), or None where none is kept (any more)."""
        raw = self.redis.get(self._key(run_id))
        return base64.b64decode(raw) if raw is not None else None

    def has_bundle(self, run_id: str) -> bool:
        """Whether a bundle is kept."""
        return bool(self.redis.exists(self._key(run_id)))

    def preserve(self, run_id: str, seconds: int) -> None:
        """Keeps a run's evidence for longer."""
        self.redis.expire(self._key(run_id), seconds, gt=True)

    def _key(self, run_id: str) -> str:
        return f"{self.prefix}evidence:{run_id}"
