"""Digests that come by themselves: which there are, and which are due. Due times are computed, never counted down: a
window is its key, so that two schedulers, a restart or a repeated tick give one digest.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from pydantic import TypeAdapter
from redis import Redis

from checks.config.configuration import Config
from checks.model.recurrence import BadRecurrence, Recurrence

log = logging.getLogger(__name__)

_LATE_AFTER = timedelta(minutes=10)
"""A digest that begins so long after its time says that it is late."""

_CLOCK_JUMPED = timedelta(days=1)
"""A window that lies so far ahead was handled by a clock that has since jumped back."""

_WINDOWS_KEPT = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One scheduled digest of one channel. `stopped` says why it no longer comes ("" while it does)."""

    id: str
    channel: str
    clusters: tuple[str, ...]
    """Names, or patterns with `*`."""
    recurrence: Recurrence
    show: str = "changes"
    """`changes` or `full`."""
    user: str = ""
    """Who added it; "" for one from the configuration file."""
    stopped: str = ""

    @property
    def configured(self) -> bool:
        """Whether it is in the configuration file: then only that can change it."""
        return not self.user


@dataclass(frozen=True, slots=True)
class Due:
    """A digest that is to be made now."""

    schedule: Schedule
    window: str
    at: datetime
    since: datetime | None
    """When the one before it was made, None for the first."""
    late: bool = False


SCHEDULE_JSON = TypeAdapter(Schedule)


def configured_schedules(config: Config) -> tuple[Schedule, ...]:
    """The schedules of the configuration file. Their id is what they say, so that a changed one is a new one."""
    found = []
    for each in config.digests:
        when = each.recurrence
        said = "|".join((each.channel, *each.clusters, str(when), each.show))
        name = "c" + hashlib.sha256(said.encode()).hexdigest()[:11]
        found.append(Schedule(name, each.channel, each.clusters, when, each.show))
    return tuple(found)


def clusters_of(schedule: Schedule, names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The clusters of these names that it means, and what it names that is not among them any more."""
    there = tuple(names)
    chosen = tuple(name for name in there if any(fnmatchcase(name, pattern) for pattern in schedule.clusters))
    gone = tuple(p for p in schedule.clusters if not any(fnmatchcase(name, p) for name in there))
    return chosen, gone


def clashing_schedule(new: Schedule, others: Iterable[Schedule], now: datetime) -> Schedule | None:
    """Another schedule of the same channel that is due at one of the same moments within the next eight days."""
    mine = {each.at for each in new.recurrence.between(now, now + timedelta(days=8))}
    for other in others:
        same = other.channel == new.channel and other.id != new.id and not other.stopped
        if same and mine & {each.at for each in other.recurrence.between(now, now + timedelta(days=8))}:
            return other
    return None


class Schedules:
    """Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix

    def all(self, config: Config) -> tuple[Schedule, ...]:
        """The schedules of the configuration and those that people added, each with why it stopped if it did."""
        added = [SCHEDULE_JSON.validate_json(raw) for raw in self.redis.hvals(self._key("schedules"))]
        stopped = self.redis.hgetall(self._key("stopped"))
        found = (*configured_schedules(config), *sorted(added, key=lambda each: each.id))
        return tuple(replace(each, stopped=str(stopped.get(each.id, ""))) for each in found)

    def add(self, schedule: Schedule, config: Config, now: datetime) -> None:
        """Adds one. Raises BadRecurrence where the channel has a digest at one of these moments already."""
        if (other := clashing_schedule(schedule, self.all(config), now)) is not None:
            raise BadRecurrence(f"this channel has a digest then already: {other.recurrence}")
        self._first_seen(schedule, now)
        self.redis.hset(self._key("schedules"), schedule.id, SCHEDULE_JSON.dump_json(schedule).decode())

    def find(self, schedule_id: str) -> Schedule | None:
        """One that people added, or None."""
        raw = self.redis.hget(self._key("schedules"), schedule_id)
        return SCHEDULE_JSON.validate_json(raw) if raw is not None else None

    def remove(self, schedule_id: str) -> bool:
        """Removes one that was added. False where there is none of this id."""
        self.redis.delete(self._key("schedule", schedule_id, "last"))
        self.redis.hdel(self._key("stopped"), schedule_id)
        return bool(self.redis.hdel(self._key("schedules"), schedule_id))

    def stop(self, schedule_id: str, why: str) -> None:
        """It comes no more until somebody adds it anew: its channel is gone, say."""
        self.redis.hset(self._key("stopped"), schedule_id, why)

    def begin_due(self, schedules: Sequence[Schedule], now: datetime, begin: Callable[[Due], bool]) -> tuple[Due, ...]:
        """The digests that were begun by this. `begin` makes the record of one, or says that it was there already: so each
        window comes once, however many ask and wherever they die. After an outage only the latest window of a schedule
        is made up for, and says that it is late."""
        due = (self._due(each, now) for each in schedules if not each.stopped)
        return tuple(each for each in due if each is not None and self._begun(each, begin))

    def note_composed(self, schedule_id: str, now: datetime) -> None:
        """A digest of the schedule has been made: the next one tells what happens from here on."""
        self.redis.set(self._key("schedule", schedule_id, "composed"), now.isoformat(), ex=_WINDOWS_KEPT)

    def _due(self, schedule: Schedule, now: datetime) -> Due | None:
        last = self._last(schedule, now)
        newest = schedule.recurrence.last(now)
        if newest is None or newest.at <= last:
            return None
        before = self.redis.get(self._key("schedule", schedule.id, "composed"))
        since = datetime.fromisoformat(str(before)) if before else None
        return Due(schedule, newest.window, newest.at, since, late=now - newest.at > _LATE_AFTER)

    def _begun(self, due: Due, begin: Callable[[Due], bool]) -> bool:
        mine = begin(due)
        self.redis.set(self._key("schedule", due.schedule.id, "last"), due.at.isoformat())
        return mine

    def _last(self, schedule: Schedule, now: datetime) -> datetime:
        """The last window that was handled; for one seen for the first time the present: nothing is made up for then."""
        raw = self.redis.get(self._key("schedule", schedule.id, "last"))
        known = datetime.fromisoformat(str(raw)) if raw is not None else None
        if known is None or known > now + _CLOCK_JUMPED:
            return self._first_seen(schedule, now)
        return known

    def _first_seen(self, schedule: Schedule, now: datetime) -> datetime:
        self.redis.set(self._key("schedule", schedule.id, "last"), now.isoformat())
        return now

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(("digest", *parts))
