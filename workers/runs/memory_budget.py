"""The budget of Redis' memory: above 80 % of `maxmemory` the oldest evidence is deleted.

At its limit, Redis refuses every write: commands, verdicts and messages. Evidence is most of the data and the least
needed: verdicts, reports and history stay.
"""

import logging
from datetime import UTC, datetime

from redis import Redis

from workers.runs.evidence import EvidenceStore
from workers.telemetry.memory import RedisMemory

log = logging.getLogger(__name__)

_MORE = 0.05
"""The share of the limit that is freed beyond the budget, so not every run deletes some."""


class MemoryBudget:
    """Keeps Redis below its limit. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, evidence: EvidenceStore) -> None:
        self.memory = RedisMemory(redis, prefix)
        self.evidence = evidence

    def enforce(self, room: int = 0) -> int:
        """Delete the oldest evidence if memory runs short, or would with `room` more bytes.

        Returns the number of bundles.
        """
        use = self.memory.use()
        if not use.limit or use.surplus + room <= 0:
            return 0
        deleted, newest = 0, datetime.now(UTC)
        for run_id, kept_since in self.evidence.oldest_first():
            self.evidence.discard(run_id)
            deleted, newest = deleted + 1, kept_since
            if self.memory.use().surplus + room + use.limit * _MORE <= 0:
                break
        if deleted:
            log.warning("deleted the evidence of %s runs to save memory of Redis: %s", deleted, self.memory.use())
            self.memory.note_deleted(deleted, datetime.now(UTC), newest)
        return deleted
