"""The members of the user groups in the access rules, read from Slack and cached.

A group is read again in the background after five minutes. While Slack does not answer, its last members count for an hour;
after that the group is empty, so that access is denied.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from bot.slack.web_api import SlackRefusal

log = logging.getLogger(__name__)

REFRESH_SECONDS = 300.0
"""Seconds after which a group is read again."""

EXPIRY_SECONDS = 3600.0
"""Seconds for which the last members of a group count while it cannot be read."""

RETRY_SECONDS = 30.0
"""Seconds between two attempts to read a group."""


@dataclass(frozen=True, slots=True)
class _Known:
    members: frozenset[str] = frozenset()
    at: float = float("-inf")
    tried: float = float("-inf")


class Groups:
    """A cache of group members.

    `look_up` reads the members of a group from Slack and may raise SlackRefusal.
    """

    def __init__(self, look_up: Callable[[str], frozenset[str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._reading: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="groups")

    def of(self, user: str, groups: Collection[str]) -> frozenset[str]:
        """Those of the groups that the user is in.

        Waits for Slack only for groups that were never read, all at once.
        """
        waiting = [future for group in groups if (future := self._start_read(group)) is not None]
        for future in waiting:
            future.result()
        now = self._clock()
        return frozenset(group for group in groups if user in self._members(group, now))

    def close(self) -> None:
        """Wait for reads in progress."""
        self._pool.shutdown(wait=True)

    def _members(self, group: str, now: float) -> frozenset[str]:
        known = self._known.get(group, _Known())
        return known.members if now - known.at < EXPIRY_SECONDS else frozenset()

    def _start_read(self, group: str) -> "Future[None] | None":
        """Start a read if the cache is old; return it if the cache cannot answer without it."""
        with self._lock:
            known, now = self._known.get(group, _Known()), self._clock()
            valid = now - known.at < EXPIRY_SECONDS
            if now - known.at < REFRESH_SECONDS:
                return None
            reading = self._reading.get(group)
            if reading is None and now - known.tried >= RETRY_SECONDS:
                reading = self._reading[group] = self._pool.submit(self._read, group)
            return None if valid else reading

    def _read(self, group: str) -> None:
        before = self._known.get(group, _Known())
        known = _Known(before.members, before.at, self._clock())
        try:
            known = _Known(self._look_up(group), self._clock(), self._clock())
        except SlackRefusal as refused:
            log.warning("user group %s could not be read: %s", group, refused)
        finally:
            # Also after an unexpected error: a failed read that stays would fail every later command.
            with self._lock:
                self._known[group] = known
                self._reading.pop(group, None)
