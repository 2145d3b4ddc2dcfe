"""A time limit for a call that has none itself.

The time-outs of HTTP libraries are for each piece of an answer: a server that sends a byte each second renews them. The Azure
libraries read an answer as a whole, so that nothing can compare the time between its pieces.
"""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from checks.sources.background import BackgroundThreads

_R = TypeVar("_R")


def in_time(act: Callable[[], _R], deadline: float, name: str, late: Exception) -> _R:
    """The result of a call, which runs in a thread of this name.

    Raises `late` at the deadline, and does not wait for the call any longer.
    """
    future = BackgroundThreads(1, name).submit(act)
    try:
        return future.result(max(0.0, deadline - monotonic()))
    except TimeoutError:
        if future.done():
            raise  # that of the call itself
        raise late from None
