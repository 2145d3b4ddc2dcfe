"""Whether the Socket Mode connection is dead: down for a minute though Slack's API answers, so that a new start helps.

The SDK connects again by itself within seconds; while Slack itself is down, starting again would change nothing.
"""

import time
from collections.abc import Callable

RECONNECT_SECONDS = 60.0
"""Seconds for which the SDK may try by itself."""


class SocketHealth:
    """Judges each time somebody asks. `connected` is the SDK's word, `slack_answers` that of the Web API."""

    def __init__(
        self,
        connected: Callable[[], bool],
        slack_answers: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connected = connected
        self._slack_answers = slack_answers
        self._clock = clock
        self._down_since: float | None = None

    def alive(self) -> bool:
        """False where it has been down for a minute without Slack being down."""
        if self._connected() or not self._slack_answers():
            self._down_since = None
            return True
        now = self._clock()
        if self._down_since is None:
            self._down_since = now
        return now - self._down_since < RECONNECT_SECONDS
