"""Handoffs as canvases, where the workspace offers them."""

import hashlib
import logging
from collections.abc import Mapping

from bot.fleet.handoff_messages import handoff_blocks, handoff_headline, shift_coverage
from bot.messages.blocks import context, raw
from bot.messages.canvas import canvas_markdown
from bot.slack.web_api import RateLimited, Slack, SlackRefusal, TokenRevoked, Unreachable
from workers.client import Client, HeldDocument
from workers.records.delivered import Delivered
from workers.records.handoff import Handoff

log = logging.getLogger(__name__)

_SLOT = "elsewhere/canvas"

_SURFACE = ("canvas",)
"""The name under which a refusal of the workspace is remembered."""


class HandoffCanvases:
    """Writes the canvases of handoffs, with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack

    def link(self, held: HeldDocument, shift: Handoff, links: Mapping[str, str]) -> str:
        """The address of the canvas that has the handoff; "" if it has to be in the message.

        Raises RateLimited, TokenRevoked and Unreachable: then neither is known.
        """
        text = canvas_markdown([*handoff_blocks(shift, links), context(raw(shift_coverage(shift)))])
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        before = held.deliveries().slots.get(_SLOT)
        canvas = before.ts if isinstance(before, Delivered) else ""
        if isinstance(before, Delivered) and (not canvas or before.digest == digest):
            return self._address(canvas)
        channel = shift.order.channel
        held.renew()
        try:
            if not canvas and not self._create(held, shift, text):
                return ""
            created = held.deliveries().slots[_SLOT]
            canvas = created.ts if isinstance(created, Delivered) else ""
            if before is None or not isinstance(before, Delivered) or not before.digest:
                self.slack.share_canvas(canvas, channel)
            else:
                self.slack.edit_canvas(canvas, text)
        except (RateLimited, TokenRevoked, Unreachable):
            raise
        except SlackRefusal as refused:
            log.warning("handoff %s is a message, without a canvas: %s", shift.order.id, refused)
            # It stays a message: its content must not move back and forth.
            held.note(Delivered(_SLOT, channel, "", digest))
            return ""
        held.note(Delivered(_SLOT, channel, canvas, digest))
        return self._address(canvas)

    def _create(self, held: HeldDocument, shift: Handoff, text: str) -> bool:
        """Create the canvas; False if the workspace refuses it.

        The handoff of a direct message has none.
        """
        channel, team = shift.order.channel, self.slack.team()
        if channel.startswith("D") or self.client.refused_blocks.any_of(team, _SURFACE):
            return False
        try:
            canvas = self.slack.create_canvas(handoff_headline(shift), text)
        except (RateLimited, TokenRevoked, Unreachable):
            raise
        except SlackRefusal as refused:
            log.info("the workspace offers no canvases for a day: %s", refused)
            self.client.refused_blocks.note(team, _SURFACE)
            return False
        held.note(Delivered(_SLOT, channel, canvas, ""))
        return True

    def _address(self, canvas: str) -> str:
        return f"{self.slack.identity().url.rstrip('/')}/docs/{self.slack.team()}/{canvas}" if canvas else ""
