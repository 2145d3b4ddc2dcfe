"""The backlog: waiting messages of each queue, and changes that Slack does not show yet.

Messages are counted with the age of the oldest; of the changes only the age of the oldest is read.
"""

import logging
import time
from dataclasses import dataclass

import orjson
from redis import Redis

from workers.queue.celery_app import ACTIONS_QUEUE, COURIER_QUEUE, DIAGNOSE_QUEUE, SWEEP_QUEUE
from workers.queue.sending import SENT

log = logging.getLogger(__name__)

QUEUES = (DIAGNOSE_QUEUE, SWEEP_QUEUE, ACTIONS_QUEUE, COURIER_QUEUE)


@dataclass(frozen=True, slots=True)
class QueueBacklog:
    """A queue's length and the age in seconds of its oldest message.

    The age is 0 if the queue is empty or the message has no time.
    """

    length: int
    age: float


class Backlog:
    """Reads the broker's lists and the due documents.

    Every method may raise `connection.Unavailable`.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    def queue(self, name: str) -> QueueBacklog:
        """The messages of one queue that no process has taken yet."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.llen(self._prefix + name)
            pipe.lindex(self._prefix + name, -1)
            length, oldest = pipe.execute()
        return QueueBacklog(int(length), _age(oldest))

    def courier_lag(self) -> float:
        """Seconds since the oldest change that Slack does not show; 0 if it shows everything."""
        oldest = self._redis.zrange(f"{self._prefix}due", 0, 0, withscores=True)
        return max(0.0, time.time() - float(oldest[0][1])) if oldest else 0.0


def _age(message: str | None) -> float:
    """The age of a message in seconds; 0 if it has no time or is not a message of this package."""
    if message is None:
        return 0.0
    try:
        sent = (orjson.loads(message).get("headers") or {}).get(SENT)
        return max(0.0, time.time() - float(sent)) if sent else 0.0
    except (ValueError, TypeError, AttributeError):
        return 0.0
