"""One document's messages in one channel: posts what is missing, edits what has changed, takes away what is no more.

Order: the parent where there is none, then what tells an end, then the rest from the top. What was limited by Slack is left
for later, and nothing that is only progress goes before an end that had to wait.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.messages.blocks import Message
from bot.slack.client import (
    InvalidBlocks,
    MessageGone,
    MissingScope,
    NotInChannel,
    Posted,
    RateLimited,
    Slack,
    SlackRefusal,
    TooLong,
    Unreachable,
)
from workers.client import Client
from workers.runs.documents import DocumentLock
from workers.runs.records import Delivered

log = logging.getLogger(__name__)

CLOCK_TOLERANCE = 60.0
"""Seconds by which Slack's clock and ours may differ when a lost post is looked for."""

_Send = Callable[[str, Sequence[dict[str, Any]]], Posted]


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A document at one revision, while this courier holds it."""

    document: str
    revision: int
    hold: DocumentLock


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a document goes: a channel, and the thread in it (None where the document's parent begins one)."""

    channel: str
    thread: str | None


class Thread:
    """Makes threads match their documents, with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack
        self._edited: dict[tuple[str, str], float] = {}

    def show(self, showing: HeldDocument, place: Destination, wanted: Sequence[Message]) -> float | None:
        """Shows the messages. Gives the seconds after which to look again: 0 where a newer revision is there already,
        None where all is shown. Raises a SlackRefusal where Slack does not let it."""
        delivered = self.client.delivered(showing.document)
        begins = place.thread is None
        place = _placed(place, delivered)
        waits: list[float] = []
        waiting_end: RateLimited | None = None
        for message in _stale(wanted, delivered):
            if waiting_end is not None and not message.final:
                break
            before = delivered.get(message.slot)
            if before is not None and not _attempted(before) and (wait := self._too_soon(showing, message)) > 0:
                waits.append(wait)
                continue
            heads = message.slot == "parent" and begins
            try:
                posted = self._show(showing, Destination(place.channel, None) if heads else place, message, before)
            except RateLimited as limited:
                if not message.final or place.thread is None:
                    raise
                waiting_end = limited
                continue
            if heads:
                place = Destination(place.channel, posted.ts)
            if self.client.revision(showing.document) > showing.revision:
                return 0.0
        if waiting_end is not None:
            raise waiting_end
        self._take_away(showing, {m.slot for m in wanted}, delivered)
        return min(waits, default=None)

    def forget(self, document: str) -> None:
        """The document has ended: nothing of it needs to be remembered here."""
        for key in [key for key in self._edited if key[0] == document]:
            del self._edited[key]

    def _too_soon(self, showing: HeldDocument, message: Message) -> float:
        if not message.every:
            return 0.0
        return message.every - (time.monotonic() - self._edited.get((showing.document, message.slot), 0.0))

    def _show(self, showing: HeldDocument, place: Destination, message: Message, before: Delivered | None) -> Posted:
        about = {"document": showing.document, "slot": message.slot}
        if before is not None and _attempted(before):
            showing.hold.renew()
            before = self._lost(before, place.thread, about)
        posted = self._updated(showing, message, before, about) if before is not None else None
        if posted is None:
            posted = self._posted(showing, place, message, about)
        self.client.note_delivered(showing.document, Delivered(message.slot, posted.channel, posted.ts, message.digest))
        if message.every:
            self._edited[showing.document, message.slot] = time.monotonic()
        return posted

    def _updated(
        self, showing: HeldDocument, message: Message, before: Delivered, about: Mapping[str, str]
    ) -> Posted | None:
        where = Posted(before.channel, before.ts)
        showing.hold.renew()
        try:
            return send_with_fallback(message, lambda text, blocks: self.slack.update(where, text, blocks, about))
        except MessageGone:
            log.info("%s of %s was taken away: it is posted again", message.slot, showing.document)
            return None

    def _posted(self, showing: HeldDocument, place: Destination, message: Message, about: Mapping[str, str]) -> Posted:
        # Noted before it is tried: a crash between the post and its answer must not lead to a second post.
        begun = f"?{time.time() - CLOCK_TOLERANCE:.6f}"
        showing.hold.renew()
        self.client.note_delivered(showing.document, Delivered(message.slot, place.channel, begun, ""))
        try:
            return send_with_fallback(
                message, lambda text, blocks: self.slack.post(place.channel, text, blocks, place.thread, about)
            )
        except Unreachable:
            raise
        except SlackRefusal:
            self.client.forget_delivered(showing.document, message.slot)
            raise

    def _lost(self, attempt: Delivered, thread: str | None, about: Mapping[str, str]) -> Delivered | None:
        """The post whose answer never came, if it was done."""
        try:
            found = self.slack.find(attempt.channel, thread, about, attempt.ts.removeprefix("?"))
        except (MissingScope, NotInChannel) as refused:
            log.warning("a post may be there twice, since what was posted cannot be looked for: %s", refused)
            return None
        except MessageGone:
            return None
        return Delivered(attempt.slot, found.channel, found.ts, "") if found else None

    def _take_away(self, showing: HeldDocument, wanted: set[str], delivered: Mapping[str, Delivered]) -> None:
        """Messages of findings that a second attempt did not make again."""
        for slot, where in delivered.items():
            if slot in wanted or slot.startswith("elsewhere") or _attempted(where):
                continue
            showing.hold.renew()
            try:
                self.slack.delete(Posted(where.channel, where.ts))
            except MessageGone:
                log.info("%s of %s is gone already", slot, showing.document)
            self.client.forget_delivered(showing.document, slot)


def send_with_fallback(message: Message, send: _Send) -> Posted:
    """Sends the message, without its blocks where this workspace does not take them, shorter where it is too long."""
    try:
        return send(message.text, message.blocks)
    except (InvalidBlocks, TooLong) as refused:
        log.warning("%s is sent as plain text: %s", message.slot, refused)
        return send(message.text, [])


def _placed(place: Destination, delivered: Mapping[str, Delivered]) -> Destination:
    parent = delivered.get("parent")
    if place.thread is None and parent is not None and not _attempted(parent):
        return Destination(place.channel, parent.ts)
    return place


def _stale(wanted: Sequence[Message], delivered: Mapping[str, Delivered]) -> list[Message]:
    """What Slack does not show yet: the parent where there is none, then ends, then the rest from the top."""
    missing = [m for m in wanted if m.slot not in delivered or delivered[m.slot].digest != m.digest]
    parent = delivered.get("parent")
    placed = parent is not None and not _attempted(parent)
    return sorted(missing, key=lambda m: (placed or m.slot != "parent", not m.final))


def _attempted(where: Delivered) -> bool:
    """A post that was begun and of which no answer was noted; what follows the mark is when."""
    return where.ts.startswith("?")
