"""Celery on Redis: application, queues, connections, settings, health of processes."""
