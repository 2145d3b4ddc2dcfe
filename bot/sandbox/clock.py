"""The sandbox's time, which tests may move forward."""

from __future__ import annotations

import time


class Clock:
    """Real time plus what tests have added."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """Unix time in seconds."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Moves time forward, so that triggers and response URLs age."""
        self._ahead += seconds
