"""The Celery tasks and their implementation."""
