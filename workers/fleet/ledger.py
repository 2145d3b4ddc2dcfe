"""The ledger in Redis: state, transitions and daily marks of each gateway of each cluster.

Keys (all under the prefix): `fleet:state:CLUSTER` is a hash of states by gateway, `fleet:events:CLUSTER` are
transitions by time, `fleet:day:CLUSTER:DATE` are the worst marks of the day by gateway, `fleet:sweeps:CLUSTER` are the
results of fleet checks by time, `fleet:mutes` are mutes. Its size depends on the number of gateways and transitions,
not on the number of checks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from redis import Redis

from checks.model.findings import Verdict
from workers.fleet.transitions import advance, vanished
from workers.records.gateway_state import (
    GATEWAY_STATE_JSON,
    SWEPT_CLUSTER_JSON,
    TRANSITION_JSON,
    GatewayCheck,
    GatewayState,
    SweptCluster,
    Transition,
    TransitionKind,
)
from workers.records.mute import MUTE_JSON, Mute
from workers.runs.cards import Cards
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.unreadable import UnreadableRecords

_DAYS_KEPT = 16
"""Days for which marks are kept; the picture shows fourteen."""

_SWEEPS_KEPT = timedelta(days=8)
"""The time for which results of fleet checks are kept.

A handoff counts those of up to a week.
"""

_CLOCK_AHEAD = timedelta(minutes=2)
"""The skew that clocks of workers may have.

