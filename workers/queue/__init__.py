"""Celery on Redis: the application, its queues, connections, settings, and the health of each process."""
