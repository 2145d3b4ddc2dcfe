"""Diagnosis of egress gateways as a library and a command line, without Slack, Redis or Celery."""

__version__ = "0.2.0"
