"""Scheduled probes in Redis: the round of each cluster, and the results of each gateway.

Keys (all under the prefix): `canary:round:CLUSTER` is the round, `canary:lease:CLUSTER` shows that a worker makes a probe of
it, `canary:gateways:CLUSTER` are the probed gateways by the time of their last result, `canary:probes:CLUSTER:GATEWAY` the
results, `canary:passed` the time of each gateway's last probe that passed, `canary:interval` the interval in seconds.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from redis import Redis

from checks.actions.results import ActionOutcome
from workers.records.canary import (
    CANARY_ROUND_JSON,
    SCHEDULED_PROBE_JSON,
    CanaryRound,
    CanarySummary,
    ScheduledProbe,
    summarize_probes,
)
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.leases import Lease
from workers.runs.unreadable import UnreadableRecords

RESULTS_KEPT = 500
"""Results that are kept of each gateway: a day and a half at the shortest interval."""


class Canaries:
    """The scheduled probes of an installation. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int, interval: timedelta) -> None:
        self._redis = redis
        self._prefix = prefix
        self._keep = keep
        self.interval = interval
        """The interval of the configuration, 0 if scheduled probes are off."""
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    # rounds

    def round(self, cluster: str) -> CanaryRound | None:
        """The round of a cluster; None before the first, or if it cannot be read."""
        return self._parsed(cluster, self._redis.get(self._key("round", cluster)))

    def change_round(
        self, cluster: str, change: Callable[[CanaryRound | None], CanaryRound | None]
    ) -> CanaryRound | None:
        """Change a round. None if `change` returns None for the newest state."""
        key = self._key("round", cluster)

        def attempt() -> tuple[CanaryRound | None] | None:
            raw = self._redis.get(key)
            changed = change(self._parsed(cluster, raw))
            if changed is None:
                return (None,)
            writes: list[Write] = [("SET", key, CANARY_ROUND_JSON.dump_json(changed), "EX", self._keep)]
            return (changed,) if self._transitions.apply([Expected(("GET", key), raw)], writes) else None

        return until_applied(attempt)[0]

    def lease(self, cluster: str, seconds: float) -> Lease:
        """The lease by which one worker at a time probes gateways of a cluster."""
        return Lease(self._transitions, self._key("lease", cluster), seconds)

    def is_leased(self, cluster: str) -> bool:
        """Whether a worker makes a probe of the cluster's round."""
        return bool(self._redis.exists(self._key("lease", cluster)))

    def may_send(self, cluster: str, seconds: int) -> bool:
        """Whether the task of a round may be sent; True at most once in so many seconds."""
        return bool(self._redis.set(self._key("sent", cluster), "1", nx=True, ex=seconds))

    # results

    def record(self, cluster: str, gateway: str, probe: ScheduledProbe) -> bool:
        """Record a result. False if its interval has one."""
        key, at = self._key("probes", cluster, gateway), int(probe.due.timestamp())
        passed = probe.outcome is ActionOutcome.AS_EXPECTED
        field = f"{cluster} {gateway}"
        writes: list[Write] = [
            ("ZADD", key, at, SCHEDULED_PROBE_JSON.dump_json(probe)),
            ("ZREMRANGEBYRANK", key, 0, -1 - RESULTS_KEPT),
            ("EXPIRE", key, self._keep),
            ("ZADD", self._key("gateways", cluster), at, gateway),
            ("EXPIRE", self._key("gateways", cluster), self._keep),
        ]
        # A gateway without a passed probe is known, too.
        writes.append(("HSET" if passed else "HSETNX", self._key("passed"), field, at if passed else 0))
        return self._transitions.apply([Expected(("ZCOUNT", key, at, at), 0)], writes)

    def last_results(self, cluster: str) -> dict[str, float]:
        """The start of the interval of each gateway's last result, in seconds since 1970."""
        found = self._redis.zrange(self._key("gateways", cluster), 0, -1, withscores=True)
        return {str(each[0]): float(each[1]) for each in found}

    def keep_only(self, cluster: str, gateways: Collection[str]) -> None:
        """Delete the results of gateways that the cluster does not have any more."""
        for gateway in self.last_results(cluster).keys() - set(gateways):
            self._redis.zrem(self._key("gateways", cluster), gateway)
            self._redis.delete(self._key("probes", cluster, gateway))
            self._redis.hdel(self._key("passed"), f"{cluster} {gateway}")

    def forget_passed(self) -> None:
        """Delete the times of the last passed probes: scheduled probes are off."""
        self._redis.delete(self._key("passed"), self._key("interval"))

    def note_interval(self) -> None:
        """Record the interval, with which the ages in the metrics are compared."""
        self._redis.set(self._key("interval"), int(self.interval.total_seconds()))

    def summary(self, cluster: str, gateway: str, now: datetime, since: datetime | None = None) -> CanarySummary | None:
        """The summary of a gateway's results, None without any."""
        begin = "-inf" if since is None else int(since.timestamp())
        found = self._redis.zrangebyscore(self._key("probes", cluster, gateway), begin, "+inf")
        read = self._unreadable.read_values(
            f"scheduled probe/{cluster}/{gateway}", found, SCHEDULED_PROBE_JSON.validate_json
        )
        return summarize_probes(cluster, gateway, tuple(read), now, self.interval)

    def summaries(self, cluster: str, since: datetime, now: datetime) -> tuple[CanarySummary, ...]:
        """The summaries of all gateways of a cluster in a span, those with problems first.

        None while scheduled probes are off.
        """
        if not self.interval:
            return ()
        names = sorted(self.last_results(cluster))
        found = [each for name in names if (each := self.summary(cluster, name, now, since)) is not None]
        return tuple(sorted(found, key=lambda each: each.clean))

    def _parsed(self, cluster: str, raw: str | bytes | None) -> CanaryRound | None:
        def stored() -> CanaryRound | None:
            return CANARY_ROUND_JSON.validate_json(raw) if raw is not None else None

        return self._unreadable.read_one(f"canary round/{cluster}", stored, None)

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(("canary", *parts))
