"""Records that cannot be read: each is left out and reported, and the others are served.

A record may have been written by a later version, by hand, or by a defect. Every loop over records goes through
`UnreadableRecords`, so that one record never stops a round of the beat, a digest, the App Home or doctor.

Key (under the prefix): `unreadable` are the names of these records, each with its error and the time.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from checks.model.raw_values import Moment
from workers.telemetry.error_tokens import logged_error_token, unexpected_error

log = logging.getLogger(__name__)

_KEPT = 86400
"""Seconds for which a record is reported after it was last met."""
_NOTED_FOR = 60.0
"""Seconds after which this process notes a record again."""
_MOST_NOTED = 100
"""Records that are named at a time."""

_BAD_VALUE = ("WRONGTYPE", "value is not an integer", "value is not a valid float")
"""Parts of Redis' errors about a value that a command does not accept."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that could not be read: the error, its token in the log, and the last time."""

    error: str
    token: str
    at: Moment


_UNREADABLE_JSON = TypeAdapter(UnreadableRecord)


class _BadValue(Exception):
    """A value in Redis has a type that its command does not accept."""


def _read_value(read: Callable[[str], _T], name: str) -> _T:
    try:
        return read(name)
    except ResponseError as refused:
        if any(text in str(refused) for text in _BAD_VALUE):
            raise _BadValue(str(refused)) from refused
        raise


def _noted(raw: str | bytes) -> UnreadableRecord | None:
    """A note for doctor; None if it cannot be read."""
    try:
        return _UNREADABLE_JSON.validate_json(raw)
    except ValueError:
        return None


class UnreadableRecords:
    """Reads records one by one, and remembers those that cannot be read."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}unreadable"
        self._noted: dict[str, tuple[float, str]] = {}

    def read_one(self, record: str, read: Callable[[], _T], otherwise: _T) -> _T:
        """The result of `read`, or `otherwise` if it fails: the record counts as absent.

        `record` is its name in the log and in doctor. Raises connection.Unavailable as `read` does.
        """
        for _, found in self.read_each(record.partition("/")[0], (record.partition("/")[2],), lambda _: read()):
            return found
        return otherwise

    def read_each(self, kind: str, names: Iterable[str], read: Callable[[str], _T]) -> Iterator[tuple[str, _T]]:
        """The names with what `read` returns for them, without those for which it fails.

        `kind` is the beginning of a record's name in the log and in doctor: `watch` for `watch/ID`. Raises
        connection.Unavailable as `read` does.
        """
        for name in names:
            record = f"{kind}/{name}"
            with unexpected_error(lambda error, record=record: self._note(record, error)) as caught:  # type: ignore[misc]
                found = _read_value(read, name)
            if caught.error is None:
                yield name, found

    def read_fields(
        self, kind: str, fields: Mapping[Any, Any], read: Callable[[str | bytes], _T]
    ) -> Iterator[tuple[str, _T]]:
        """The fields of a hash with their values as `read` returns them.

        Those for which it fails are left out.
        """
        return self.read_each(kind, (str(name) for name in fields), lambda name: read(fields[name]))

    def read_values(self, kind: str, values: Iterable[Any], read: Callable[[str | bytes], _T]) -> Iterator[_T]:
        """The values of a list as `read` returns them, without those for which it fails.

        A record's name has the position in the list.
        """
        by_place = {str(place): value for place, value in enumerate(values)}
        for _, found in self.read_fields(kind, by_place, read):
            yield found

    def all(self) -> Mapping[str, UnreadableRecord]:
        """The records that could not be read in the last day, by name.

        May raise `connection.Unavailable`.
        """
        found = self._redis.hgetall(self._key)
        known = {str(name): each for name, raw in found.items() if (each := _noted(raw)) is not None}
        now = datetime.now(UTC)
        return {name: each for name, each in sorted(known.items()) if (now - each.at).total_seconds() < _KEPT}

    def _has_room(self) -> bool:
        for old in [name for name, (at, _) in self._noted.items() if time.monotonic() - at > _KEPT]:
            del self._noted[old]
        return len(self._noted) < _MOST_NOTED

    def _note(self, record: str, error: Exception) -> str:
        """Log the record the first time; keep it for doctor. Returns the token of the log record."""
        before = self._noted.get(record)
        if before is not None and time.monotonic() - before[0] < _NOTED_FOR:
            return before[1]
        if before is None and not self._has_room():
            # Whatever made so many is in the log already.
            return ""
        token = before[1] if before is not None else logged_error_token(log, f"{record} cannot be read", error)
        self._noted[record] = (time.monotonic(), token)
        value = _UNREADABLE_JSON.dump_json(UnreadableRecord(type(error).__name__, token, datetime.now(UTC)))
        try:
            if self._redis.hlen(self._key) < _MOST_NOTED or self._redis.hexists(self._key, record):
                self._redis.hset(self._key, record, value.decode())
                self._redis.expire(self._key, _KEPT)
        except RedisError as failure:
            log.warning("%s was not noted for doctor: Redis: %s", record, failure)
        return token
