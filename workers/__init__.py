"""Asynchronous runs and what is stored of them, on Celery and Redis."""
