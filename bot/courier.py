"""Makes Slack match: compares the messages that should exist with those delivered, and posts or updates the difference.

Delivering means "make it so", not "send this": a crash, a redelivery, a retry or a coalesced change needs no case of its
own, because the next look at the document finds what is still missing. A post whose answer was lost is found again by its
metadata. Order: what tells an end first, then the rest of the thread from the top.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from bot.messages.answers import elsewhere, listing_answer
from bot.messages.blocks import Message
from bot.messages.run import findings_wait, messages
from bot.settings import settings
from bot.slack import (
    ChannelGone,
    InvalidBlocks,
    MessageGone,
    MissingScope,
    NotInChannel,
    Posted,
    RateLimited,
    Slack,
    SlackRefusal,
    TokenRevoked,
    TooLong,
    Unreachable,
)
from checks.config import load
from workers.app import DELIVER, make_app
from workers.client import Client, connect
from workers.records import Delivered, ListingState, Run
from workers.settings import settings as worker_settings

log = logging.getLogger(__name__)

PARENT_INTERVAL = 1.0
"""Seconds between two edits of a parent message, unless it tells an end (slack.md: at most once a second)."""

CLOCKS = 60.0
"""Seconds by which Slack's clock and ours may differ when a lost post is looked for."""

_Send = Callable[[str, Sequence[dict[str, Any]]], Posted]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery: done, or to be taken up again after `again_in` seconds."""

    again_in: float | None = None


class Courier:
    """Delivers documents with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.documents = client.documents
        self.slack = slack
        self._edited: dict[str, float] = {}

    def deliver(self, document: str) -> Outcome:
        """Shows the document's latest state. Raises `workers.client.Unavailable` while Redis is gone."""
        with self.documents.held(document) as mine:
            if not mine:
                # Whoever holds it may have read an older state: look again when it is done.
                return Outcome(again_in=1.0)
            revision = self.documents.looked(document)
            outcome = self._shown(document)
            if outcome.again_in is None and not self.documents.reached(document, revision):
                return Outcome(again_in=0.0)
            return outcome

    def _shown(self, document: str) -> Outcome:
        kind, _, name = document.partition("/")
        try:
            return self._run(document, name) if kind == "run" else self._listing(document, name)
        except RateLimited as limited:
            log.info("%s waits %.0f s for Slack's limit", document, limited.retry_after)
            return Outcome(again_in=limited.retry_after)
        except Unreachable as lost:
            log.warning("%s: Slack did not answer (%s)", document, lost)
            return Outcome(again_in=2.0)
        except TokenRevoked as revoked:
            log.error("%s cannot be shown: %s; install the app again and set SLACK_BOT_TOKEN", document, revoked)  # noqa: TRY400 - no traceback
            return Outcome(again_in=30.0)
        except SlackRefusal as refused:
            log.error("%s cannot be shown: %s", document, refused)  # noqa: TRY400 - the code says it, a traceback does not
            self.documents.given_up(document)
            return Outcome()

    # runs

    def _run(self, document: str, run_id: str) -> Outcome:
        run = self.client.run(run_id)
        if run is None:
            self.documents.given_up(document)
            return Outcome()
        try:
            return self._thread(document, run)
        except (NotInChannel, ChannelGone) as refused:
            log.error("%s cannot be shown in %s: %s", document, run.order.channel, refused)  # noqa: TRY400 - as above
            return self._elsewhere(document, run, refused)

    def _thread(self, document: str, run: Run) -> Outcome:
        now = datetime.now(UTC)
        wanted = messages(run, now)
        delivered = self.documents.deliveries(document).slots
        rest: float | None = findings_wait(run, now) or None
        place = delivered.get(wanted[0].slot)
        thread = run.order.thread or (place.ts if place and not _attempted(place) else None)
        for message in _stale(wanted, delivered):
            if message.slot == "parent" and not message.final and thread is not None:
                wait = PARENT_INTERVAL - (time.monotonic() - self._edited.get(document, 0.0))
                if wait > 0:
                    rest = wait
                    continue
            posted = self._show(document, run, message, delivered.get(message.slot), thread)
            if message.slot == "parent":
                thread = run.order.thread or posted.ts
                self._edited[document] = time.monotonic()
        self._take_away(document, {m.slot for m in wanted}, delivered)
        if run.state.ended:
            self._edited.pop(document, None)
        return Outcome(again_in=rest)

    def _show(self, document: str, run: Run, message: Message, before: Delivered | None, thread: str | None) -> Posted:
        about = {"document": document, "slot": message.slot}
        if message.slot == "parent":
            thread = run.order.thread
        if before is not None and _attempted(before):
            before = self._lost(before, thread, about)
        posted = self._updated(message, before, about) if before is not None else None
        if posted is None:
            posted = self._posted(document, run.order.channel, message, thread, about)
        self.documents.delivered(document, Delivered(message.slot, posted.channel, posted.ts, message.digest))
        return posted

    def _updated(self, message: Message, before: Delivered, about: dict[str, str]) -> Posted | None:
        where = Posted(before.channel, before.ts)
        try:
            return _formed(message, lambda text, blocks: self.slack.update(where, text, blocks, about))
        except MessageGone:
            log.info("%s of %s was taken away: it is posted again", message.slot, about["document"])
            return None

    def _posted(
        self, document: str, channel: str, message: Message, thread: str | None, about: dict[str, str]
    ) -> Posted:
        # Noted before it is tried: a crash between the post and its answer must not lead to a second post.
        begun = f"?{time.time() - CLOCKS:.6f}"
        self.documents.delivered(document, Delivered(message.slot, channel, begun, ""))
        try:
            return _formed(message, lambda text, blocks: self.slack.post(channel, text, blocks, thread, about))
        except Unreachable:
            raise
        except SlackRefusal:
            self.documents.undelivered(document, message.slot)
            raise

    def _lost(self, attempt: Delivered, thread: str | None, about: dict[str, str]) -> Delivered | None:
        """The post whose answer never came, if it was done."""
        try:
            found = self.slack.find(attempt.channel, thread, about, attempt.ts.removeprefix("?"))
        except MissingScope as scope:
            log.warning("a post may be there twice: finding it needs the scope %s", scope.detail)
            return None
        return Delivered(attempt.slot, found.channel, found.ts, "") if found else None

    def _take_away(self, document: str, wanted: set[str], delivered: dict[str, Delivered]) -> None:
        """Messages of findings that a second attempt did not make again."""
        for slot, place in delivered.items():
            if slot in wanted or slot.startswith("elsewhere") or _attempted(place):
                continue
            try:
                self.slack.delete(Posted(place.channel, place.ts))
            except MessageGone:
                log.info("%s of %s is gone already", slot, document)
            self.documents.undelivered(document, slot)

    def _elsewhere(self, document: str, run: Run, refused: SlackRefusal) -> Outcome:
        """The channel is closed to us: whoever asked is told through the command's response URL, else directly."""
        slot = "elsewhere/end" if run.state.ended else "elsewhere/begin"
        if slot not in self.documents.deliveries(document).slots:
            message = elsewhere(run, closed=isinstance(refused, ChannelGone))
            self._tell(run.order.user, run.order.response_url, run.order.channel, message)
            self.documents.delivered(document, Delivered(slot, run.order.user, "0", message.digest))
        return Outcome()

    def _tell(self, user: str, response_url: str, channel: str, message: Message) -> None:
        """The best remaining way to one person: response URL, ephemeral message, direct message."""
        ways: list[Callable[[], object]] = [
            lambda: self.slack.ephemeral(channel, user, message.text, message.blocks),
            lambda: self.slack.post(user, message.text, message.blocks, None, {"slot": message.slot}),
        ]
        if response_url:
            ways.insert(0, lambda: self.slack.respond(response_url, message.text, message.blocks))
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

    # listings

    def _listing(self, document: str, name: str) -> Outcome:
        listing = self.client.history.listing(name)
        if listing is None or listing.state is ListingState.WAITING:
            return Outcome()
        if "answer" not in self.documents.deliveries(document).slots:
            message = listing_answer(listing, self.client.verdicts(listing.cluster))
            self._tell(listing.user, listing.response_url, listing.channel, message)
            self.documents.delivered(document, Delivered("answer", listing.channel, "0", message.digest))
        return Outcome()


