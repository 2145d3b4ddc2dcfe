"""Delivery of a document's messages: post missing, edit changed, delete obsolete ones.

Order: first a missing parent, then messages about an end, then the rest from the top. A message that hits Slack's rate limit
is left for a later attempt; no progress is shown before an end that has to wait.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.messages.blocks import Message
from bot.slack.web_api import (
    InvalidBlocks,
    MessageDeleted,
    MissingScope,
    NotInChannel,
    Posted,
    RateLimited,
    Slack,
    SlackRefusal,
    TooLong,
    Unreachable,
)
from workers.client import Client, HeldDocument
from workers.records.delivered import Delivered

log = logging.getLogger(__name__)

CLOCK_TOLERANCE = 60.0
"""Seconds by which Slack's clock may differ from ours, for the search for a lost post."""

_Send = Callable[[str, Sequence[dict[str, Any]]], Posted]


@dataclass(frozen=True, slots=True)
class Destination:
    """A channel, and a thread in it; without a thread, the parent of the document starts one."""

    channel: str
    thread: str | None


class Thread:
    """Delivers the messages of documents, with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack
        self._edited: dict[tuple[str, str], float] = {}

    def show(self, held: HeldDocument, destination: Destination, wanted: Sequence[Message]) -> float | None:
        """Deliver the messages and return the seconds until the next attempt. Raises SlackRefusal.

        0 means that there is a newer revision, None that all messages are delivered.
        """
        delivered = self.client.deliveries.delivered(held.document)
        begins = destination.thread is None
        destination = _resolved(destination, delivered)
        waits: list[float] = []
        waiting_end: RateLimited | None = None
        for message in _outdated(wanted, delivered):
            if waiting_end is not None and not message.final:
                break
            before = delivered.get(message.slot)
            if before is not None and not before.unanswered and (wait := self._too_soon(held, message)) > 0:
                waits.append(wait)
                continue
            heads = message.slot == "parent" and begins
            try:
                posted = self._show(
                    held, Destination(destination.channel, None) if heads else destination, message, before
                )
            except RateLimited as limited:
                if not message.final or destination.thread is None:
                    raise
                waiting_end = limited
                continue
            if heads:
                destination = Destination(destination.channel, posted.ts)
            if held.is_outdated():
                return 0.0
        if waiting_end is not None:
            raise waiting_end
        self._delete_obsolete(held, {m.slot for m in wanted}, delivered)
        return min(waits, default=None)

    def forget(self, document: str) -> None:
        """Drop the edit times of a document that has ended."""
        for key in [key for key in self._edited if key[0] == document]:
            del self._edited[key]

    def _too_soon(self, held: HeldDocument, message: Message) -> float:
        if not message.every:
            return 0.0
        return message.every - (time.monotonic() - self._edited.get((held.document, message.slot), 0.0))

    def _show(self, held: HeldDocument, destination: Destination, message: Message, before: Delivered | None) -> Posted:
        about = {"document": held.document, "slot": message.slot}
        if before is not None and before.unanswered:
            held.renew()
            before = self._find_lost(before, destination.thread, about)
        posted = self._updated(held, message, before, about) if before is not None else None
        if posted is None:
            posted = self._posted(held, destination, message, about)
        self.client.deliveries.note_delivered(
            held.document, Delivered(message.slot, posted.channel, posted.ts, message.digest)
        )
        if message.every:
            self._edited[held.document, message.slot] = time.monotonic()
        return posted

    def _updated(
        self, held: HeldDocument, message: Message, before: Delivered, about: Mapping[str, str]
    ) -> Posted | None:
        where = Posted(before.channel, before.ts)
        held.renew()
        try:
            return send_with_fallback(message, lambda text, blocks: self.slack.update(where, text, blocks, about))
        except MessageDeleted:
            log.info("%s of %s was deleted and is posted again", message.slot, held.document)
            return None

    def _posted(
        self, held: HeldDocument, destination: Destination, message: Message, about: Mapping[str, str]
    ) -> Posted:
        # Recorded before the call: a crash between post and answer must not lead to a second post.
        began = time.time() - CLOCK_TOLERANCE
        held.renew()
        attempt = Delivered.attempt(message.slot, destination.channel, began)
        self.client.deliveries.note_delivered(held.document, attempt)
        try:
            return send_with_fallback(
                message,
                lambda text, blocks: self.slack.post(destination.channel, text, blocks, destination.thread, about),
            )
        except Unreachable:
            raise
        except SlackRefusal:
            self.client.deliveries.forget_delivered(held.document, message.slot)
            raise

    def _find_lost(self, attempt: Delivered, thread: str | None, about: Mapping[str, str]) -> Delivered | None:
        """The post whose answer was lost, if Slack has it."""
        try:
            found = self.slack.find(attempt.channel, thread, about, attempt.began)
        except (MissingScope, NotInChannel) as refused:
            log.warning("a message may be posted twice, because the search for the first post failed: %s", refused)
            return None
        except MessageDeleted:
            return None
        return Delivered(attempt.slot, found.channel, found.ts, "") if found else None

    def _delete_obsolete(self, held: HeldDocument, wanted: set[str], delivered: Mapping[str, Delivered]) -> None:
        """Delete obsolete messages, such as findings that a second attempt of the run did not have."""
        for slot, where in delivered.items():
            if slot in wanted or slot.startswith("elsewhere") or where.unanswered:
                continue
            held.renew()
            try:
                self.slack.delete(Posted(where.channel, where.ts))
            except MessageDeleted:
                log.info("%s of %s is already deleted", slot, held.document)
            self.client.deliveries.forget_delivered(held.document, slot)


def send_with_fallback(message: Message, send: _Send) -> Posted:
    """Send the message, or only its text if Slack does not accept its blocks.

    Slack rejects blocks that the workspace does not support, and messages that are too long.
    """
    try:
        return send(message.text, message.blocks)
    except (InvalidBlocks, TooLong) as refused:
        log.warning("%s is sent as plain text: %s", message.slot, refused)
        return send(message.text, [])


def _resolved(destination: Destination, delivered: Mapping[str, Delivered]) -> Destination:
    parent = delivered.get("parent")
    if destination.thread is None and parent is not None and not parent.unanswered:
        return Destination(destination.channel, parent.ts)
    return destination


def _outdated(wanted: Sequence[Message], delivered: Mapping[str, Delivered]) -> list[Message]:
    """The messages that are missing or outdated in Slack, in the order of delivery."""
    missing = [m for m in wanted if m.slot not in delivered or delivered[m.slot].digest != m.digest]
    parent = delivered.get("parent")
    placed = parent is not None and not parent.unanswered
    return sorted(missing, key=lambda m: (placed or m.slot != "parent", not m.final))
