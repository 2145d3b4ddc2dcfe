"""The best remaining way to one person, where the usual one is closed."""

import logging
from collections.abc import Callable

from bot.messages.blocks import Message
from bot.slack.client import RateLimited, Slack, SlackRefusal

log = logging.getLogger(__name__)


def send_privately(
    slack: Slack, user: str, channel: str, response_url: str, message: Message, thread: str | None = None
) -> None:
    """Through the response URL, as a message that only they see in the channel, or directly. Raises the last way's
    SlackRefusal, and RateLimited at once: that one is only a matter of time."""
    ways: list[Callable[[], object]] = [
        lambda: slack.ephemeral(channel, user, message.text, message.blocks, thread),
        lambda: slack.post(user, message.text, message.blocks, None, {"slot": message.slot}),
    ]
    if response_url:
        ways.insert(0, lambda: slack.respond(response_url, message.text, message.blocks))
    for number, way in enumerate(ways, start=1):
        try:
            way()
        except RateLimited:
            raise
        except SlackRefusal as refused:
            log.info("%s could not be told that way (%s)", user, refused)
            if number == len(ways):
                raise
        else:
            return
