"""Celery on Redis for production.

A worker that dies loses nothing, and a Redis that hangs blocks nothing.

The values were measured with celery 5.6 and kombu 5.7; the measurements are in docs/decisions/0002-celery-on-redis.md.
"""

from celery import Celery

from workers.queue.liveness import Heartbeat
from workers.queue.presence import Announced
from workers.queue.settings import WorkerSettings, worker_settings
from workers.queue.stalled_consumer import StalledConsumerStep
from workers.queue.stopping import BoundedStop
from workers.queue.transport import use_waiting_transport

DIAGNOSE_QUEUE = "diagnose"
COURIER_QUEUE = "courier"
SWEEP_QUEUE = "sweep"
ACTIONS_QUEUE = "actions"
"""The queue of active steps, whose worker has the permissions that change a cluster."""

DELIVER = "bot.courier.deliver"
"""The courier's task, which the bot defines and the workers call by name."""

use_waiting_transport()


def make_app(config: WorkerSettings) -> Celery:
    """The Celery application of every process that takes tasks."""
    app = Celery("egress-diag", broker=config.redis_url)
    app.steps["worker"].add(BoundedStop)
    app.steps["consumer"].add(Heartbeat)
    app.steps["consumer"].add(Announced)
    app.steps["consumer"].add(StalledConsumerStep)
    app.conf.update(
        task_default_queue=DIAGNOSE_QUEUE,
        task_routes={"bot.courier.*": {"queue": COURIER_QUEUE}},
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        # A task is acknowledged when it has ended; it goes back into the queue when its worker or pool child dies.
        task_acks_late=True,
        task_acks_on_failure_or_timeout=True,
        task_reject_on_worker_lost=True,
        task_track_started=False,
        task_time_limit=config.hard_limit,
        task_soft_time_limit=config.hard_limit - 30,
        worker_prefetch_multiplier=1,
        worker_concurrency=config.concurrency,
        worker_pool="workers.queue.pool:ChildProcessPool",
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_soft_shutdown_timeout=10.0,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_max_tasks_per_child=500,
        worker_max_memory_per_child=400_000,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": config.hard_limit + 60,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "global_keyprefix": config.prefix,
            "health_check_interval": 25,
        },
    )
    return app


app = make_app(worker_settings())


def make_publisher(config: WorkerSettings) -> Celery:
    """An application that only sends, for the bot.

    Sending fails at once if Redis is down and within half a second if it hangs, in time for Slack's limit of three
    seconds.
    """
    publisher = Celery("egress-diag-publisher", broker=config.redis_url)
    publisher.conf.update(
        task_default_queue=DIAGNOSE_QUEUE,
        task_routes=app.conf.task_routes,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_publish_retry=False,
        broker_connection_retry=False,
        broker_transport_options={
            "global_keyprefix": config.prefix,
            "socket_timeout": 0.5,
            "socket_connect_timeout": 0.5,
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
            "interval_max": 0,
        },
    )
    return publisher
