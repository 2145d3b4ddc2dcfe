"""A consumer that receives no messages although some wait connects again.

After a connection that broke while a message was acknowledged, a consumer can stay connected and take no message: kombu
logs "Couldn't ack" and waits on a connection that is closed. It happened to 1 of 13 couriers and 2 of 8 beats whose
connections were broken at that moment.
"""

import logging
from collections.abc import Sequence
from typing import Any

from celery import bootsteps
from celery.worker import state
from redis import Redis
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError

from workers.queue.connection import quick_connection
from workers.queue.settings import worker_settings

log = logging.getLogger(__name__)

PROGRESS_INTERVAL = 5.0
"""Seconds between two checks."""

STALLED_AFTER = 3
"""Checks in a row with the same waiting message at which an idle process is stalled."""


class ConsumerProgress:
    """Compares the messages that wait in a process's queues with those that it receives."""

    def __init__(self, redis: Redis, prefix: str, queues: Sequence[str]) -> None:
        self._redis = redis
        self._keys = [prefix + name for name in queues]
        self._before: tuple[object, ...] | None = None
        self._unchanged = 0

    def is_stalled(self, active: int, received: int) -> bool:
        """Whether the process takes no messages, though it is idle and one waits.

        `active` is the number of its running tasks, `received` that of all messages it has taken.
        """
        waiting = [head for key in self._keys if (head := self._redis.lindex(key, -1)) is not None]
        now = (received, *waiting)
        same = bool(waiting) and active == 0 and now == self._before
        self._unchanged = self._unchanged + 1 if same else 0
        self._before = now
        return self._unchanged >= STALLED_AFTER - 1


class StalledConsumerStep(bootsteps.StartStopStep):
    """Restarts the consumer of a worker or courier that is stalled."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._timer: Any = None
        self._redis: Redis | None = None

    def start(self, parent: Any) -> None:
        config = worker_settings()
        self._redis = quick_connection(config.redis_url)
        progress = ConsumerProgress(self._redis, config.prefix, tuple(parent.app.amqp.queues.consume_from))
        self._timer = parent.timer.call_repeatedly(PROGRESS_INTERVAL, _check_progress, (progress,))

    def stop(self, parent: Any) -> None:
        del parent
        if self._timer is not None:
            self._timer.cancel()
        if self._redis is not None:
            self._redis.close()
        self._timer = self._redis = None

    def shutdown(self, parent: Any) -> None:
        self.stop(parent)


def _check_progress(progress: ConsumerProgress) -> None:
    """Check once.

    Raises Disconnected if the process is stalled: Celery's consumer then connects again.
    """
    try:
        stalled = progress.is_stalled(len(state.active_requests), sum(state.total_count.values()))
    except RedisError:
        return
    if stalled:
        log.error("messages wait, and this idle process receives none: it connects to Redis again")
        raise Disconnected("the consumer takes no messages")
