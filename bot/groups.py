"""Which of the user groups that the rules name a person is in: asked of Slack, kept for five minutes."""

import logging
import threading
import time
from collections.abc import Collection

from bot.slack import Slack, SlackRefusal

log = logging.getLogger(__name__)

FRESH = 300.0
"""Seconds for which a group's members are believed."""


class Groups:
    """Members by group. A group that cannot be looked up has no members: access is denied, never granted, by that."""

    def __init__(self, slack: Slack) -> None:
        self.slack = slack
        self._members: dict[str, tuple[float, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def of(self, user: str, groups: Collection[str]) -> frozenset[str]:
        """The groups, of these, that the user is in."""
        return frozenset(group for group in groups if user in self._of(group))

    def _of(self, group: str) -> frozenset[str]:
        with self._lock:
            at, members = self._members.get(group, (0.0, frozenset()))
        if time.monotonic() - at < FRESH and at:
            return members
        try:
            members = self.slack.group_members(group)
        except SlackRefusal as refused:
            log.warning("user group %s could not be looked up: %s", group, refused)
            members = frozenset()
        with self._lock:
            self._members[group] = (time.monotonic(), members)
        return members
