"""Delivery of the results of workflow steps to Slack."""

import logging

from bot.courier.run_documents import AWAITED_SECONDS
from bot.delivery.links import card_link
from bot.messages.workflow_outputs import outputs_of, reason_without_result
from bot.slack.web_api import MessageRefused, Slack
from workers.client import Client, HeldDocument
from workers.records.delivered import Delivered
from workers.records.run import Run
from workers.records.workflow import WorkflowStep

log = logging.getLogger(__name__)

_ENDED = "ended"


class WorkflowDocuments:
    """Ends workflow steps with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack

    def step(self, held: HeldDocument, execution: str) -> float | None:
        """End a step whose run has ended.

        Returns the seconds until the next attempt, or None. Raises SlackRefusal.
        """
        found = self.client.get(WorkflowStep, execution)
        if found is None or _ENDED in held.deliveries().slots:
            return None
        run = self.client.get(Run, found.run) if found.run else None
        if run is not None and not run.state.ended:
            return None
        head = self.client.cards.head_of(run) if run is not None else ""
        if head and self.client.cards.is_awaited(head):
            return AWAITED_SECONDS
        held.renew()
        try:
            if run is not None and run.report is not None:
                link = card_link(self.client, self.slack, head)
                self.slack.complete_step(execution, outputs_of(run.report, link))
            else:
                self.slack.fail_step(execution, found.problem or reason_without_result(run))
        except MessageRefused as refused:
            # The step has ended: an earlier answer was lost, or a person has stopped the workflow.
            log.warning("the workflow step %s takes no result: %s", execution, refused)
        held.note(Delivered(_ENDED, "", "0", ""))
        return None
