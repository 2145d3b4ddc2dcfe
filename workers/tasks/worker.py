"""The Celery application of `egress-diag worker`, with every task."""

from workers.queue.celery_app import app
from workers.tasks import action_tasks, fleet_tasks, run_tasks
from workers.telemetry import logs, metrics, traces

__all__ = ["action_tasks", "app", "fleet_tasks", "run_tasks"]

logs.set_up_celery_logs()
metrics.set_up_celery_metrics()
traces.set_up_celery_traces()
