"""The pool of child processes, which survives a child that exits while Redis is away.

Celery 5.6 stops watching a child as soon as its pipe closes, which is before the kernel reports its exit. If the
connection to Redis is lost in between, celery registers its children with the new event loop, meets the child without a
pipe, and the whole worker ends with `ValueError: file descriptor is None`.
"""

from threading import Event
from typing import Any

from celery.concurrency.asynpool import AsynPool, Worker
from celery.concurrency.prefork import TaskPool

_ENDS = Event()

_AGAIN = (0.05, 0.2, 0.5, 1.0)
"""Seconds after the exit of a child at which the pool looks for children to replace."""


def replace_child() -> None:
    """End this child of a pool after its current task; the pool starts another one.

    A child keeps the memory of a large cluster, because values of the whole process are between the cluster's facts.
    """
    _ENDS.set()


class ReplaceableChild(Worker):
    """A child that ends instead of taking another task after `replace_child`."""

    wait_for_job: Any

    def _make_child_methods(self, *arguments: Any) -> None:
        super()._make_child_methods(*arguments)  # type: ignore[misc] # missing in celery-types
        wait = self.wait_for_job

        def wait_or_end() -> Any:
            if _ENDS.is_set():
                raise SystemExit(0)
            return wait()

        self.wait_for_job = wait_or_end


class ChildProcesses(AsynPool):
    """Children of which one may have exited; the pool's timer replaces it within five seconds.

    One that has just exited is replaced sooner: its pipe closes before the kernel has freed its memory.
    """

    Worker = ReplaceableChild

    def _event_process_exit(self, hub: Any, proc: Any) -> None:
        super()._event_process_exit(hub, proc)  # type: ignore[misc] # missing in celery-types
        for delay in _AGAIN:
            hub.call_later(delay, self.maintain_pool)

    def _track_child_process(self, proc: Any, hub: Any) -> None:
        exited = getattr(proc, "_sentinel_poll", proc) is None
        if not exited:
            super()._track_child_process(proc, hub)  # type: ignore[misc] # missing in celery-types


class ChildProcessPool(TaskPool):
    """Celery's prefork pool over `ChildProcesses`."""

    Pool = ChildProcesses
