"""Durations as text for summaries.

Never use them in evidence: they would give a finding a new identity each run.
"""

import re
from datetime import timedelta

_SPAN = re.compile(r"\b\d+ (?:d|h|min|s)\b")


def span(duration: timedelta) -> str:
    """The duration in at most two units: `45 s`, `2 min`, `2 h 10 min`, `10 d 3 h`.

    A negative one is `0 s`.
    """
    seconds = max(int(duration.total_seconds()), 0)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for index, (unit, size) in enumerate(units):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            smaller = units[index + 1 : index + 2]
            below = rest // smaller[0][1] if smaller and unit in ("d", "h") else 0
            return f"{whole} {unit}" + (f" {below} {smaller[0][0]}" if below else "")
    return "0 s"


def without_spans(words: str) -> str:
    """The words without their durations, which differ from run to run."""
    return _SPAN.sub("", words)
