"""The courier, which delivers documents.

A delivery brings Slack to the state of a document; it does not send a given message. Crashes, redeliveries, retries and
merged changes need no special case, because the next delivery finds the remaining difference.
"""

import logging

from bot.courier.fleet_documents import FleetDocuments
from bot.courier.run_documents import AWAITED_SECONDS, RunDocuments
from bot.courier.step_documents import StepDocuments
from bot.courier.workflow_documents import WorkflowDocuments
from bot.delivery.differences import Destination
from bot.delivery.newest_blocks import NewestBlocks
from bot.delivery.private_messages import send_privately
from bot.delivery.thread import Thread
from bot.messages.answers import gateway_list
from bot.messages.watch import watch_elsewhere, watch_end, watch_messages
from bot.slack.web_api import (
    MessageDeleted,
    RateLimited,
    Slack,
    SlackRefusal,
    TemporaryRefusal,
    TokenRefused,
    TokenRevoked,
    Unreachable,
)
from workers.client import Client, HeldDocument
from workers.records.delivered import Delivered, DeliveryOutcome
from workers.records.listing import Listing, ListingState
from workers.records.watch import Watch

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 1.0
"""Seconds until a failed delivery is repeated; doubled after each further failure."""

MOST_WAIT_SECONDS = 30.0
"""The longest time between two attempts."""

INFORM_SECONDS = 60.0
"""Seconds of failed attempts after which the requester is informed elsewhere."""

GIVE_UP_SECONDS = 3600.0
"""Seconds of unknown answers after which a document waits for its next change."""


