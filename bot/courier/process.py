"""The courier's process: a Celery worker with one Slack client.

Celery finds it with `--app bot.courier.process`.
"""

from functools import cache

from bot.courier.courier import Courier
from bot.slack.logs import secrets
from bot.slack.settings import slack_settings
from bot.slack.web_api import Slack
from checks.config.configuration_file import load
from workers.client import connect
from workers.client.processes import courier_app, worker_settings


@cache
def courier() -> Courier:
    """The courier of this process. Raises ConfigError.

    The first task makes it, so each connection is made after the fork.
    """
    config = load(None, slack_settings().config)
    return Courier(connect(worker_settings(), config, retry=True), Slack(slack_settings()))


celery = courier_app(lambda document: courier().deliver(document), secrets)
