"""The pool of child processes, which survives a child that exits while Redis is away.

Celery 5.6 stops watching a child as soon as its pipe closes, which is before the kernel reports its exit. If the
connection to Redis is lost in between, celery registers its children with the new event loop, meets the child without a
pipe, and the whole worker ends with `ValueError: file descriptor is None`.
"""

from typing import Any

from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool


class ChildProcesses(AsynPool):
    """Children of which one may have exited; the pool's timer replaces it within five seconds."""

    def _track_child_process(self, proc: Any, hub: Any) -> None:
        exited = getattr(proc, "_sentinel_poll", proc) is None
        if not exited:
            super()._track_child_process(proc, hub)  # type: ignore[misc] # missing in celery-types


class ChildProcessPool(TaskPool):
    """Celery's prefork pool over `ChildProcesses`."""

    Pool = ChildProcesses
