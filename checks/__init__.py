"""What we know about egress gateways, as a library and a command line: no Slack, no Redis, no Celery."""

__version__ = "0.2.0"
