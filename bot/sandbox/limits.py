"""Slack's rate limits: https://docs.slack.dev/apis/web-api/rate-limits

Token buckets on the monotonic clock: short bursts are allowed, the average stays within the rate.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

_OFF = 1e9


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of calls: for posts by channel, for everything else by method.

    `posts_per_second` is the limit of chat.postMessage; the tiers are calls of one method per minute.
    """

    posts_per_second: float = 1.0
    post_burst: int = 4
    updates_per_minute: float = 50.0
    update_burst: int = 20
    tier2_per_minute: float = 20.0
    tier3_per_minute: float = 50.0
    tier4_per_minute: float = 100.0

    @classmethod
    def off(cls) -> RateLimits:
        """Limits that no test reaches."""
        return cls(_OFF, int(_OFF), _OFF, int(_OFF), _OFF, _OFF, _OFF)


# All other methods are in tier 4 (100 calls a minute).
_TIER2 = frozenset({"canvases.create", "conversations.list", "usergroups.list", "usergroups.users.list"})
_TIER3 = frozenset(
    {
        "chat.delete",
        "conversations.history",
        "conversations.info",
        "conversations.open",
        "conversations.replies",
        "functions.completeError",
        "functions.completeSuccess",
        "reactions.add",
    }
)
_SPECIAL = frozenset({"auth.test", "apps.connections.open", "chat.getPermalink"})


class LimitExceeded(Exception):
    """The call exceeds its limit; it is allowed after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Buckets:
    """The token buckets of all methods and channels."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._levels: dict[tuple[str, str], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, method: str, channel: str) -> None:
        """Take a token. Raises LimitExceeded if there is none."""
        rate, burst = self._allowance(method)
        key = (method, channel if method == "chat.postMessage" else "")
        with self._lock:
            now = time.monotonic()
            level, since = self._levels.get(key, (float(burst), now))
            level = min(float(burst), level + (now - since) * rate)
            if level >= 1:
                self._levels[key] = (level - 1, now)
                return
            self._levels[key] = (level, now)
        raise LimitExceeded(max(1, math.ceil((1 - level) / rate)))

    def _allowance(self, method: str) -> tuple[float, int]:
        """The tokens per second, and the size of the bucket."""
        limits = self.limits
        if method == "chat.postMessage":
            return limits.posts_per_second, limits.post_burst
        if method == "chat.update":
            return limits.updates_per_minute / 60, limits.update_burst
        if method in _SPECIAL:
            return _OFF, int(_OFF)
        a_minute = (
            limits.tier2_per_minute
            if method in _TIER2
            else limits.tier3_per_minute
            if method in _TIER3
            else limits.tier4_per_minute
        )
        return a_minute / 60, int(a_minute)
