"""Makes Slack match: compares the messages that should exist with those delivered, and posts or updates the difference.

Delivering means "make it so", not "send this": a crash, a redelivery, a retry or a coalesced change needs no case of its
own, because the next look at the document finds what is still missing.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from celery import Celery
from celery.signals import worker_process_init

from bot.delivery.private_messages import send_privately
from bot.delivery.route_pictures import upload_picture, uploaded_picture_id
from bot.delivery.thread import Destination, HeldDocument, Thread
from bot.delivery.uploads import bundle_file, report_file, upload_once
from bot.fleet.courier import FleetCourier
from bot.messages.answers import channel_unavailable, gateway_list
from bot.messages.blocks import Message
from bot.messages.run import findings_wait, run_messages
from bot.messages.watch import watch_messages
from bot.slack.client import (
    ChannelGone,
    MessageGone,
    NotInChannel,
    RateLimited,
    Slack,
    SlackRefusal,
    TokenRevoked,
    Unreachable,
)
from bot.slack.logs import secrets
from bot.slack.settings import slack_settings
from checks.config.configuration import load
from workers.client import Client, connect
from workers.queue.app import COURIER_QUEUE, DELIVER, make_app
from workers.queue.settings import worker_settings
from workers.runs.documents import LockLost
from workers.runs.records import Delivered, ListingState, Run
from workers.telemetry.logs import set_up_celery_logs
from workers.telemetry.metrics import DELIVERIES, set_up_celery_metrics

log = logging.getLogger(__name__)

MAX_REVISIONS = 20
"""Newer revisions that one task shows before it makes room for others."""


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """What became of one delivery: done, or to be taken up again after `again_in` seconds; `limited` where nothing can
    be shown before."""

    again_in: float | None = None
    limited: bool = False

    @property
    def word(self) -> str:
        """For the metrics."""
        if self.again_in is None:
            return "shown"
        return "limited" if self.limited else "again"


class Courier:
    """Delivers documents with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack
        self.thread = Thread(client, slack)
        self.fleet = FleetCourier(client, slack, self.thread)

    def deliver(self, document: str) -> DeliveryOutcome:
        """Shows the document's latest state. Raises `workers.client.Unavailable` while Redis is gone."""
        if (wait := self.client.pause_left(document)) > 0:
            return DeliveryOutcome(wait, limited=True)
        outcome = DeliveryOutcome(0.0)
        for _ in range(MAX_REVISIONS):
            outcome = self._look(document)
            if outcome.again_in != 0.0:
                break
        if outcome.again_in is not None and outcome.limited:
            self.client.pause(document, outcome.again_in)
        return outcome

    def _look(self, document: str) -> DeliveryOutcome:
        revision = self.client.start_delivery(document)
        with self.client.hold(document) as hold:
            if hold is None:
                # Whoever holds it looks at the newest revision before it lets go of the document.
                return DeliveryOutcome()
            outcome = self._shown(HeldDocument(document, revision, hold))
        # Asked after the hold is given back: a change from here on finds a courier that is free to show it.
        if outcome.again_in is None and not self.client.end_delivery(document, revision):
            return DeliveryOutcome(again_in=0.0)
        return outcome

    def _shown(self, showing: HeldDocument) -> DeliveryOutcome:
        document = showing.document
        try:
            return self._made_so(showing)
        except LockLost:
            log.warning("%s was taken over by another courier", document)
            return DeliveryOutcome()
        except RateLimited as limited:
            log.info("%s waits %.0f s for Slack's limit", document, limited.retry_after)
            return DeliveryOutcome(limited.retry_after, limited=True)
        except Unreachable as lost:
            log.warning("%s: Slack did not answer (%s)", document, lost)
            return DeliveryOutcome(1.0, limited=True)
        except TokenRevoked as revoked:
            log.error("%s cannot be shown: %s; install the app again and set SLACK_BOT_TOKEN", document, revoked)  # noqa: TRY400 - no traceback
            return DeliveryOutcome(30.0, limited=True)
        except SlackRefusal as refused:
            log.error("%s cannot be shown: %s", document, refused)  # noqa: TRY400 - the code says it, a traceback does not
            self.client.abandon_delivery(document)
            return DeliveryOutcome()

    def _made_so(self, showing: HeldDocument) -> DeliveryOutcome:
        kind, _, name = showing.document.partition("/")
        match kind:
            case "run":
                return self._run(showing, name)
            case "watch":
                return self._watch(showing, name)
            case "file":
                return self._file(showing, name)
            case "digest":
                return DeliveryOutcome(again_in=self.fleet.digest(showing, name))
            case "handoff":
                return DeliveryOutcome(again_in=self.fleet.handoff(showing, name))
            case _:
                return self._listing(showing.document, name)

    # runs

    def _run(self, showing: HeldDocument, run_id: str) -> DeliveryOutcome:
        run = self.client.run(run_id)
        if run is None:
            self.client.abandon_delivery(showing.document)
            return DeliveryOutcome()
        try:
            return self._thread(showing, run)
        except (NotInChannel, ChannelGone) as refused:
            log.error("%s cannot be shown in %s: %s", showing.document, run.order.channel, refused)  # noqa: TRY400 - as above
            return self._elsewhere(showing, run, refused)

    def _thread(self, showing: HeldDocument, run: Run) -> DeliveryOutcome:
        now = datetime.now(UTC)
        before = self.client.run(run.order.after) if run.order.after else None
        later = self.client.run(run.later) if run.later else None
        image = uploaded_picture_id(self.client, run)
        rest = self._placed(showing, run, run_messages(run, now, before, later, image))
        # The list of hops comes first: a picture that cannot be uploaded must not keep it back.
        if not image and before is None and (image := upload_picture(self.client, self.slack, showing, run)):
            rest = self._placed(showing, run, run_messages(run, now, before, later, image))
        self._begun(run)
        if run.state.ended and rest is None:
            self.thread.forget(showing.document)
            self.client.note_verdict(run)
        wait = findings_wait(run, now)
        return DeliveryOutcome(again_in=min((each for each in (rest, wait or None) if each is not None), default=None))

    def _placed(self, showing: HeldDocument, run: Run, wanted: Sequence[Message]) -> float | None:
        try:
            return self.thread.show(showing, Destination(run.order.channel, run.order.thread), wanted)
        except MessageGone:
            if run.order.thread is None:
                raise
            log.info("the thread of %s was taken away: it is answered in the channel", showing.document)
            return self.thread.show(showing, Destination(run.order.channel, None), wanted)

    def _begun(self, run: Run) -> None:
        """From here on the thread's words are about this run."""
        parent = self.client.delivered(f"run/{run.id}").get("parent")
        if parent is not None and not parent.ts.startswith("?") and not run.later:
            self.client.remember_thread(parent.channel, run.order.thread or parent.ts, run.id)

    def _elsewhere(self, showing: HeldDocument, run: Run, refused: SlackRefusal) -> DeliveryOutcome:
        """The channel is closed to us: whoever asked is told through the command's response URL, else directly."""
        slot = "elsewhere/end" if run.state.ended else "elsewhere/begin"
        if slot not in self.client.delivered(showing.document):
            message = channel_unavailable(run, closed=isinstance(refused, ChannelGone))
            send_privately(self.slack, run.order.user, run.order.channel, run.order.response_url, message)
            self.client.note_delivered(showing.document, Delivered(slot, run.order.user, "0", message.digest))
        return DeliveryOutcome()

    # watches and files

    def _watch(self, showing: HeldDocument, watch_id: str) -> DeliveryOutcome:
        watch = self.client.find_watch(watch_id)
        if watch is None:
            self.client.abandon_delivery(showing.document)
            return DeliveryOutcome()
        wanted = watch_messages(watch, self.client.watch_interval)
        try:
            return DeliveryOutcome(again_in=self.thread.show(showing, Destination(watch.channel, watch.thread), wanted))
        except (NotInChannel, ChannelGone) as refused:
            log.error("%s cannot be shown in %s: %s", showing.document, watch.channel, refused)  # noqa: TRY400 - as above
            if watch.state.ended and "elsewhere/end" not in self.client.delivered(showing.document):
                send_privately(self.slack, watch.user, watch.channel, "", wanted[1])
                self.client.note_delivered(showing.document, Delivered("elsewhere/end", watch.user, "0", ""))
            return DeliveryOutcome()

    def _file(self, showing: HeldDocument, name: str) -> DeliveryOutcome:
        run_id, _, kind = name.partition(":")
        run = self.client.run(run_id)
        if run is None:
            self.client.abandon_delivery(showing.document)
            return DeliveryOutcome()
        parent = self.client.delivered(f"run/{run_id}").get("parent")
        thread = run.order.thread or (parent.ts if parent is not None else None)
        file = bundle_file(run_id, self.client.evidence(run_id)) if kind == "bundle" else report_file(run)
        if file is not None and thread is not None:
            upload_once(self.client, self.slack, showing, Destination(run.order.channel, thread), file)
        return DeliveryOutcome()

    # listings

    def _listing(self, document: str, name: str) -> DeliveryOutcome:
        listing = self.client.listing(name)
        if listing is None or listing.state is ListingState.WAITING:
            return DeliveryOutcome()
        if "answer" not in self.client.delivered(document):
            message = gateway_list(listing, self.client.verdicts(listing.cluster))
            send_privately(self.slack, listing.user, listing.channel, listing.response_url, message)
            self.client.note_delivered(document, Delivered("answer", listing.channel, "0", message.digest))
        return DeliveryOutcome()


set_up_celery_logs(secrets)
set_up_celery_metrics()

celery: Celery = make_app(worker_settings())
celery.conf.task_routes = {}


@cache
def courier() -> Courier:
    """This process's courier, with connections made after the fork. Raises ConfigError."""
    config = load(None, slack_settings().config)
    return Courier(connect(worker_settings(), config, patience=True), Slack(slack_settings()))


@worker_process_init.connect
def _fresh(**_: object) -> None:
    courier.cache_clear()


_waking: dict[str, float] = {}
"""When this process looks at a document again: one wake-up stands for all that were wanted later."""


@celery.task(name=DELIVER)
def deliver(document: str) -> None:
    """Shows one document's latest state."""
    outcome = courier().deliver(document)
    DELIVERIES.labels(outcome.word).inc()
    if outcome.again_in is None:
        return
    now = time.monotonic()
    if now < _waking.get(document, 0.0) <= now + outcome.again_in:
        return
    for past in [each for each, at in list(_waking.items()) if at < now]:
        _waking.pop(past, None)
    _waking[document] = now + outcome.again_in
    deliver.apply_async(args=(document,), countdown=outcome.again_in, queue=COURIER_QUEUE)
