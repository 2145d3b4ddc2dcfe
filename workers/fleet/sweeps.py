"""Fleet checks over many clusters.

A record has one part for each cluster, which any worker can execute.

Keys (all under the prefix): `sweep:ID` is the record, `sweep:ID:done` the result of each cluster, `sweeps` all that
are open by their deadline, `sweep:sent:ID:CLUSTER` a part that was sent recently, `sweep:lease:CLUSTER` a cluster
that is being checked. Progress is counted in the record and not in the queue, so a part that is lost, killed or late
delays no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis
from redis.lock import Lock

from workers.records.gateway_state import SWEPT_CLUSTER_JSON, SweptCluster

MAX_PART_ATTEMPTS = 2
"""Attempts after which a part is ended as failed: it has taken two workers down."""

RESEND_AFTER = 30
"""Seconds after which an unfinished part is sent again."""

_KEPT = timedelta(days=2)

_BEGIN = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'clusters', ARGV[1], 'created', ARGV[2], 'until', ARGV[3], 'why', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[6], ARGV[7])
return 1
"""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A fleet check. `until` is its deadline; `why` is the reason for the log."""

    id: str
    clusters: tuple[str, ...]
    created: datetime
    until: datetime
    why: str = ""
    done: tuple[SweptCluster, ...] = ()

    @property
    def waiting(self) -> tuple[str, ...]:
        """The clusters without a result."""
        there = {each.cluster for each in self.done}
        return tuple(each for each in self.clusters if each not in there)

    def over(self, now: datetime) -> bool:
        """Whether every result is there or the deadline has passed."""
        return not self.waiting or now >= self.until


class Sweeps:
    """Fleet checks and their parts. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix
        self._begin = redis.register_script(_BEGIN)

    def begin(self, sweep_id: str, clusters: Sequence[str], now: datetime, within: timedelta, why: str) -> bool:
        """Begin a fleet check. False if one of this id exists."""
        until = now + within
        return bool(
            self._begin(
                keys=[self._key("sweep", sweep_id), self._key("sweeps")],
                args=[
                    "\n".join(clusters),
                    now.isoformat(),
                    until.isoformat(),
                    why,
                    int(_KEPT.total_seconds()),
                    until.timestamp(),
                    sweep_id,
                ],
            )
        )

    def get(self, sweep_id: str) -> Sweep | None:
        """A fleet check with its results, or None if it is unknown or too old."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._key("sweep", sweep_id))
            pipe.hgetall(self._key("sweep", sweep_id, "done"))
            record, done = pipe.execute()
        if not record:
            return None
        return Sweep(
            sweep_id,
            tuple(each for each in str(record["clusters"]).split("\n") if each),
            datetime.fromisoformat(record["created"]),
            datetime.fromisoformat(record["until"]),
            str(record["why"]),
            tuple(SWEPT_CLUSTER_JSON.validate_json(value) for _, value in sorted(done.items())),
        )

    def open(self) -> tuple[Sweep, ...]:
        """The fleet checks that have not been closed, by deadline."""
        found: list[Sweep] = []
        for each in self.redis.zrange(self._key("sweeps"), 0, -1):
            sweep = self.get(str(each))
            if sweep is None:
                self.close(str(each))
            else:
                found.append(sweep)
        return tuple(found)

    def close(self, sweep_id: str) -> None:
        """Close a fleet check: its parts are no longer sent."""
        self.redis.zrem(self._key("sweeps"), sweep_id)

    def record_part(self, sweep_id: str, part: SweptCluster) -> bool:
        """Record the result of one cluster. False if there was one."""
        key = self._key("sweep", sweep_id, "done")
        new = self.redis.hsetnx(key, part.cluster, SWEPT_CLUSTER_JSON.dump_json(part).decode())
        self.redis.expire(key, _KEPT)
        return bool(new)

    def may_send(self, sweep: Sweep, cluster: str) -> bool:
        """Whether a part may be sent now; True at most once in `RESEND_AFTER` seconds."""
        return bool(self.redis.set(self._key("sweep", "sent", sweep.id, cluster), "1", nx=True, ex=RESEND_AFTER))

    def note_attempt(self, sweep_id: str, cluster: str) -> int:
        """Record that a worker takes the part up. Returns the number of attempts."""
        key = self._key("sweep", sweep_id, "attempts")
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hincrby(key, cluster, 1)
            pipe.expire(key, _KEPT)
            count, _ = pipe.execute()
        return int(count)

    def lease(self, cluster: str, seconds: float) -> Lock:
        """The lease by which one fleet check at a time checks a cluster.

        Acquire it without blocking.
        """
        key = self._key("sweep", "lease", cluster)
        return Lock(self.redis, key, timeout=seconds, thread_local=False, blocking=False)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
