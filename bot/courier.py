"""The courier, which posts and updates messages until Slack shows a document's state.

A delivery brings Slack to the state of a document; it does not send a given message. Crashes, redeliveries, retries and
merged changes need no special case, because the next delivery finds the remaining difference.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from celery import Celery

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
    ChannelUnavailable,
    MessageDeleted,
    NotInChannel,
    RateLimited,
    Slack,
    SlackRefusal,
    TokenRevoked,
    Unreachable,
)
from bot.slack.logs import secrets
from bot.slack.settings import slack_settings
from checks.config.configuration_file import load
from workers.client import Client, connect
from workers.queue.app import COURIER_QUEUE, DELIVER, make_app
from workers.queue.settings import worker_settings
from workers.records.delivered import Delivered
from workers.records.listing import ListingState
from workers.records.run import Run
from workers.runs.documents import LockLost
from workers.telemetry.logs import set_up_celery_logs
from workers.telemetry.metrics import DELIVERIES, set_up_celery_metrics

log = logging.getLogger(__name__)

MAX_REVISIONS = 20
"""Revisions that one task delivers before it leaves the worker to other documents."""


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """The outcome of a delivery: complete, or to repeat after `retry_seconds`.

    `limited` means that Slack's rate limit is the reason.
    """

    retry_seconds: float | None = None
    limited: bool = False

    @property
    def label(self) -> str:
        """The outcome as a label of the metrics."""
        if self.retry_seconds is None:
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
        """Bring Slack to the latest state of the document.

        Raises `workers.client.Unavailable` if Redis is down.
        """
        if (wait := self.client.pause_left(document)) > 0:
            return DeliveryOutcome(wait, limited=True)
        outcome = DeliveryOutcome(0.0)
        for _ in range(MAX_REVISIONS):
            outcome = self._deliver_revision(document)
            if outcome.retry_seconds != 0.0:
                break
        if outcome.retry_seconds is not None and outcome.limited:
            self.client.pause(document, outcome.retry_seconds)
        return outcome

    def _deliver_revision(self, document: str) -> DeliveryOutcome:
        revision = self.client.start_delivery(document)
        with self.client.hold(document) as hold:
            if hold is None:
                # The courier with the lock delivers the newest revision before it releases the document.
                return DeliveryOutcome()
            outcome = self._delivered(HeldDocument(document, revision, hold))
        # Read after the lock is released: a later change finds the document unlocked.
        if outcome.retry_seconds is None and not self.client.end_delivery(document, revision):
            return DeliveryOutcome(retry_seconds=0.0)
        return outcome

    def _delivered(self, held: HeldDocument) -> DeliveryOutcome:
        document = held.document
        try:
            return self._dispatch(held)
        except LockLost:
            log.warning("%s was taken over by another courier", document)
            return DeliveryOutcome()
        except RateLimited as limited:
            log.info("%s waits %.0f s for Slack's rate limit", document, limited.retry_after)
            return DeliveryOutcome(limited.retry_after, limited=True)
        except Unreachable as lost:
            log.warning("%s: Slack did not answer (%s)", document, lost)
            return DeliveryOutcome(1.0, limited=True)
        except TokenRevoked as revoked:
            log.error("%s cannot be delivered: %s; install the app again and set SLACK_BOT_TOKEN", document, revoked)  # noqa: TRY400 - no traceback
            return DeliveryOutcome(30.0, limited=True)
        except SlackRefusal as refused:
            log.error("%s cannot be delivered: %s", document, refused)  # noqa: TRY400 - no traceback
            return DeliveryOutcome()

    def _dispatch(self, held: HeldDocument) -> DeliveryOutcome:
        kind, _, name = held.document.partition("/")
        match kind:
            case "run":
                return self._run(held, name)
            case "watch":
                return self._watch(held, name)
            case "file":
                return self._file(held, name)
            case "digest":
                return DeliveryOutcome(retry_seconds=self.fleet.digest(held, name))
            case "handoff":
                return DeliveryOutcome(retry_seconds=self.fleet.handoff(held, name))
            case _:
                return self._listing(held.document, name)

    # runs

    def _run(self, held: HeldDocument, run_id: str) -> DeliveryOutcome:
        run = self.client.run(run_id)
        if run is None:
            return DeliveryOutcome()
        try:
            return self._thread(held, run)
        except (NotInChannel, ChannelUnavailable) as refused:
            log.error("%s cannot be posted in %s: %s", held.document, run.order.channel, refused)  # noqa: TRY400 - as above
            return self._notify_requester(held, run, refused)

    def _thread(self, held: HeldDocument, run: Run) -> DeliveryOutcome:
        now = datetime.now(UTC)
        before = self.client.run(run.order.after) if run.order.after else None
        later = self.client.run(run.later) if run.later else None
        image = uploaded_picture_id(self.client, run)
        retry_in = self._show(held, run, run_messages(run, now, before, later, image))
        # The list of hops comes first: an upload that fails must not delay it.
        if not image and before is None and (image := upload_picture(self.client, self.slack, held, run)):
            retry_in = self._show(held, run, run_messages(run, now, before, later, image))
        self._remember_thread(run)
        if run.state.ended and retry_in is None:
            self.thread.forget(held.document)
            self.client.note_verdict(run)
        findings_in = findings_wait(run, now) or None
        return DeliveryOutcome(
            retry_seconds=min((each for each in (retry_in, findings_in) if each is not None), default=None)
        )

    def _show(self, held: HeldDocument, run: Run, wanted: Sequence[Message]) -> float | None:
        try:
            return self.thread.show(held, Destination(run.order.channel, run.order.thread), wanted)
        except MessageDeleted:
            if run.order.thread is None:
                raise
            log.info("the thread of %s was deleted; it is answered in the channel", held.document)
            return self.thread.show(held, Destination(run.order.channel, None), wanted)

    def _remember_thread(self, run: Run) -> None:
        """Link the thread to the run: commands in the thread refer to it."""
        parent = self.client.delivered(f"run/{run.id}").get("parent")
        if parent is not None and not parent.unanswered and not run.later:
            self.client.remember_thread(parent.channel, run.order.thread or parent.ts, run.id)

    def _notify_requester(self, held: HeldDocument, run: Run, refused: SlackRefusal) -> DeliveryOutcome:
        """Send the state of the run to its requester, because the bot cannot post in the channel."""
        slot = "elsewhere/end" if run.state.ended else "elsewhere/begin"
        if slot not in self.client.delivered(held.document):
            message = channel_unavailable(run, closed=isinstance(refused, ChannelUnavailable))
            send_privately(self.slack, run.order.user, run.order.channel, run.order.response_url, message)
            self.client.note_delivered(held.document, Delivered(slot, run.order.user, "0", message.digest))
        return DeliveryOutcome()

    # watches and files

    def _watch(self, held: HeldDocument, watch_id: str) -> DeliveryOutcome:
        watch = self.client.find_watch(watch_id)
        if watch is None:
            return DeliveryOutcome()
        wanted = watch_messages(watch, self.client.watch_interval)
        try:
            return DeliveryOutcome(
                retry_seconds=self.thread.show(held, Destination(watch.channel, watch.thread), wanted)
            )
        except (NotInChannel, ChannelUnavailable) as refused:
            log.error("%s cannot be posted in %s: %s", held.document, watch.channel, refused)  # noqa: TRY400 - as above
            if watch.state.ended and "elsewhere/end" not in self.client.delivered(held.document):
                send_privately(self.slack, watch.user, watch.channel, "", wanted[1])
                self.client.note_delivered(held.document, Delivered("elsewhere/end", watch.user, "0", ""))
            return DeliveryOutcome()

    def _file(self, held: HeldDocument, name: str) -> DeliveryOutcome:
        run_id, _, kind = name.partition(":")
        run = self.client.run(run_id)
        if run is None:
            return DeliveryOutcome()
        parent = self.client.delivered(f"run/{run_id}").get("parent")
        thread = run.order.thread or (parent.ts if parent is not None else None)
        file = bundle_file(run_id, self.client.evidence(run_id)) if kind == "bundle" else report_file(run)
        if file is not None and thread is not None:
            upload_once(self.client, self.slack, held, Destination(run.order.channel, thread), file)
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
    """The courier of this process. Raises ConfigError.

    The first task makes it, so each connection is made after the fork.
    """
    config = load(None, slack_settings().config)
    return Courier(connect(worker_settings(), config, retry=True), Slack(slack_settings()))


_next_delivery: dict[str, float] = {}
"""The time of the next delivery of each document in this process.

One task replaces all that were to come later.
"""


@celery.task(name=DELIVER)
def deliver(document: str) -> None:
    """Bring Slack to the latest state of a document."""
    outcome = courier().deliver(document)
    DELIVERIES.labels(outcome.label).inc()
    if outcome.retry_seconds is None:
        return
    now = time.monotonic()
    if now < _next_delivery.get(document, 0.0) <= now + outcome.retry_seconds:
        return
    for past in [each for each, at in list(_next_delivery.items()) if at < now]:
        _next_delivery.pop(past, None)
    _next_delivery[document] = now + outcome.retry_seconds
    deliver.apply_async(args=(document,), countdown=outcome.retry_seconds, queue=COURIER_QUEUE)