def _stale(wanted: Sequence[Message], delivered: dict[str, Delivered]) -> list[Message]:
    """What Slack does not show yet: the parent where there is none, then ends, then the thread from the top."""
    missing = [m for m in wanted if m.slot not in delivered or delivered[m.slot].digest != m.digest]
    placed = "parent" in delivered and not _attempted(delivered["parent"])
    return sorted(missing, key=lambda m: (placed or m.slot != "parent", not m.final))


def _attempted(place: Delivered) -> bool:
    """A post that was begun and of which no answer was noted; what follows the mark is when."""
    return place.ts.startswith("?")


def _formed(message: Message, send: _Send) -> Posted:
    """Sends the message, without its blocks where this workspace does not take them, shorter where it is too long."""
    try:
        return send(message.text, message.blocks)
    except (InvalidBlocks, TooLong) as refused:
        log.warning("%s is sent as plain text: %s", message.slot, refused)
        return send(message.text, [])


app: Celery = make_app(worker_settings())
app.conf.task_routes = {}


@cache
def courier() -> Courier:
    """This process's courier, with connections made after the fork. Raises ConfigError."""
    config = load(None, settings().config)
    return Courier(connect(worker_settings(), config, patience=True), Slack(settings()))


@worker_process_init.connect
def _fresh(**_: object) -> None:
    courier.cache_clear()


@app.task(name=DELIVER)
def deliver(document: str) -> None:
    """Shows one document's latest state."""
    outcome = courier().deliver(document)
    if outcome.again_in is not None:
        deliver.apply_async(args=(document,), countdown=outcome.again_in, queue="courier")
