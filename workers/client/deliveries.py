"""The courier's part of the client: documents, and the messages that Slack shows."""

import logging
from collections.abc import Callable
from dataclasses import replace

from workers.client.stores import Stores
from workers.records.delivered import Delivered, DeliveryOutcome
from workers.records.run import Run, Target
from workers.runs.documents import HeldDocument, LockLost

log = logging.getLogger(__name__)

MAX_REVISIONS = 20
"""Revisions that one task delivers before it leaves the worker to other documents."""


class DeliveryClient:
    """Delivers documents: one courier at a time, until Slack shows the newest revision."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._documents = stores.documents

    def deliver(self, document: str, show: Callable[[HeldDocument], DeliveryOutcome]) -> DeliveryOutcome:
        """Let `show` bring Slack to the latest state of a document, revision by revision.

        A document that another courier holds is left to it. After an outcome that is limited, the document is paused.
        """
        if (wait := self._documents.pause_left(document)) > 0:
            return DeliveryOutcome(wait, limited=True)
        outcome = DeliveryOutcome(0.0)
        for _ in range(MAX_REVISIONS):
            outcome = self._deliver_revision(document, show)
            if outcome.retry_seconds != 0.0:
                break
        if outcome.retry_seconds is not None and outcome.limited:
            self._documents.pause(document, outcome.retry_seconds)
        return outcome

    def _deliver_revision(self, document: str, show: Callable[[HeldDocument], DeliveryOutcome]) -> DeliveryOutcome:
        with self._documents.hold(document) as delivery:
            if delivery is None:
                # The courier with the lock delivers the newest revision before it releases the document.
                return DeliveryOutcome()
            try:
                outcome = show(delivery)
            except LockLost:
                log.warning("%s was taken over by another courier", document)
                outcome = DeliveryOutcome()
        if outcome.retry_seconds is None and not outcome.refused:
            self._documents.failures.clear(document)
        # Read after the lock is released: a later change finds the document unlocked.
        if outcome.retry_seconds is None and not self._documents.end_delivery(document, delivery.revision):
            return DeliveryOutcome(retry_seconds=0.0)
        if outcome.search_seconds is not None:
            self._documents.due_later(document, outcome.search_seconds)
        return outcome

    def parent(self, run_id: str) -> Delivered | None:
        """The parent message of a run's thread, if it is known to be posted."""
        return self._documents.deliveries(f"run/{run_id}").parent

    def run_shown(self, run: Run, *, complete: bool) -> None:
        """Note that Slack shows a run: commands in its thread refer to it from here on.

        If the thread is `complete` and the run has ended, its verdict is recorded, in case the worker could not.
        """
        parent = self.parent(run.id)
        if parent is not None and not run.later:
            thread = run.order.thread or self._thread_of_card(run) or parent.ts
            if self._is_subject(run, parent.channel, thread):
                self._stores.conversations.remember_thread(parent.channel, thread, run.id)
            if parent.channel.startswith("D"):
                # In a direct message, a question outside a thread is about the last check.
                self._stores.conversations.remember_thread(parent.channel, "", run.id)
        if complete and run.state.ended:
            self._stores.history.record_verdict(run)

    def _is_subject(self, run: Run, channel: str, thread: str) -> bool:
        """Whether commands in a thread refer to a run.

        They do not if it has another question than the message that heads the thread.
        """
        known = self._stores.conversations.run_of_thread(channel, thread)
        current = self._stores.runs.get(known) if known is not None else None
        if current is None or current.id == run.id:
            return True
        head = self._stores.runs.get(self._stores.head_of(current))
        posted = self.parent(head.id) if head is not None else None
        if head is None or posted is None or posted.ts != thread:
            return True
        return _question(head).asks_same(_question(run))

    def _thread_of_card(self, run: Run) -> str:
        card = self.parent(run.order.card) if run.order.card else None
        return card.ts if card is not None else ""

    def evidence(self, run_id: str) -> bytes | None:
        """A run's evidence as a packed bundle, or None if it is no longer kept."""
        return self._stores.evidence.bundle(run_id)


def _question(run: Run) -> Target:
    """The target of a run, with the names of the cluster as soon as they are known."""
    target, report = run.order.target, run.report
    return target if report is None else replace(target, gateway=report.gateway, namespace=report.namespace)
