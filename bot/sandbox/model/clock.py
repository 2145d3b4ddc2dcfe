"""The clock of the sandbox, which tests can advance."""

from __future__ import annotations

import time


class Clock:
    """Real time plus the seconds that tests have added."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """Unix time in seconds."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Advance the clock: triggers and response URLs expire."""
        self._ahead += seconds
