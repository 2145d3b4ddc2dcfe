"""The bot's processes: the courier's Celery application, logs, and presence."""

import time
from collections.abc import Callable, Collection

from celery import Celery

from workers.doctor.part import workers as check_redis_and_processes
from workers.queue.celery_app import COURIER_QUEUE, DELIVER, make_app
from workers.queue.cluster_mode import UnsupportedRedis, refuse_clusters
from workers.queue.presence import announced
from workers.queue.settings import worker_settings
from workers.records.delivered import DeliveryOutcome
from workers.telemetry.logs import set_up_celery_logs, set_up_logs
from workers.telemetry.metrics import DELIVERIES, set_up_celery_metrics

__all__ = [
    "UnsupportedRedis",
    "announced",
    "check_redis_and_processes",
    "courier_app",
    "refuse_clusters",
    "set_up_logs",
    "worker_settings",
]


def courier_app(deliver: Callable[[str], DeliveryOutcome], secrets: Callable[[], Collection[str]]) -> Celery:
    """The Celery application of the courier.

    Its one task delivers a document, and repeats that later if the delivery was not complete.

    `secrets` returns the values that must not appear in its log.
    """
    set_up_celery_logs(secrets)
    set_up_celery_metrics()
    app = make_app(worker_settings())
    app.conf.task_routes = {}
    repetitions = Repetitions()

    @app.task(name=DELIVER)
    def deliver_document(document: str) -> None:
        outcome = deliver(document)
        DELIVERIES.labels(outcome.label).inc()
        wait = outcome.retry_seconds if outcome.retry_seconds is not None else outcome.search_seconds
        if wait is not None and repetitions.add(document, wait, time.monotonic()):
            deliver_document.apply_async(args=(document,), countdown=wait, queue=COURIER_QUEUE)

    return app


class Repetitions:
    """The time of the next delivery of each document in this process.

    One task replaces all that were to come later.
    """

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def add(self, document: str, wait: float, now: float) -> bool:
        """Add a repetition in `wait` seconds. False if an earlier one is to come."""
        if now < self._at.get(document, 0.0) <= now + wait:
            return False
        for past in [each for each, at in list(self._at.items()) if at < now]:
            self._at.pop(past, None)
        self._at[document] = now + wait
        return True