A state further in the future was written by a clock that has jumped.
"""

_DAY_MARKS = {
    Verdict.BROKEN: "b",
    Verdict.INCONCLUSIVE: "u",
    Verdict.STARTING: "s",
    Verdict.DEGRADED: "d",
    Verdict.HEALTHY: "h",
}
"""The mark of a day by verdict, worst first; the worst of the day counts."""


class Ledger:
    """States, transitions and mutes. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int) -> None:
        self.redis = redis
        self._cards = Cards(redis, prefix, keep)
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)
        self.prefix = prefix
        self.keep = timedelta(seconds=keep)

    # writing

    def record(self, cluster: str, checks: Sequence[GatewayCheck], now: datetime) -> tuple[Transition, ...]:
        """Record checks of gateways of one cluster; a repetition changes nothing.

        Returns the transitions.
        """
        return self._apply(cluster, checks, now, None, "")

    def record_sweep(
        self, swept: SweptCluster, checks: Sequence[GatewayCheck], now: datetime
    ) -> tuple[Transition, ...]:
        """Record a fleet check of a cluster: its result, its gateways, and which no longer exist.

        A fleet check that could not read the cluster changes no gateway.
        """
        present = None if swept.problem or not swept.complete else {check.gateway for check in checks}
        events = self._apply(swept.cluster, checks, now, present, swept.by)
        key = self._key("sweeps", swept.cluster)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.zadd(key, {SWEPT_CLUSTER_JSON.dump_json(swept).decode(): swept.at.timestamp()})
            pipe.zremrangebyscore(key, "-inf", (now - _SWEEPS_KEPT).timestamp())
            pipe.expire(key, _SWEEPS_KEPT)
            pipe.execute()
        return events

    def _apply(
        self, cluster: str, checks: Sequence[GatewayCheck], now: datetime, present: set[str] | None, by: str
    ) -> tuple[Transition, ...]:
        version = self._key("version", cluster)

        def attempt() -> tuple[Transition, ...] | None:
            before = Expected(("GET", version), self.redis.get(version))
            writes, events = self._changes(cluster, checks, now, present, by)
            cards = self._cards.after_checks(cluster, checks)
            removed = {each.gateway for each in events if each.kind is TransitionKind.VANISHED}
            cards.add(self._cards.after_removal(cluster, removed, now))
            writes += [("INCR", version), *cards.writes]
            return events if self._transitions.apply([before, *cards.expected], writes) else None

        return until_applied(attempt)

    def _changes(
        self, cluster: str, checks: Sequence[GatewayCheck], now: datetime, present: set[str] | None, by: str
    ) -> tuple[list[Write], tuple[Transition, ...]]:
        states = self.states(cluster)
        writes: list[Write] = []
        events: list[Transition] = []
        for check in checks:
            before = _sane(states.get(check.gateway), now)
            after, happened = advance(before, check)
            if after is not before:
                writes.append(("HSET", self._key("state", cluster), check.gateway, GATEWAY_STATE_JSON.dump_json(after)))
            events += happened
        for removed in sorted(states.keys() - present) if present is not None else ():
            writes.append(("HDEL", self._key("state", cluster), removed))
            events.append(vanished(states[removed], by, now))
        return [*writes, *self._marks(cluster, checks), *self._kept_events(cluster, events, now)], tuple(events)

    def _marks(self, cluster: str, checks: Sequence[GatewayCheck]) -> Iterator[Write]:
        for day in sorted({check.at.date() for check in checks}):
            key = self._key("day", cluster, day.isoformat())
            known = self.redis.hgetall(key)
            for check in checks:
                if check.at.date() == day:
                    worst = _worst(_mark(known.get(check.gateway)), _DAY_MARKS[check.verdict])
                    yield ("HSET", key, check.gateway, worst)
            yield ("EXPIRE", key, _DAYS_KEPT * 86400)

    def _kept_events(self, cluster: str, events: Iterable[Transition], now: datetime) -> Iterator[Write]:
        key = self._key("events", cluster)
        for each in events:
            yield ("ZADD", key, each.at.timestamp(), TRANSITION_JSON.dump_json(each))
        yield ("ZREMRANGEBYSCORE", key, "-inf", (now - self.keep).timestamp())
        yield ("EXPIRE", key, int(self.keep.total_seconds()))

    # reading

    def states(self, cluster: str) -> dict[str, GatewayState]:
        """The state of each gateway of a cluster, by `namespace/name`."""
        found = self.redis.hgetall(self._key("state", cluster))
        return dict(sorted(self._unreadable.read_fields(f"state/{cluster}", found, GATEWAY_STATE_JSON.validate_json)))

    def state(self, cluster: str, gateway: str) -> GatewayState | None:
        """The state of one gateway, or None."""
        return self.states(cluster).get(gateway)

    def transitions(self, cluster: str, since: datetime, until: datetime) -> tuple[Transition, ...]:
        """The transitions after `since`, up to `until`, oldest first."""
        found = self.redis.zrangebyscore(self._key("events", cluster), f"({since.timestamp()}", until.timestamp())
        return tuple(self._unreadable.read_values(f"transition/{cluster}", found, TRANSITION_JSON.validate_json))

    def sweeps(self, cluster: str, since: datetime, until: datetime) -> tuple[SweptCluster, ...]:
        """The results of a cluster's fleet checks, oldest first."""
        found = self.redis.zrangebyscore(self._key("sweeps", cluster), since.timestamp(), until.timestamp())
        return tuple(self._unreadable.read_values(f"fleet check/{cluster}", found, SWEPT_CLUSTER_JSON.validate_json))

    def days(self, cluster: str, days: Sequence[date]) -> dict[str, str]:
        """By gateway, a mark for each of these days: b, u, s, d or h.

        A day without a check has the mark `.`.
        """
        with self.redis.pipeline(transaction=False) as pipe:
            for day in days:
                pipe.hgetall(self._key("day", cluster, day.isoformat()))
            found = pipe.execute()
        names = sorted({str(name) for marks in found for name in marks})
        return {name: "".join(_mark(marks.get(name)) or "." for marks in found) for name in names}

    # mutes

    def mute(self, mute: Mute) -> None:
        """Mute a fault until the mute ends; a new mute replaces the old one."""
        field = f"{mute.cluster}|{mute.gateway}|{mute.check}"
        self.redis.hset(self._key("mutes"), field, MUTE_JSON.dump_json(mute).decode())

    def unmute(self, cluster: str, gateway: str, check: str) -> bool:
        """End a mute early. False if there was none."""
        mutes, field = self._key("mutes"), f"{cluster}|{gateway}|{check}"
        return self._transitions.apply([Expected(("HEXISTS", mutes, field), 1)], [("HDEL", mutes, field)])

    def mutes(self, now: datetime) -> tuple[Mute, ...]:
        """The mutes that have not ended, by their end."""
        mutes = self._key("mutes")
        found: list[Mute] = []
        stored = self.redis.hgetall(mutes)
        for field, mute in self._unreadable.read_fields("mute", stored, MUTE_JSON.validate_json):
            if mute.until > now:
                found.append(mute)
            else:
                # A new mute of the same fault, made since it was read, stays.
                self._transitions.apply([Expected(("HGET", mutes, field), stored[field])], [("HDEL", mutes, field)])
        return tuple(sorted(found, key=lambda m: (m.until, m.cluster, m.gateway)))

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(("fleet", *parts))


def _sane(state: GatewayState | None, now: datetime) -> GatewayState | None:
    """Correct a state from a clock that has jumped back since.

    With a time in the future, the state would count as newer than each check until that time.
    """
    if state is None or state.at <= now + _CLOCK_AHEAD:
        return state
    return replace(state, at=now - timedelta(microseconds=1), since=min(state.since, now))


def _mark(stored: object) -> str:
    """A stored mark; "" if there is none, or one that is not known."""
    return str(stored) if stored in _DAY_MARKS.values() else ""


def _worst(known: str, new: str) -> str:
    order = "".join(_DAY_MARKS.values())
    return min((mark for mark in (known, new) if mark), key=order.index)