class Courier:
    """Delivers documents with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack
        self.newest = NewestBlocks(client, slack)
        self.thread = Thread(slack, self.newest)
        self.runs = RunDocuments(client, slack, self.thread)
        self.fleet = FleetDocuments(client, slack, self.thread)
        self.steps = StepDocuments(client, slack, self.thread)
        self.workflows = WorkflowDocuments(client, slack)

    def deliver(self, document: str) -> DeliveryOutcome:
        """Bring Slack to the latest state of the document.

        Raises `workers.client.Unavailable` if Redis is down.
        """
        return self.client.deliveries.deliver(document, self._delivered)

    def _delivered(self, held: HeldDocument) -> DeliveryOutcome:
        document = held.document
        try:
            wait = self._dispatch(held)
            if wait is not None:
                return DeliveryOutcome(wait)
            return DeliveryOutcome(search_seconds=self.thread.duplicates.remove(held))
        except (TemporaryRefusal, TokenRefused) as refused:
            return self._repeated(held, refused)
        except SlackRefusal as refused:
            log.error("%s cannot be delivered: %s", document, refused)  # noqa: TRY400 - no traceback
            held.note_failure(refused.code)
            try:
                self._inform(held, refused)
            except TemporaryRefusal as failure:
                return self._repeated(held, failure)
            return DeliveryOutcome(refused=True)

    def _repeated(self, held: HeldDocument, refused: TemporaryRefusal | TokenRefused) -> DeliveryOutcome:
        """Repeat the delivery later: as long as Slack is down, else for a limited time.

        After a minute, the person who waits for the document is informed by any other method that works.
        """
        if isinstance(refused, RateLimited):
            log.info("%s waits %.0f s for Slack's rate limit", held.document, refused.retry_after)
            return DeliveryOutcome(refused.retry_after, limited=True)
        failure = held.note_failure(refused.code)
        wait = min(MOST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(failure.count - 1, 10))
        if isinstance(refused, TokenRefused):
            wait = MOST_WAIT_SECONDS
            log.error(
                "%s cannot be delivered: %s; install the app again and set SLACK_BOT_TOKEN", held.document, refused
            )
        else:
            what = "did not answer" if isinstance(refused, Unreachable) else "gave an unknown answer"
            log.warning("%s: Slack %s (%s); attempt %d", held.document, what, refused, failure.count)
        if isinstance(refused, TokenRefused) or failure.seconds >= INFORM_SECONDS:
            try:
                self._inform(held, refused)
            except TemporaryRefusal as again:
                log.info("%s: its requester could not be informed: %s", held.document, again)
        if not isinstance(refused, Unreachable | TokenRevoked) and failure.seconds >= GIVE_UP_SECONDS:
            log.error("%s is given up after %.0f s: %s", held.document, failure.seconds, refused)
            return DeliveryOutcome(refused=True)
        return DeliveryOutcome(wait, limited=True)

    def _inform(self, held: HeldDocument, refused: SlackRefusal) -> None:
        """Inform the person who waits for the document.

        Raises TemporaryRefusal if that may succeed later.
        """
        kind, _, name = held.document.partition("/")
        try:
            match kind:
                case "run":
                    self.runs.inform_requester(held, name, refused)
                case "file":
                    self.runs.inform_file_requester(held, name, refused)
                case "watch":
                    self._inform_watcher(held, name, refused)
                case "action":
                    self.steps.inform_requester(held, name, refused)
                case "digest":
                    self.fleet.inform_of_digest(held, name, refused)
                case "handoff":
                    self.fleet.inform_of_handoff(held, name, refused)
                case _:
                    pass  # a list of gateways is itself a private answer
        except TemporaryRefusal:
            raise
        except SlackRefusal as second:
            log.error("%s: no method to inform its requester works: %s", held.document, second)  # noqa: TRY400 - no traceback

    def _dispatch(self, held: HeldDocument) -> float | None:
        """Deliver by the kind of the document. Returns the seconds until the next attempt, or None."""
        kind, _, name = held.document.partition("/")
        match kind:
            case "run":
                return self.runs.run(held, name)
            case "file":
                return self.runs.file(held, name)
            case "watch":
                return self._watch(held, name)
            case "action":
                return self.steps.step(held, name)
            case "digest":
                return self.fleet.digest(held, name)
            case "handoff":
                return self.fleet.handoff(held, name)
            case "workflow":
                return self.workflows.step(held, name)
            case _:
                return self._listing(held, name)

    def _watch(self, held: HeldDocument, watch_id: str) -> float | None:
        watch = self.client.get(Watch, watch_id)
        if watch is None:
            return None
        if watch.card and self.client.cards.is_awaited(watch.card):
            return AWAITED_SECONDS
        thread = (self.client.cards.thread_of(watch.card) if watch.card else None) or watch.thread
        place = Destination(watch.channel, thread)
        if thread is None and watch.uneventful and "watch" not in held.deliveries().slots:
            self._end_privately(held, watch)
            return None
        try:
            return self.thread.show(held, place, watch_messages(watch, self.client.watch_interval))
        except MessageDeleted:
            if watch.card and self.runs.cards.replaced(watch.card, place):
                return AWAITED_SECONDS
            raise

    def _end_privately(self, held: HeldDocument, watch: Watch) -> None:
        """Send the end of a watch that had nothing to report to its person alone.

        Without a thread, its messages would be in the channel.
        """
        if watch.state.ended and "private/end" not in held.deliveries().slots:
            message = watch_end(watch)
            send_privately(self.slack, watch.user, watch.channel, "", message, renew=held.renew)
            held.note(Delivered("private/end", watch.user, "0", message.digest))

    def _inform_watcher(self, held: HeldDocument, watch_id: str, refused: SlackRefusal) -> None:
        """Send the state of a watch to its person, at the first refusal and at the end.

        The bot cannot post in the channel.
        """
        watch = self.client.get(Watch, watch_id)
        if watch is None:
            return
        log.error("%s cannot be posted in %s: %s", held.document, watch.channel, refused)
        slot = "elsewhere/end" if watch.state.ended else "elsewhere/begin"
        if slot not in held.deliveries().slots:
            message = watch_elsewhere(watch, self.client.watch_interval, refused.fix)
            send_privately(self.slack, watch.user, watch.channel, "", message, renew=held.renew)
            held.note(Delivered(slot, watch.user, "0", message.digest))

    def _listing(self, held: HeldDocument, name: str) -> float | None:
        listing = self.client.get(Listing, name)
        if listing is None or listing.state is ListingState.WAITING:
            return None
        if "answer" not in held.deliveries().slots:
            verdicts = self.client.installation([listing.cluster]).verdicts
            message = gateway_list(listing, {f"{each.namespace}/{each.gateway}": each for each in verdicts})
            url = listing.response_url
            send_privately(
                self.slack, listing.user, listing.channel, url, message, renew=held.renew, newest=self.newest
            )
            held.note(Delivered("answer", listing.channel, "0", message.digest))
        return None
