"""Diagnosis of egress gateways as a library and a command line.

It needs neither Slack nor Redis nor Celery.
"""

__version__ = "0.2.0"
