"""The Socket Mode connection is dead if it is down for a minute while Slack's API answers.

The SDK reconnects within seconds. A restart helps if it does not, but not while Slack itself is down.
"""

import time
from collections.abc import Callable

RECONNECT_SECONDS = 60.0
"""Seconds that the SDK has to reconnect."""


class SocketHealth:
    """The state of the connection. `connected` asks the SDK, `slack_answers` the Web API."""

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
        """Whether the connection works or may still recover by itself."""
        if self._connected() or not self._slack_answers():
            self._down_since = None
            return True
        now = self._clock()
        if self._down_since is None:
            self._down_since = now
        return now - self._down_since < RECONNECT_SECONDS
