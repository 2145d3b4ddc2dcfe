"""Delivery of runs: the thread of a run, and the files that people request."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.access.record_permissions import checked_target
from bot.courier.card_views import CardViews
from bot.delivery.differences import Destination
from bot.delivery.private_messages import send_privately
from bot.delivery.prompts import suggest_questions
from bot.delivery.route_pictures import upload_picture
from bot.delivery.thread import Thread
from bot.delivery.uploads import bundle_file, report_file, upload_once
from bot.messages.answers import channel_unavailable, file_not_posted, wrong_gateway
from bot.messages.blocks import Message
from bot.messages.card import CardView
from bot.messages.run import findings_wait, run_messages
from bot.slack.web_api import MessageDeleted, MessageRefused, Slack, SlackRefusal
from checks.config.automatic_requesters import AUTOMATIC_USERS
from workers.client import Client, HeldDocument
from workers.records.alert import ThreadAlerts
from workers.records.delivered import Delivered
from workers.records.run import Run

log = logging.getLogger(__name__)

AWAITED_SECONDS = 1.0
"""Seconds until a run is delivered whose card is not posted yet."""


class RunDocuments:
    """Delivers runs and their files with one Slack client.

    The methods return the seconds until the next attempt, or None. They raise SlackRefusal.
    """

    def __init__(self, client: Client, slack: Slack, thread: Thread) -> None:
        self.client = client
        self.slack = slack
        self.thread = thread
        self.cards = CardViews(client, slack)

    def run(self, held: HeldDocument, run_id: str) -> float | None:
        """Deliver the thread of a run."""
        run = self.client.get(Run, run_id)
        if run is None:
            return None
        try:
            return self._thread(held, run)
        except SlackRefusal as refused:
            # Commands in the thread refer to the run also while a message of it is missing.
            self.client.deliveries.run_shown(run, complete=isinstance(refused, MessageRefused))
            raise

    def _correct(self, held: HeldDocument, run: Run) -> None:
        """Remove the run from the channel, and send its users the correct commands."""
        self.thread.show(held, self._place(run), ())
        message = wrong_gateway(run)
        for user in (each for each in dict.fromkeys((run.order.user, *run.joined)) if each not in AUTOMATIC_USERS):
            slot = f"elsewhere/mistake/{user}"
            if slot not in held.deliveries().slots:
                url = run.order.response_url if user == run.order.user else ""
                thread = self._place(run).thread
                send_privately(self.slack, user, run.order.channel, url, message, thread, renew=held.renew)
                held.note(Delivered(slot, user, "0", message.digest))
        self.thread.forget(held.document)
        self.client.workflows.run_shown(run)

    def _thread(self, held: HeldDocument, run: Run) -> float | None:
        if run.private:
            self._correct(held, run)
            return None
        if run.order.card and self.client.cards.is_awaited(run.order.card):
            return AWAITED_SECONDS
        now = datetime.now(UTC)
        before = self._before(run)
        later = self.client.get(Run, run.later) if run.later else None
        alerts = self.client.get(ThreadAlerts, run.id)
        card = self.cards.view(held, run, alerts)
        image, offered = held.picture_id(), self._offered(run if card is None or card.latest is None else card.latest)

        def wanted() -> Sequence[Message]:
            return run_messages(run, now, before, later, image, offered, card=card, alerts=alerts)

        retry_in = self._show(held, run, wanted())
        # The list of hops comes first: an upload that fails must not delay it.
        if not image and before is None and (image := upload_picture(self.slack, held, run)):
            retry_in = self._show(held, run, wanted())
        self.client.deliveries.run_shown(run, complete=retry_in is None)
        if run.state.ended and retry_in is None:
            self.thread.forget(held.document)
            self.client.workflows.run_shown(run)
            self._suggest(held, run)
        findings_in = findings_wait(run, now) or None
        linked_in = AWAITED_SECONDS if card is not None and self._awaits_newer(run, card) else None
        return min((each for each in (retry_in, findings_in, linked_in) if each is not None), default=None)

    def _before(self, run: Run) -> Run | None:
        """The run with which the result of a repetition is compared."""
        if run.order.after is None:
            return None
        before = self.client.get(Run, run.compared) if run.compared else None
        if before is not None and before.report is not None:
            return before
        # A change that another check has reported is not reported again, also if that check is no longer kept.
        return self.client.get(Run, run.order.after) if run.news else replace(run, ended=None)

    def _suggest(self, held: HeldDocument, run: Run) -> None:
        """Offer the questions about a result, if its thread is in the assistant view."""
        place = self._place(run)
        if place.thread and self.client.conversations.is_assistant_thread(place.channel, place.thread):
            suggest_questions(self.slack, held, place, run)

    def _awaits_newer(self, run: Run, view: CardView) -> bool:
        """Whether the message that has taken the place of this one is not posted yet."""
        return view.card.run != run.id and not view.newer and self.client.cards.is_awaited(view.card.run)

    def _offered(self, run: Run) -> frozenset[str]:
        """The permissions of the active steps that the run's messages offer."""
        return (
            frozenset() if run.report is None else self.client.actions.offered(checked_target(run), run.order.channel)
        )

    def _show(self, held: HeldDocument, run: Run, wanted: Sequence[Message]) -> float | None:
        place = self._place(run)
        try:
            return self.thread.show(held, place, wanted)
        except MessageDeleted:
            if place.thread is None:
                raise
            if run.order.card and self.cards.replaced(run.order.card, place):
                # The card is posted again, and its thread is the place of this run, too.
                return AWAITED_SECONDS
            log.info("the thread of %s was deleted; it is answered in the channel", held.document)
            return self.thread.show(held, Destination(run.order.channel, None), wanted)

    def _place(self, run: Run) -> Destination:
        """The thread of a run: that of its card, else the one in which it was requested, if any."""
        thread = run.order.thread
        if thread is None and run.order.card:
            thread = self.client.cards.thread_of(run.order.card)
        return Destination(run.order.channel, thread)

    def inform_requester(self, held: HeldDocument, run_id: str, refused: SlackRefusal) -> None:
        """Send the state of the run to its requester, because the bot cannot post in the channel."""
        run = self.client.get(Run, run_id)
        if run is None:
            return
        log.error("%s cannot be posted in %s: %s", held.document, run.order.channel, refused)
        self.client.workflows.run_shown(run)
        slot = "elsewhere/end" if run.state.ended else "elsewhere/begin"
        if run.order.user not in AUTOMATIC_USERS and slot not in held.deliveries().slots:
            message = channel_unavailable(run, refused.fix)
            send_privately(
                self.slack, run.order.user, run.order.channel, run.order.response_url, message, renew=held.renew
            )
            delivered = Delivered(slot, run.order.user, "0", message.digest)
            held.note(delivered)

    def inform_file_requester(self, held: HeldDocument, name: str, refused: SlackRefusal) -> None:
        """Inform the requester of a run that one of its files cannot be posted."""
        run_id, _, kind = name.partition(":")
        run = self.client.get(Run, run_id)
        if run is not None and "elsewhere" not in held.deliveries().slots:
            message = file_not_posted("evidence bundle" if kind == "bundle" else "full report", refused.fix)
            send_privately(
                self.slack, run.order.user, run.order.channel, run.order.response_url, message, renew=held.renew
            )
            delivered = Delivered("elsewhere", run.order.user, "0", message.digest)
            held.note(delivered)

    def file(self, held: HeldDocument, name: str) -> float | None:
        """Deliver a file of a run (`RUN:KIND`) in its thread."""
        run_id, _, kind = name.partition(":")
        run = self.client.get(Run, run_id)
        if run is None:
            return None
        parent = self.client.deliveries.parent(run_id)
        thread = self._place(run).thread or (parent.ts if parent is not None else None)
        packed = self.client.deliveries.evidence(run_id) if kind == "bundle" else None
        file = bundle_file(run_id, packed) if kind == "bundle" else report_file(run)
        if file is not None and thread is not None:
            upload_once(self.slack, held, Destination(run.order.channel, thread), file)
        return None
