"""Durations as the configuration file and commands write them: `30d`, `8h`, `90s`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

MAX_DURATION = timedelta(days=3650)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def duration(value: object) -> timedelta:
    """`30d`, `8h`, `90s`, `1h30m` as a timedelta. Raises ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    parts = re.findall(r"(\d+)([smhdw])", value) if isinstance(value, str) else []
    if not parts or "".join(f"{n}{u}" for n, u in parts) != value:
        raise ValueError("expected a duration such as 30d, 8h or 90s")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if seconds > MAX_DURATION.total_seconds():
        raise ValueError(f"expected a duration of at most {MAX_DURATION.days}d")
    return timedelta(seconds=seconds)


Duration = Annotated[timedelta, BeforeValidator(duration)]
