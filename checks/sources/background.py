"""Reads in threads that the process does not wait for when it ends.

A read may outlast its deadline: resolving a name has no time-out, and a server may send a byte now and then. The threads
of `concurrent.futures` are waited for when the process ends. These are not.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

_R = TypeVar("_R")
_Work = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class BackgroundThreads:
    """A pool of at most so many daemon threads, each of which ends when there is no more work.

    At most 0 threads: each call runs in the calling thread, before `submit` returns.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._waiting: SimpleQueue[_Work] = SimpleQueue()
        self._threads = 0
        self._lock = Lock()

    def submit(self, act: Callable[..., _R], *arguments: Any) -> "Future[_R]":
        """Call a function in a thread of the pool."""
        future: Future[_R] = Future()
        if not self._most:
            _perform((future, act, arguments))
            return future
        with self._lock:
            self._waiting.put((future, act, arguments))
            if self._threads < self._most:
                self._threads += 1
                Thread(target=self._work, name=self._name, daemon=True).start()
        return future

    def cancel_waiting(self) -> None:
        """Cancel the calls that have not begun.

        Takes no lock: at the end of the process, a thread may have stopped while it held one.
        """
        while (work := self._next()) is not None:
            work[0].cancel()

    def _next(self) -> _Work | None:
        try:
            return self._waiting.get_nowait()
        except Empty:
            return None

    def _work(self) -> None:
        while True:
            with self._lock:
                if (work := self._next()) is None:
                    self._threads -= 1
                    return
            _perform(work)


def _perform(work: _Work) -> None:
    future, act, arguments = work
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(act(*arguments))
        except BaseException as error:  # noqa: BLE001 - the caller gets it from the future
            future.set_exception(error)
