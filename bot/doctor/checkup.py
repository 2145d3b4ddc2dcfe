"""What doctor says of the bot's own half (Slack and Redis), for the App Home: looked up at most every five minutes."""

import threading
import time
from collections.abc import Sequence

from bot.doctor.part import slack
from checks.doctor.requirement_lines import Asked, Line
from workers.doctor.part import workers

REFRESH_LINES_SECONDS = 300.0
"""Seconds for which the lines are believed."""


class Checkup:
    """Doctor's lines of the parts whose credentials are here; cluster access is tried where the workers run."""

    def __init__(self) -> None:
        self._lines: tuple[Line, ...] = ()
        self._at = 0.0
        self._lock = threading.Lock()

    @property
    def lines(self) -> Sequence[Line]:
        """What was found last; nothing before the first look."""
        return self._lines

    def look(self) -> bool:
        """Looks again where the last look is too old; whether it did. One thread at a time, the others keep the last."""
        if (self._at and time.monotonic() - self._at < REFRESH_LINES_SECONDS) or not self._lock.acquire(blocking=False):
            return False
        try:
            self._lines = (*workers(Asked()), *slack(Asked()))
            self._at = time.monotonic()
        finally:
            self._lock.release()
        return True
