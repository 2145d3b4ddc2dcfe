"""Runs diagnoses asynchronously and remembers them: Celery and Redis."""
