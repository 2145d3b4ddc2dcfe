"""The Celery application of `egress-diag worker` and `egress-diag beat`, with every task registered."""

from workers.queue.app import app
from workers.tasks import fleet_tasks, run_tasks
from workers.telemetry import logs, metrics, traces

__all__ = ["app", "fleet_tasks", "run_tasks"]

for follow in (logs.follow_celery, metrics.follow_celery, traces.follow_celery):
    follow()
