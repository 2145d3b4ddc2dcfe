"""SIGINT, SIGTERM and SIGHUP during a command that changes a cluster.

The command first deletes what it created.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal has ended the command; the text is its name.

    Not an Exception, so that no handler of errors takes it for one.
    """


def signals_raised() -> AbstractContextManager[None]:
    """Raise Interrupted for each signal, at the place where the command is."""

    def raised(number: int, _: FrameType | None) -> None:
        raise Interrupted(signal.Signals(number).name)

    return _handled(raised)


def signals_ignored() -> AbstractContextManager[None]:
    """Ignore signals while the command deletes what it created, and writes its result."""
    return _handled(signal.SIG_IGN)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = [(each, signal.signal(each, handler)) for each in _SIGNALS]
    try:
        yield
    finally:
        for number, found in before:
            signal.signal(number, found)
