"""Delivery of a document's messages: post missing, edit changed, delete obsolete ones.

Order: first a missing parent, then messages about an end, then the rest from the top. A message that hits Slack's rate limit
is left for a later attempt; no progress is shown before an end that has to wait.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.delivery.differences import NOT_EDITABLE, Destination, in_thread, outdated, with_fixed_parent
from bot.delivery.duplicates import CLOCK_TOLERANCE, Duplicates
from bot.delivery.newest_blocks import NewestBlocks
from bot.messages.blocks import Message
from bot.slack.web_api import (
    MessageDeleted,
    MessageRefused,
    NotEditable,
    Posted,
    RateLimited,
    Slack,
    SlackRefusal,
    TemporaryRefusal,
    UnknownAnswer,
    Unreachable,
)
from workers.client import HeldDocument
from workers.records.delivered import Delivered, Deliveries, PostAttempt, Recorded

log = logging.getLogger(__name__)

_Send = Callable[[str, Sequence[dict[str, Any]]], Posted]


@dataclass(slots=True)
class _Round:
    """One comparison of a document with Slack: where its replies go, and what has to wait."""

    destination: Destination
    begins: bool
    waits: list[float] = field(default_factory=list)
    postponed: SlackRefusal | None = None


class Thread:
    """Delivers the messages of documents, with one Slack client."""

    def __init__(self, slack: Slack, newest: NewestBlocks) -> None:
        self.slack = slack
        self.newest = newest
        self.duplicates = Duplicates(slack)
        self._edited: dict[tuple[str, str], float] = {}

    def show(self, held: HeldDocument, destination: Destination, wanted: Sequence[Message]) -> float | None:
        """Deliver the messages and return the seconds until the next attempt. Raises SlackRefusal.

        0 means that there is a newer revision, None that all messages are delivered. A refusal of one reply is raised after
        the others were delivered.
        """
        delivered = held.deliveries()
        begins = destination.thread is None
        if begins:
            wanted = with_fixed_parent(wanted, delivered)
        round_ = _Round(in_thread(destination, delivered), begins)
        for message in outdated(wanted, delivered):
            if isinstance(round_.postponed, RateLimited) and not message.final:
                break
            before = delivered.slots.get(message.slot)
            if (wait := self._too_soon(held, message, before)) > 0:
                round_.waits.append(wait)
            elif not self._deliver(held, round_, message, before) or held.is_outdated():
                return 0.0
        if round_.postponed is not None:
            raise round_.postponed
        self._delete_obsolete(held, {m.slot for m in wanted}, delivered)
        return min(round_.waits, default=None)

    def forget(self, document: str) -> None:
        """Drop the edit times of a document that has ended."""
        for key in [key for key in self._edited if key[0] == document]:
            del self._edited[key]

    def _deliver(self, held: HeldDocument, round_: "_Round", message: Message, before: Recorded | None) -> bool:
        """Post or edit one message. False if the document must be compared with Slack again."""
        heads = message.slot == "parent" and round_.begins
        destination = Destination(round_.destination.channel, None) if heads else round_.destination
        try:
            posted = self._show(held, destination, message, before)
        except (RateLimited, UnknownAnswer, MessageRefused) as refused:
            if round_.destination.thread is None or not self._continues(held, round_, message, before, refused):
                raise
            round_.postponed = _first_to_repeat(round_.postponed, refused)
            return True
        if posted is not None and heads:
            round_.destination = Destination(destination.channel, posted.ts)
            # A parent that was deleted is posted first, then it links to the thread of the deleted one.
            return not (isinstance(before, Delivered) and before.ts and before.ts != posted.ts)
        return posted is not None

    def _continues(
        self, held: HeldDocument, round_: "_Round", message: Message, before: Recorded | None, refused: SlackRefusal
    ) -> bool:
        """Whether other messages can be delivered after the refusal of this one.

        A message that Slack will never accept is recorded, so that it is not sent again until its content changes.
        """
        if isinstance(refused, RateLimited):
            return message.final
        if isinstance(refused, MessageRefused) and not isinstance(refused, MessageDeleted):
            log.error("%s of %s is refused: %s", message.slot, held.document, refused)
            shown = before.ts if isinstance(before, Delivered) else ""
            held.note(Delivered(message.slot, round_.destination.channel, shown, message.digest))
        return not isinstance(refused, MessageDeleted)

    def _too_soon(self, held: HeldDocument, message: Message, before: Recorded | None) -> float:
        if not message.every or not isinstance(before, Delivered) or not before.ts:
            return 0.0
        return message.every - (time.monotonic() - self._edited.get((held.document, message.slot), 0.0))

    def _show(
        self, held: HeldDocument, destination: Destination, message: Message, before: Recorded | None
    ) -> Posted | None:
        """Post or edit the message; None if its parent can no longer be edited."""
        about = {"document": held.document, "slot": message.slot}
        posted: Posted | None = None
        if isinstance(before, PostAttempt):
            held.renew()
            before = self.duplicates.lost_post(held, before, destination.thread, about)
        if before is not None and before.ts:
            try:
                posted = self._updated(held, message, before, about)
            except NotEditable as refused:
                log.info("%s of %s cannot be edited: %s", message.slot, held.document, refused)
                if message.slot == "parent" and destination.thread is None:
                    held.note(Delivered("parent", before.channel, before.ts, NOT_EDITABLE))
                    return None
                if message.final:
                    self.duplicates.doubt(held, before, destination.thread, since=float(before.ts) - 1)
                else:
                    posted = Posted(before.channel, before.ts)  # the old content stays until the run ends
        if posted is None:
            posted = self._posted(held, destination, message, about)
        held.note(Delivered(message.slot, posted.channel, posted.ts, message.digest))
        held.progressed = True
        if message.every:
            self._edited[held.document, message.slot] = time.monotonic()
        return posted

    def _updated(
        self, held: HeldDocument, message: Message, before: Delivered, about: Mapping[str, str]
    ) -> Posted | None:
        where = Posted(before.channel, before.ts)
        held.renew()
        try:
            return self._sent(message, lambda text, blocks: self.slack.update(where, text, blocks, about))
        except MessageDeleted:
            log.info("%s of %s was deleted and is posted again", message.slot, held.document)
            if message.slot == "parent":
                held.note_replaced(before)
            return None

    def _posted(
        self, held: HeldDocument, destination: Destination, message: Message, about: Mapping[str, str]
    ) -> Posted:
        # Recorded before the call: a crash between post and answer must not lead to a second post.
        attempt = PostAttempt(message.slot, destination.channel, time.time() - CLOCK_TOLERANCE)
        held.renew()
        held.note(attempt)
        try:
            return self._sent(
                message,
                lambda text, blocks: self.slack.post(destination.channel, text, blocks, destination.thread, about),
            )
        except (Unreachable, UnknownAnswer):
            raise
        except SlackRefusal:
            held.forget(message.slot)
            raise

    def _delete_obsolete(self, held: HeldDocument, wanted: set[str], delivered: Deliveries) -> None:
        """Delete obsolete messages, such as findings that a second attempt of the run did not have."""
        for slot, where in delivered.slots.items():
            if slot in wanted or slot.startswith("elsewhere") or isinstance(where, PostAttempt):
                continue
            held.renew()
            try:
                if where.ts:
                    self.slack.delete(Posted(where.channel, where.ts))
            except MessageRefused as refused:
                log.info("%s of %s is already deleted or stays: %s", slot, held.document, refused)
            held.forget(slot)

    def _sent(self, message: Message, send: _Send) -> Posted:
        """Send the message, or only its text if Slack does not accept its blocks.

        Slack rejects blocks that the workspace does not support, and messages that are too long.
        """
        try:
            return self.newest.send(message, send)
        except (MessageDeleted, NotEditable):
            raise
        except MessageRefused as refused:
            log.warning("%s is sent as plain text: %s", message.slot, refused)
            return send(message.text, [])


def _first_to_repeat(one: SlackRefusal | None, other: SlackRefusal) -> SlackRefusal:
    """The refusal that decides about the next delivery.

    A rate limit has the highest rank, then other temporary refusals.
    """
    return min((each for each in (one, other) if each is not None), key=_rank)


def _rank(refused: SlackRefusal) -> int:
    return 0 if isinstance(refused, RateLimited) else 1 if isinstance(refused, TemporaryRefusal) else 2
