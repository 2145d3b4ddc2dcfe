"""The Celery tasks and what carries them out."""
