"""The courier, which delivers documents.

A delivery brings Slack to the state of a document; it does not send a given message. Crashes, redeliveries, retries and
merged changes need no special case, because the next delivery finds the remaining difference.
"""

import logging

from bot.courier.fleet_documents import FleetDocuments
from bot.courier.run_documents import RunDocuments
from bot.delivery.private_messages import send_privately
from bot.delivery.thread import Destination, Thread
from bot.messages.answers import gateway_list
from bot.messages.watch import watch_messages
from bot.slack.web_api import (
    ChannelUnavailable,
    NotInChannel,
    RateLimited,
    Slack,
    SlackRefusal,
    TokenRevoked,
    Unreachable,
)
from workers.client import Client, HeldDocument
from workers.records.delivered import Delivered, DeliveryOutcome
from workers.records.listing import Listing, ListingState
from workers.records.watch import Watch

log = logging.getLogger(__name__)


class Courier:
    """Delivers documents with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack
        self.thread = Thread(client, slack)
        self.runs = RunDocuments(client, slack, self.thread)
        self.fleet = FleetDocuments(client, slack, self.thread)

    def deliver(self, document: str) -> DeliveryOutcome:
        """Bring Slack to the latest state of the document.

        Raises `workers.client.Unavailable` if Redis is down.
        """
        return self.client.deliveries.deliver(document, self._delivered)

    def _delivered(self, held: HeldDocument) -> DeliveryOutcome:
        document = held.document
        try:
            return DeliveryOutcome(self._dispatch(held))
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
            case "digest":
                return self.fleet.digest(held, name)
            case "handoff":
                return self.fleet.handoff(held, name)
            case _:
                return self._listing(held.document, name)

    def _watch(self, held: HeldDocument, watch_id: str) -> float | None:
        watch = self.client.get(Watch, watch_id)
        if watch is None:
            return None
        wanted = watch_messages(watch, self.client.watch_interval)
        try:
            return self.thread.show(held, Destination(watch.channel, watch.thread), wanted)
        except (NotInChannel, ChannelUnavailable) as refused:
            log.error("%s cannot be posted in %s: %s", held.document, watch.channel, refused)  # noqa: TRY400 - as above
            if watch.state.ended and "elsewhere/end" not in self.client.deliveries.delivered(held.document):
                send_privately(self.slack, watch.user, watch.channel, "", wanted[1])
                self.client.deliveries.note_delivered(held.document, Delivered("elsewhere/end", watch.user, "0", ""))
            return None

    def _listing(self, document: str, name: str) -> float | None:
        listing = self.client.get(Listing, name)
        if listing is None or listing.state is ListingState.WAITING:
            return None
        if "answer" not in self.client.deliveries.delivered(document):
            message = gateway_list(listing, self.client.gateways.verdicts(listing.cluster))
            send_privately(self.slack, listing.user, listing.channel, listing.response_url, message)
            delivered = Delivered("answer", listing.channel, "0", message.digest)
            self.client.deliveries.note_delivered(document, delivered)
        return None
