"""Fleet checks over many clusters.

A record has one part for each cluster, which any worker can execute.

Keys (all under the prefix): `sweep:ID` is the record, `sweep:ID:done` the result of each cluster, `sweeps` all that
are open by their deadline, `sweep:sent:ID:CLUSTER` a part that was sent recently, `sweep:lease:CLUSTER` a cluster
that is being checked. Progress is counted in the record and not in the queue, so a part that is lost, killed or late
delays no other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from checks.model.raw_values import stored_moment
from workers.records.gateway_state import SWEPT_CLUSTER_JSON, SweptCluster
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.leases import Lease
from workers.runs.unreadable import UnreadableRecords

MAX_PART_ATTEMPTS = 2
"""Attempts after which a part is ended as failed."""

RESEND_AFTER = 30
"""Seconds after which an unfinished part is sent again."""

_KEPT = timedelta(days=2)


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
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    def begin(self, sweep_id: str, clusters: Sequence[str], now: datetime, within: timedelta, why: str) -> bool:
        """Begin a fleet check. False if one of this id exists."""
        until = now + within
        key = self._key("sweep", sweep_id)
        fields = ("clusters", "\n".join(clusters), "created", now.isoformat(), "until", until.isoformat(), "why", why)
        return self._transitions.apply(
            [Expected(("EXISTS", key), 0)],
            [
                ("HSET", key, *fields),
                ("EXPIRE", key, int(_KEPT.total_seconds())),
                ("ZADD", self._key("sweeps"), until.timestamp(), sweep_id),
            ],
        )

    def get(self, sweep_id: str) -> Sweep | None:
        """A fleet check with its results, or None if it is unknown, too old, or cannot be read."""
        return self._unreadable.read_one(f"fleet check/{sweep_id}", lambda: self._stored(sweep_id), None)

    def _stored(self, sweep_id: str) -> Sweep | None:
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._key("sweep", sweep_id))
            pipe.hgetall(self._key("sweep", sweep_id, "done"))
            record, done = pipe.execute()
        if not record:
            return None
        return replace(_sweep(sweep_id, record), done=tuple(part for _, part in sorted(self._parts(sweep_id, done))))

    def part(self, sweep_id: str, cluster: str) -> Sweep | None:
        """A fleet check with one of its clusters alone; None as for `get`.

        A worker reads it for each cluster: reading all results each time grew with the square of the clusters.
        """
        return self._unreadable.read_one(f"fleet check/{sweep_id}", lambda: self._stored_part(sweep_id, cluster), None)

    def _stored_part(self, sweep_id: str, cluster: str) -> Sweep | None:
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._key("sweep", sweep_id))
            pipe.hget(self._key("sweep", sweep_id, "done"), cluster)
            record, done = pipe.execute()
        found = _sweep(sweep_id, record) if record else None
        if found is None or cluster not in found.clusters:
            return None
        parts = self._parts(sweep_id, {cluster: done} if done is not None else {})
        return replace(found, clusters=(cluster,), done=tuple(part for _, part in parts))

    def _parts(self, sweep_id: str, done: Mapping[Any, Any]) -> Iterator[tuple[str, SweptCluster]]:
        """The results that can be read; the cluster of another one is checked again."""
        return self._unreadable.read_fields(f"fleet check/{sweep_id}", done, SWEPT_CLUSTER_JSON.validate_json)

    def open(self) -> tuple[Sweep, ...]:
        """The fleet checks that have not been closed, by deadline."""
        found: list[Sweep] = []
        names = (str(each) for each in self.redis.zrange(self._key("sweeps"), 0, -1))
        for name, sweep in self._unreadable.read_each("fleet check", names, self._stored):
            if sweep is None:
                self.close(name)
            else:
                found.append(sweep)
        return tuple(found)

    def close(self, sweep_id: str) -> None:
        """Close a fleet check: its parts are no longer sent."""
        self.redis.zrem(self._key("sweeps"), sweep_id)

    def record_part(self, sweep_id: str, part: SweptCluster) -> bool:
        """Record the result of one cluster. False if there was one."""
        key = self._key("sweep", sweep_id, "done")
        known = self.redis.hget(key, part.cluster)
        if known is not None and list(self._parts(sweep_id, {part.cluster: known})):
            return False
        writes: list[Write] = [
            ("HSET", key, part.cluster, SWEPT_CLUSTER_JSON.dump_json(part)),
            ("EXPIRE", key, int(_KEPT.total_seconds())),
        ]
        return self._transitions.apply([Expected(("HGET", key, part.cluster), known)], writes)

    def may_send(self, sweep: Sweep, cluster: str) -> bool:
        """Whether a part may be sent now; True at most once in `RESEND_AFTER` seconds."""
        return bool(self.redis.set(self._key("sweep", "sent", sweep.id, cluster), "1", nx=True, ex=RESEND_AFTER))

    def note_attempt(self, sweep_id: str, cluster: str) -> int:
        """Record that a worker takes the part up. Returns the number of attempts."""
        key = self._key("sweep", sweep_id, "attempts")

        def attempt() -> int | None:
            known = self.redis.hget(key, cluster)
            count = (int(known) if known is not None and str(known).isdecimal() else 0) + 1
            writes: list[Write] = [("HSET", key, cluster, count), ("EXPIRE", key, int(_KEPT.total_seconds()))]
            return count if self._transitions.apply([Expected(("HGET", key, cluster), known)], writes) else None

        return until_applied(attempt)

    def lease(self, cluster: str, seconds: float) -> Lease:
        """The lease by which one fleet check at a time checks a cluster: acquire it, and keep it."""
        return Lease(self._transitions, self._key("sweep", "lease", cluster), seconds)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)


def _sweep(sweep_id: str, record: Mapping[Any, Any]) -> Sweep:
    """A stored fleet check without its results."""
    return Sweep(
        sweep_id,
        tuple(each for each in str(record["clusters"]).split("\n") if each),
        stored_moment(record["created"]),
        stored_moment(record["until"]),
        str(record["why"]),
    )
