"""Celery on Redis: the application, its queues, connections, settings, and whether each process is alive."""
