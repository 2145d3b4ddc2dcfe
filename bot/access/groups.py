"""Which of the user groups that the rules name a person is in: asked of Slack, and remembered.

A group is looked up again in the background once it is five minutes old, and believed for an hour while Slack does not
answer; after that it has no members: access is denied, never granted, by not knowing.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from bot.slack.client import SlackRefusal

log = logging.getLogger(__name__)

REFRESH_SECONDS = 300.0
"""Seconds after which a group is looked up again."""

EXPIRY_SECONDS = 3600.0
"""Seconds for which a group's last known members are believed while it cannot be looked up."""

RETRY_SECONDS = 30.0
"""Seconds between two tries to look up a group that could not be."""


@dataclass(frozen=True, slots=True)
class _Known:
    members: frozenset[str] = frozenset()
    at: float = float("-inf")
    tried: float = float("-inf")


class Groups:
    """Members by group. `look_up` asks Slack for one group's members and may raise a SlackRefusal."""

    def __init__(self, look_up: Callable[[str], frozenset[str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="groups")

    def of(self, user: str, groups: Collection[str]) -> frozenset[str]:
        """The groups, of these, that the user is in. Waits for Slack only where nothing can be believed yet; all groups are
        asked for at once."""
        waiting = [future for group in groups if (future := self._ask(group)) is not None]
        for future in waiting:
            future.result()
        now = self._clock()
        return frozenset(group for group in groups if user in self._believed(group, now))

    def close(self) -> None:
        """Waits for what is being looked up."""
        self._pool.shutdown(wait=True)

    def _believed(self, group: str, now: float) -> frozenset[str]:
        known = self._known.get(group, _Known())
        return known.members if now - known.at < EXPIRY_SECONDS else frozenset()

    def _ask(self, group: str) -> "Future[None] | None":
        """Asks for what is old; gives what to wait for where nothing is known."""
        with self._lock:
            known, now = self._known.get(group, _Known()), self._clock()
            believed = now - known.at < EXPIRY_SECONDS
            if now - known.at < REFRESH_SECONDS:
                return None
            asking = self._asking.get(group)
            if asking is None and now - known.tried >= RETRY_SECONDS:
                asking = self._asking[group] = self._pool.submit(self._renew, group)
            return None if believed else asking

    def _renew(self, group: str) -> None:
        known = self._known.get(group, _Known())
        try:
            known = _Known(self._look_up(group), self._clock(), self._clock())
        except SlackRefusal as refused:
            log.warning("user group %s could not be looked up: %s", group, refused)
            known = _Known(known.members, known.at, self._clock())
        with self._lock:
            self._known[group] = known
            self._asking.pop(group, None)
