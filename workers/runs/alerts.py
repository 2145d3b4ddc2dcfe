"""Alerts in Redis: the threads that answer them.

Keys (all under the prefix): `alerts:RUN` are the alerts of the thread that the parent message of a run heads,
`alerted:CHANNEL:TARGET` is that run for a gateway in a channel, `alert-starts:CHANNEL:MINUTE` counts the runs that alerts
and workflows have started.
"""

from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from workers.records.alert import THREAD_ALERTS_JSON, ThreadAlerts
from workers.records.run import Target
from workers.runs.compare_and_set import Expected, Transitions, Write
from workers.runs.documents import new_revision
from workers.runs.unreadable import UnreadableRecords

STARTS_PER_MINUTE = 20
"""Runs that alerts and workflows can start in one channel within a minute.

Alertmanager sends the rest again; the step of a workflow fails.
"""


@dataclass(frozen=True, slots=True)
class StoredThread:
    """The thread of a gateway's alerts in a channel, as it is stored and as a record."""

    head: str | None
    raw: str | bytes | None
    alerts: ThreadAlerts | None


class Alerts:
    """The alerts of all threads. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    def of_thread(self, head: str) -> ThreadAlerts | None:
        """The alerts of the thread that a run heads; None without one."""
        return self._read(head).alerts

    def find(self, channel: str, target: Target) -> StoredThread:
        """The thread of a gateway's alerts in a channel."""
        head = self.redis.get(self._pointer(channel, target))
        return self._read(str(head)) if head is not None else StoredThread(None, None, None)

    def _read(self, head: str) -> StoredThread:
        raw = self.redis.get(self._key("alerts", head))
        if raw is None:
            return StoredThread(head, None, None)
        found = self._unreadable.read_one(f"alerts/{head}", lambda: THREAD_ALERTS_JSON.validate_json(raw), None)
        return StoredThread(head, raw, found)

    def record(self, before: StoredThread, after: ThreadAlerts, *, shown: bool) -> bool:
        """Store the alerts of a thread; False if another process has changed them.

        `shown`: its messages change. With another head than before, the gateway's alerts continue in another thread.
        """
        pointer = self._pointer(after.channel, after.target)
        expected = [Expected(("GET", pointer), before.head)]
        if before.head is not None:
            expected.append(Expected(("GET", self._key("alerts", before.head)), before.raw))
        writes: list[Write] = [
            ("SET", self._key("alerts", after.head), THREAD_ALERTS_JSON.dump_json(after), "EX", self.keep),
            ("SET", pointer, after.head, "EX", self.keep),
        ]
        if shown:
            writes += new_revision(self.prefix, f"run/{after.head}", self.keep)
        return self._transitions.apply(expected, writes)

    def may_start(self, channel: str, now: datetime) -> bool:
        """Count a run that an alert or a workflow starts in a channel; False if they are too many."""
        key = self._key("alert-starts", channel, f"{now:%Y%m%d%H%M}")
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, 120)
            count, _ = pipe.execute()
        return int(count) <= STARTS_PER_MINUTE

    def _pointer(self, channel: str, target: Target) -> str:
        return self._key("alerted", channel, target.key.lower())

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
