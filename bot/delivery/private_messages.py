"""Messages to one person, with fallbacks if Slack refuses the usual method."""

import logging
from collections.abc import Callable

from bot.delivery.newest_blocks import NewestBlocks, Send
from bot.messages.blocks import Message
from bot.slack.web_api import RateLimited, Slack, SlackRefusal, TemporaryRefusal

log = logging.getLogger(__name__)


def send_privately(  # noqa: PLR0913 - the place, and how to reach it
    slack: Slack,
    user: str,
    channel: str,
    response_url: str,
    message: Message,
    thread: str | None = None,
    *,
    renew: Callable[[], None] = lambda: None,
    newest: NewestBlocks | None = None,
) -> None:
    """Send a message through the response URL, else as an ephemeral or direct message.

    `renew` is called before each attempt, so that a lock does not expire while Slack is slow. `newest` chooses the blocks.
    Raises a TemporaryRefusal if a repetition may succeed, else the SlackRefusal of the last attempt. Raises RateLimited at
    once, because that ends by itself.
    """
    attempts: list[Send[object]] = [
        lambda text, blocks: slack.ephemeral(channel, user, text, blocks, thread),
        lambda text, blocks: slack.post(user, text, blocks, None, {"slot": message.slot}),
    ]
    if response_url:
        attempts.insert(0, lambda text, blocks: slack.respond(response_url, text, blocks))
    refusals: list[SlackRefusal] = []
    for number, send in enumerate(attempts, start=1):
        renew()
        try:
            if newest is not None:
                newest.send(message, send)
            else:
                send(message.text, message.blocks)
        except RateLimited:
            raise
        except SlackRefusal as refused:
            log.info("attempt %d to reach %s failed: %s", number, user, refused)
            refusals.append(refused)
        else:
            return
    raise next((each for each in refusals if isinstance(each, TemporaryRefusal)), refusals[-1])
