"""The content of cards: their records, with links to the messages before and after them."""

import logging

from bot.delivery.differences import Destination
from bot.delivery.links import thread_link
from bot.messages.card import CardView
from bot.slack.web_api import Posted, Slack, SlackRefusal
from workers.client import Client, HeldDocument
from workers.records.alert import ThreadAlerts
from workers.records.delivered import REPLACED, Delivered, Deliveries
from workers.records.run import Run

log = logging.getLogger(__name__)


class CardViews:
    """Reads the cards of runs, with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack

    def view(self, held: HeldDocument, run: Run, alerts: ThreadAlerts | None = None) -> CardView | None:
        """The card that the parent message of a run shows; None without one.

        `alerts` are those of its thread.
        """
        shown = self.client.cards.shown(run)
        if shown is None:
            return None
        card = shown.card
        if card.run != run.id:
            return CardView(card, newer=thread_link(self.client, self.slack, card.run, card.channel))
        delivered = held.deliveries()
        return CardView(
            card,
            shown.latest,
            shown.owner,
            shown.watch,
            self._earlier(held, delivered, card.earlier, card.channel),
            replaced=REPLACED in delivered.slots,
            alerts=alerts,
        )

    def replaced(self, head: str, place: Destination) -> bool:
        """Let a card whose message was deleted be posted again.

        False if the thread is not that of the card.
        """
        parent = self.client.deliveries.parent(head)
        if parent is None or parent.ts != place.thread:
            return False
        self.client.cards.note_deleted(head, parent)
        return True

    def _earlier(self, held: HeldDocument, delivered: Deliveries, before: str, channel: str) -> str:
        """The address of the message that this card follows.

        It is its own deleted one, or the card of an earlier incident.
        """
        replaced = delivered.slots.get(REPLACED)
        if not isinstance(replaced, Delivered):
            return thread_link(self.client, self.slack, before, channel) if before else ""
        if replaced.digest:
            return replaced.digest
        link = self._thread_of_deleted(delivered, replaced)
        if link:
            held.note(Delivered(REPLACED, replaced.channel, replaced.ts, link))
        return link

    def _thread_of_deleted(self, delivered: Deliveries, replaced: Delivered) -> str:
        """The address of a reply to a deleted message, which Slack still shows."""
        after = delivered.parent.ts if delivered.parent is not None else ""
        for slot in ("verdict", *sorted(delivered.slots)):
            reply = delivered.slots.get(slot)
            if not isinstance(reply, Delivered) or not replaced.ts < reply.ts < (after or "~"):
                continue
            try:
                return self.slack.permalink(Posted(reply.channel, reply.ts))
            except SlackRefusal as refused:
                log.info("no permalink for a reply at %s: %s", reply.ts, refused)
        return ""
