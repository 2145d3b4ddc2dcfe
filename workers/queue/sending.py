"""Sending tasks by name: a broker that does not take one is no error, since the janitor sends again what nobody carried out."""

import logging
import time

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

SENT = "egress_diag_sent"
"""The message header that tells when a task was sent, in seconds since the epoch: the age of a queue is its oldest's."""


def send(publisher: Celery, task: str, argument: str, queue: str, expires: float | None = None) -> bool:
    """Sends a task its one argument. False where the broker cannot be reached: whoever called has kept a record that the
    janitor finds."""
    sent = {SENT: time.time()}
    try:
        publisher.send_task(task, args=[argument], queue=queue, ignore_result=True, expires=expires, headers=sent)
    except (OperationalError, RedisError, OSError) as gone:
        log.warning("%s %s was not sent, the janitor will: %s", task, argument, type(gone).__name__)
        return False
    return True
