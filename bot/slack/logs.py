"""How the listener logs; its courier logs as every Celery process does, and both hide Slack's tokens."""

from bot.slack.settings import slack_settings
from workers.telemetry.logs import set_up_logs


def secrets() -> tuple[str, ...]:
    """What must never be in a log of this process."""
    config = slack_settings()
    return tuple(
        each.get_secret_value()
        for each in (config.slack_bot_token, config.slack_signing_secret, config.slack_app_token)
    )


def set_up_listener() -> None:
    """The listener's logs."""
    set_up_logs("listener", secrets())
