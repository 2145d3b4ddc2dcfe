"""Scheduled digests: which ones exist and which are due.

Due times are computed, never counted down, and the window of a digest is its key: two schedulers, a restart or a
repeated tick make one digest.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from redis import Redis

from checks.config.configuration import Config
from checks.model.raw_values import parse_moment
from checks.model.recurrence import BadRecurrence
from workers.records.schedule import SCHEDULE_JSON, Schedule
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.unreadable import UnreadableRecords

log = logging.getLogger(__name__)

_LATE_AFTER = timedelta(minutes=10)
"""The delay after which a digest says that it is late."""

_CLOCK_JUMPED = timedelta(days=1)
"""A handled window further ahead than this comes from a clock that has jumped back since."""

_WINDOWS_KEPT = timedelta(days=60)

_CONFIGURED = "c"
"""The first letter of the id of a schedule of the configuration file."""


@dataclass(frozen=True, slots=True)
class Due:
    """A digest whose time has come, with its schedule."""

    schedule: Schedule
    window: str
    at: datetime
    since: datetime | None
    """The time of the previous digest, None for the first."""
    late: bool = False


def configured_schedules(config: Config) -> tuple[Schedule, ...]:
    """The schedules of the configuration file.

    The id depends on the content, so a changed schedule is a new one.
    """
    found = []
    for each in config.digests:
        when = each.recurrence
        content = "|".join((each.channel, *each.clusters, str(when), each.show))
        name = _CONFIGURED + hashlib.sha256(content.encode()).hexdigest()[:11]
        found.append(Schedule(name, each.channel, each.clusters, when, each.show))
    return tuple(found)


def clashing_schedule(new: Schedule, others: Iterable[Schedule], now: datetime) -> Schedule | None:
    """Another active schedule of the channel with a common due time, or None.

    Due times of the next eight days are compared.
    """
    mine = {each.at for each in new.recurrence.between(now, now + timedelta(days=8))}
    for other in others:
        same = other.channel == new.channel and other.id != new.id and not other.stopped
        if same and mine & {each.at for each in other.recurrence.between(now, now + timedelta(days=8))}:
            return other
    return None


class Schedules:
    """Configured and added schedules and their windows.

    Every method may raise `connection.Unavailable`.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)
        self._version = self._key("schedules", "version")

    def all(self, config: Config) -> tuple[Schedule, ...]:
        """The configured schedules and those that users added, with the reason of a suspension."""
        stored = self.redis.hgetall(self._key("schedules"))
        read = self._unreadable.read_fields("schedule", stored, SCHEDULE_JSON.validate_json)
        added = [each for _, each in read]
        stopped = self.redis.hgetall(self._key("stopped"))
        found = (*configured_schedules(config), *sorted(added, key=lambda each: each.id))
        return tuple(replace(each, stopped=str(stopped.get(each.id, ""))) for each in found)

    def add(self, schedule: Schedule, config: Config, now: datetime) -> None:
        """Add a schedule. Raises BadRecurrence if the channel has a digest at one of its times."""

        def attempt() -> bool | None:
            version = self.redis.get(self._version)
            if (other := clashing_schedule(schedule, self.all(config), now)) is not None:
                raise BadRecurrence(f"this channel already has a digest at that time: {other.recurrence}")
            writes: list[Write] = [
                ("SET", self._key("schedule", schedule.id, "last"), now.isoformat()),
                ("HSET", self._key("schedules"), schedule.id, SCHEDULE_JSON.dump_json(schedule)),
                ("INCR", self._version),
            ]
            return self._transitions.apply([Expected(("GET", self._version), version)], writes) or None

        until_applied(attempt)

    def find(self, schedule_id: str) -> Schedule | None:
        """A schedule that a user added, or None."""

        def stored() -> Schedule | None:
            raw = self.redis.hget(self._key("schedules"), schedule_id)
            return SCHEDULE_JSON.validate_json(raw) if raw is not None else None

        return self._unreadable.read_one(f"schedule/{schedule_id}", stored, None)

    def remove(self, schedule_id: str) -> bool:
        """Remove an added schedule. False if there is none of this id."""
        there = Expected(("HEXISTS", self._key("schedules"), schedule_id), 1)
        writes: list[Write] = [
            ("DEL", self._key("schedule", schedule_id, "last")),
            ("HDEL", self._key("stopped"), schedule_id),
            ("HDEL", self._key("schedules"), schedule_id),
            ("INCR", self._version),
        ]
        return self._transitions.apply([there], writes)

    def stop(self, schedule_id: str, why: str) -> None:
        """Suspend a schedule until it is added again, for instance if its channel was deleted.

        A schedule that was removed meanwhile stays removed.
        """
        added = Expected(("HEXISTS", self._key("schedules"), schedule_id), 1)
        expected = [] if schedule_id.startswith(_CONFIGURED) else [added]
        self._transitions.apply(expected, [("HSET", self._key("stopped"), schedule_id, why)])

    def begin_due(self, schedules: Sequence[Schedule], now: datetime, begin: Callable[[Due], bool]) -> tuple[Due, ...]:
        """Begin the digests that are due and return those that this call began.

        `begin` creates the record of a digest, or returns False if it exists: each window gives one digest, however
        many callers there are and wherever they die. After an outage, only the latest window of a schedule is begun,
        marked as late.
        """
        active = {each.id: each for each in schedules if not each.stopped}

        def begun(name: str) -> Due | None:
            due = self._due(active[name], now)
            return due if due is not None and self._begun(due, begin) else None

        return tuple(due for _, due in self._unreadable.read_each("schedule", active, begun) if due is not None)

    def composed(self, schedule_id: str, now: datetime) -> list[Write]:
        """The record that a digest was composed: the next one covers the time from here on."""
        key = self._key("schedule", schedule_id, "composed")
        return [("SET", key, now.isoformat(), "EX", int(_WINDOWS_KEPT.total_seconds()))]

    def _due(self, schedule: Schedule, now: datetime) -> Due | None:
        last = self._last(schedule, now)
        newest = schedule.recurrence.last(now)
        if newest is None or newest.at <= last:
            return None
        before = self.redis.get(self._key("schedule", schedule.id, "composed"))
        since = parse_moment(before)
        return Due(schedule, newest.window, newest.at, since, late=now - newest.at > _LATE_AFTER)

    def _begun(self, due: Due, begin: Callable[[Due], bool]) -> bool:
        key = self._key("schedule", due.schedule.id, "last")
        before = self.redis.get(key)
        mine = begin(due)
        # A schedule that was removed meanwhile, or whose later window another beat has handled, is left as it is.
        self._transitions.apply([Expected(("GET", key), before)], [("SET", key, due.at.isoformat())])
        return mine

    def _last(self, schedule: Schedule, now: datetime) -> datetime:
        """The last handled window; the present for a new schedule, which has missed no window."""
        raw = self.redis.get(self._key("schedule", schedule.id, "last"))
        known = parse_moment(raw)
        if known is None or known > now + _CLOCK_JUMPED:
            return self._first_seen(schedule, now)
        return known

    def _first_seen(self, schedule: Schedule, now: datetime) -> datetime:
        self.redis.set(self._key("schedule", schedule.id, "last"), now.isoformat())
        return now

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(("digest", *parts))
