"""The results of `egress-diag doctor` for the App Home, at most five minutes old."""

import threading
import time
from collections.abc import Sequence

from bot.doctor.part import slack
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions
from workers.client.processes import check_redis_and_processes

REFRESH_LINES_SECONDS = 300.0
"""Seconds until the results are refreshed."""


class Checkup:
    """The results of the parts whose credentials this process has.

    Only workers can check cluster access.
    """

    def __init__(self) -> None:
        self._lines: tuple[DoctorLine, ...] = ()
        self._at = 0.0
        self._lock = threading.Lock()

    @property
    def lines(self) -> Sequence[DoctorLine]:
        """The last results; empty before the first refresh."""
        return self._lines

    def refresh(self) -> bool:
        """Refresh old results; True if it did.

        Only one thread refreshes, the others use the last results.
        """
        if (self._at and time.monotonic() - self._at < REFRESH_LINES_SECONDS) or not self._lock.acquire(blocking=False):
            return False
        try:
            self._lines = (*check_redis_and_processes(DoctorOptions()), *slack(DoctorOptions()))
            self._at = time.monotonic()
        finally:
            self._lock.release()
        return True
