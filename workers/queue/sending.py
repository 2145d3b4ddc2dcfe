"""Sending tasks by name. A failed send is no error: the janitor sends again."""

import logging
import time

from celery import Celery
from celery.signals import before_task_publish
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

SENT = "egress_diag_sent"
"""The message header with the time of sending in seconds since the epoch.

The age of a queue is its oldest message's.
"""


@before_task_publish.connect
def _note_time(headers: dict[str, object] | None = None, **_: object) -> None:
    """Every message has the time of its sending, also one that a task sends for later."""
    if headers is not None:
        headers.setdefault(SENT, time.time())


def send(publisher: Celery, task: str, argument: str, queue: str, expires: float | None = None) -> bool:
    """Send a task with its one argument.

    False if the broker cannot be reached: the janitor then finds the caller's record.
    """
    try:
        publisher.send_task(task, args=[argument], queue=queue, ignore_result=True, expires=expires)
    except (OperationalError, RedisError, OSError) as failure:
        log.warning("%s %s was not sent, the janitor will send it: %s", task, argument, type(failure).__name__)
        return False
    return True
