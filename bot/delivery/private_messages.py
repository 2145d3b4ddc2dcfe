"""Messages to one person, with fallbacks if Slack refuses the usual method."""

import logging
from collections.abc import Callable

from bot.messages.blocks import Message
from bot.slack.web_api import RateLimited, Slack, SlackRefusal, TemporaryRefusal

log = logging.getLogger(__name__)


def send_privately(
    slack: Slack,
    user: str,
    channel: str,
    response_url: str,
    message: Message,
    thread: str | None = None,
    *,
    renew: Callable[[], None] = lambda: None,
) -> None:
    """Send a message through the response URL, else as an ephemeral or direct message.

    `renew` is called before each attempt, so that a lock does not expire while Slack is slow.
    Raises a TemporaryRefusal if a repetition may succeed, else the SlackRefusal of the last attempt. Raises RateLimited at
    once, because that ends by itself.
    """
    attempts: list[Callable[[], object]] = [
        lambda: slack.ephemeral(channel, user, message.text, message.blocks, thread),
        lambda: slack.post(user, message.text, message.blocks, None, {"slot": message.slot}),
    ]
    if response_url:
        attempts.insert(0, lambda: slack.respond(response_url, message.text, message.blocks))
    refusals: list[SlackRefusal] = []
    for number, send in enumerate(attempts, start=1):
        renew()
        try:
            send()
        except RateLimited:
            raise
        except SlackRefusal as refused:
            log.info("attempt %d to reach %s failed: %s", number, user, refused)
            refusals.append(refused)
        else:
            return
    raise next((each for each in refusals if isinstance(each, TemporaryRefusal)), refusals[-1])
