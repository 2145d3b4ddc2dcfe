"""Messages with Slack's newest blocks, or with classic ones if the workspace refuses them.

Slack enables new types of blocks by workspace, and no method lists them. They are therefore tried once, and a refusal is
remembered for a day.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bot.messages.blocks import Message
from bot.slack.web_api import InvalidBlocks, MessageRefused, Slack
from workers.client import Client

log = logging.getLogger(__name__)

_T = TypeVar("_T")

Send = Callable[[str, Sequence[dict[str, Any]]], _T]

_NEW = frozenset(("plan", "table"))
"""The types that some workspaces refuse."""

_REFUSALS = ("invalid_blocks", "invalid_attachments")
"""Slack converts a table into an attachment, so both codes can refuse one."""


class NewestBlocks:
    """Chooses the blocks of messages, with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack

    def send(self, message: Message, send: Send[_T]) -> _T:
        """Send a message with the newest blocks that the workspace takes.

        Raises SlackRefusal and Unavailable.
        """
        types = sorted(_NEW.intersection(block["type"] for block in message.newest))
        if not types:
            return send(message.text, message.blocks)
        team = self.slack.team()
        if self.client.refused_blocks.any_of(team, types):
            return send(message.text, message.blocks)
        try:
            return send(message.text, message.newest)
        except MessageRefused as refused:
            if not (isinstance(refused, InvalidBlocks) or any(code in str(refused) for code in _REFUSALS)):
                raise
            log.info("the workspace refuses %s for a day: %s", ", ".join(types), refused)
            self.client.refused_blocks.note(team, types)
        return send(message.text, message.blocks)
