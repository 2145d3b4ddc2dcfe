"""Redis with a virtual clock."""

from collections.abc import Callable
from typing import Any

from redis import Redis


class VirtualRedis(Redis):
    """Redis whose keys with a time to live of seconds expire by a virtual clock."""

    clock: Callable[[], float]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.until: dict[str, float] = {}
        self.commands = 0

    def set(self, name: Any, value: Any, ex: Any = None, nx: bool = False, **other: Any) -> Any:  # type: ignore[override] # two of many options
        """As SET; with `ex` and `nx`, which the schedule uses for marks, the mark is kept here."""
        if not (ex and nx):
            return super().set(name, value, ex=ex, nx=nx, **other)
        self.commands += 1
        if self.until.get(name, 0.0) > self.clock():
            return None
        self.until[name] = self.clock() + ex
        return True
