"""Delivery of active steps: one message each, edited until the step has ended."""

import logging

from bot.delivery.differences import Destination
from bot.delivery.private_messages import send_privately
from bot.delivery.thread import Thread
from bot.messages.step_messages import step_message, step_not_posted, wrong_gateway_of_step
from bot.slack.web_api import MessageDeleted, Slack, SlackRefusal
from workers.client import Client, HeldDocument
from workers.records.action import ActionRecord, ActionState
from workers.records.delivered import Delivered

log = logging.getLogger(__name__)


class StepDocuments:
    """Delivers active steps with one Slack client."""

    def __init__(self, client: Client, slack: Slack, thread: Thread) -> None:
        self.client = client
        self.slack = slack
        self.thread = thread

    def step(self, held: HeldDocument, action_id: str) -> float | None:
        """Deliver a step. Returns the seconds until the next attempt, or None. Raises SlackRefusal.

        If its thread was deleted, the message is posted in the channel: what changes a cluster is never silent.
        """
        action = self.client.get(ActionRecord, action_id)
        if action is None:
            return None
        if action.private:
            self._correct(held, action)
            return None
        order, wanted = action.order, [step_message(action)]
        try:
            retry_in = self.thread.show(held, Destination(order.channel, order.thread), wanted)
        except MessageDeleted:
            if order.thread is None:
                raise
            log.info("the thread of %s was deleted; the step is shown in the channel", held.document)
            retry_in = self.thread.show(held, Destination(order.channel, None), wanted)
        if action.state.ended and retry_in is None:
            self.thread.forget(held.document)
        return retry_in

    def _correct(self, held: HeldDocument, action: ActionRecord) -> None:
        """Remove the step from the channel, and send its requester the correct commands."""
        order = action.order
        self.thread.show(held, Destination(order.channel, order.thread), ())
        slot = "elsewhere/mistake"
        if slot not in held.deliveries().slots:
            message = wrong_gateway_of_step(action)
            send_privately(self.slack, order.user, order.channel, "", message, order.thread, renew=held.renew)
            held.note(Delivered(slot, order.user, "0", message.digest))
        self.thread.forget(held.document)

    def inform_requester(self, held: HeldDocument, action_id: str, refused: SlackRefusal) -> None:
        """Send the plan and the end of a step to its requester.

        The bot cannot post in the channel.
        """
        action = self.client.get(ActionRecord, action_id)
        if action is None or (not action.state.ended and action.state is not ActionState.PLANNED):
            return
        log.error("%s cannot be posted in %s: %s", held.document, action.order.channel, refused)
        slot = "elsewhere/end" if action.state.ended else "elsewhere/begin"
        if slot not in held.deliveries().slots:
            message = step_not_posted(action, refused.fix)
            send_privately(self.slack, action.order.user, action.order.channel, "", message, renew=held.renew)
            held.note(Delivered(slot, action.order.user, "0", message.digest))
