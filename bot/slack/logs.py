"""The log set-up of the listener; the courier logs like every Celery process.

Both hide Slack's tokens.
"""

from bot.slack.settings import slack_settings
from workers.client.processes import set_up_logs


def secrets() -> tuple[str, ...]:
    """The values that must not appear in a log."""
    config = slack_settings()
    return tuple(
        each.get_secret_value()
        for each in (config.slack_bot_token, config.slack_signing_secret, config.slack_app_token, config.alerts_token)
    )


def set_up_listener() -> None:
    """Set up the logs of the listener."""
    set_up_logs("listener", secrets())
