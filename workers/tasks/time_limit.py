"""The soft time limit of a task, as an exception that no broad catch swallows.

Celery's SoftTimeLimitExceeded is an Exception, raised wherever the task is at that moment: in a check it became "the
check crashed", in a client library a failed read, and the task went on. Control flow is not an Exception.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from billiard.pool import SIG_SOFT_TIMEOUT


class TimeLimitReached(BaseException):
    """The soft time limit of the task has passed.

    The hard limit kills the process half a minute later.
    """


@contextmanager
def interrupted_by_time_limit() -> Iterator[None]:
    """Raise TimeLimitReached in this block when the pool signals the soft limit.

    Outside, Celery's SoftTimeLimitExceeded is raised. Only in the main thread, in which a child of a pool runs its tasks.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(SIG_SOFT_TIMEOUT, _interrupt)
    try:
        yield
    finally:
        signal.signal(SIG_SOFT_TIMEOUT, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise TimeLimitReached
