"""Recurring times, with daylight saving time.

They are given by times of day, days of the week and a time zone.

A local time that does not exist (02:30 when summer time begins) occurs once, an hour later; one that exists twice
occurs at the first. Every day has exactly as many occurrences as configured times.
"""

import difflib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SETS = {
    "daily": tuple(range(7)),
    "every day": tuple(range(7)),
    "weekdays": tuple(range(5)),
    "workdays": tuple(range(5)),
    "weekends": (5, 6),
    "weekend": (5, 6),
}
_MOST_TIMES = 6
"""Maximum number of times per day."""
_MINUTES_APART = 60
"""Minimum number of minutes between two times."""


class BadRecurrence(ValueError):
    """A recurrence that is invalid, never occurs or occurs too often.

    The message says what was expected.
    """


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A moment, and its stable name in local time of the zone (`2026-03-29T09:00`)."""

    at: datetime
    window: str


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Times of the day on days of the week (0 is Monday) in a zone.

    Made by `recurrence`, which refuses nonsense.
    """

    times: tuple[time, ...]
    days: tuple[int, ...]
    zone: str

    def between(self, after: datetime, until: datetime) -> Iterator[Occurrence]:
        """The occurrences after `after` up to and including `until`, oldest first."""
        zone = ZoneInfo(self.zone)
        day = after.astimezone(zone).date() - timedelta(days=1)
        last = until.astimezone(zone).date() + timedelta(days=1)
        while day <= last:
            if day.weekday() in self.days:
                for each in self.times:
                    found = _moment(day, each, zone)
                    if after < found.at <= until:
                        yield found
            day += timedelta(days=1)

    def last(self, now: datetime) -> Occurrence | None:
        """The latest occurrence up to now, or None."""
        return max(self.between(now - timedelta(days=8), now), key=lambda each: each.at, default=None)

    def next(self, now: datetime) -> Occurrence:
        """The first occurrence after now."""
        return min(self.between(now, now + timedelta(days=9)), key=lambda each: each.at)

    def week(self, moment: datetime) -> tuple[int, int]:
        """The ISO year and week of a moment in the zone."""
        year, week, _ = moment.astimezone(ZoneInfo(self.zone)).isocalendar()
        return year, week

    def __str__(self) -> str:
        return f"{_day_words(self.days)} at {', '.join(f'{t:%H:%M}' for t in self.times)} {self.zone}"


def recurrence(times: object, days: object = "daily", zone: str = "UTC") -> Recurrence:
    """Parse times (`09:00, 17:00`), days (`mon-fri`, `daily`) and a tz database name.

    Raises BadRecurrence.
    """
    return Recurrence(_times(times), _days(days), _zone(zone))


def _moment(day: date, at: time, zone: ZoneInfo) -> Occurrence:
    # fold 0 selects the first of an ambiguous time, and the offset before the change for one that does not exist.
    local = datetime.combine(day, at, tzinfo=zone)
    return Occurrence(local.astimezone(UTC), f"{day.isoformat()}T{at:%H:%M}")


def _times(given: object) -> tuple[time, ...]:
    parts: Sequence[object] = re.split(r"[,\s]+", given.strip()) if isinstance(given, str) else _several(given)
    if not parts or parts == [""]:
        raise BadRecurrence("a digest needs a time, for example 09:00")
    found = sorted({_time(each) for each in parts})
    if len(found) > _MOST_TIMES or any(
        _minutes(b) - _minutes(a) < _MINUTES_APART for a, b in itertools.pairwise(found)
    ):
        raise BadRecurrence(f"too often: expected at most {_MOST_TIMES} times a day, at least an hour apart")
    return tuple(found)


def _time(given: object) -> time:
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 24 * 60:
        # YAML 1.1 parses 10:30 without quotes as a base-60 integer.
        return time(given // 60, given % 60)
    read = re.fullmatch(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(am|pm)?", str(given).strip().lower())
    if read is None or (read[2] is None and read[3] is None):
        raise BadRecurrence(f'expected times such as 09:00, not "{given}"')
    hour, minute = int(read[1]), int(read[2] or 0)
    if read[3]:
        hour = hour % 12 + (12 if read[3] == "pm" else 0) if 1 <= hour <= 12 else 99
    if hour > 23 or minute > 59:
        raise BadRecurrence(f'"{given}" is not a time of day')
    return time(hour, minute)


def _minutes(each: time) -> int:
    return each.hour * 60 + each.minute


def _days(given: object) -> tuple[int, ...]:
    words = given.lower() if isinstance(given, str) else " ".join(str(each) for each in _several(given)).lower()
    if words.strip() in _SETS:
        return _SETS[words.strip()]
    found: set[int] = set()
    for part in re.split(r"[,\s]+", re.sub(r"\s*[-–]\s*", "-", words.strip())):
        if not part:
            continue
        first, _, last = part.partition("-")
        start, end = _day(first), _day(last or first)
        found.update((start + n) % 7 for n in range((end - start) % 7 + 1))
    if not found:
        raise BadRecurrence("a digest needs days, for example mon-fri")
    return tuple(sorted(found))


def _day(word: str) -> int:
    if len(word) >= 3:
        for number, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")):
            if name.startswith(word):
                return number
    raise BadRecurrence(f'expected days such as mon-fri or daily, not "{word}"')


@cache
def _zones() -> Mapping[str, str]:
    """The names of the tz database by lower case name.

    Listing them reads hundreds of files, so it is done once.
    """
    return {each.lower(): each for each in available_timezones()}


def _zone(name: str) -> str:
    known = _zones()
    if (found := known.get(name.strip().lower())) is not None:
        return found
    near = difflib.get_close_matches(name.strip().lower(), list(known), n=2, cutoff=0.6)
    near = near or [each for each in known if each.endswith(f"/{name.strip().lower()}")][:2]
    hint = f": did you mean {' or '.join(known[each] for each in near)}?" if near else ", such as Europe/Berlin"
    raise BadRecurrence(f'"{name}" is not a time zone{hint}')


def _several(given: object) -> Sequence[object]:
    return list(given) if isinstance(given, list | tuple) else [given] if given is not None else []


def _day_words(days: Sequence[int]) -> str:
    if tuple(days) == _SETS["daily"]:
        return "every day"
    if tuple(days) == _SETS["weekdays"]:
        return "Monday to Friday"
    return ", ".join(DAYS[each].capitalize() for each in days)
