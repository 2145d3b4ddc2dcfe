"""Every store of one installation over one connection to Redis, and the publisher of tasks."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from celery import Celery
from redis import Redis

from checks.config.configuration import Config
from workers.fleet.handoff_work import WorkReader
from workers.fleet.service import Fleet
from workers.queue.connection import Unavailable, redis_problem
from workers.queue.presence import Presence
from workers.queue.rounds import Rounds
from workers.queue.settings import WorkerSettings
from workers.queue.waiting import WaitingMessages
from workers.records.action import ActionRecord
from workers.records.run import Order, Run
from workers.records.tried import refused_step
from workers.records.watch import Watch
from workers.runs.action_store import Actions
from workers.runs.alerts import Alerts
from workers.runs.audit import Audit
from workers.runs.canaries import Canaries
from workers.runs.conversations import Conversations
from workers.runs.documents import Documents
from workers.runs.evidence import EvidenceStore
from workers.runs.history import History
from workers.runs.listings import Listings
from workers.runs.memory_budget import MemoryBudget
from workers.runs.refused_blocks import RefusedBlocks
from workers.runs.run_store import Runs
from workers.runs.unreadable import UnreadableRecords
from workers.runs.watches import Watches
from workers.runs.workflows import Workflows

log = logging.getLogger(__name__)


class Stores:
    """The stores that workers and beat write and the bot's client wraps.

    Each may raise `Unavailable`.
    """

    def __init__(self, connection: Redis, publisher: Celery, settings: WorkerSettings, config: Config) -> None:
        prefix, keep = settings.prefix, _seconds(config.retention.runs)
        keep_evidence = min(config.retention.evidence, config.retention.runs)
        self.redis = connection
        self.publisher = publisher
        self.settings = settings
        self.config = config
        self.runs = Runs(connection, prefix, config.retention.runs, keep_evidence)
        self.documents = Documents(connection, prefix, publisher, keep)
        self.failures = self.documents.failures
        self.history = History(connection, prefix, keep)
        self.actions = Actions(connection, prefix, config.retention.runs)
        self.canaries = Canaries(connection, prefix, keep, config.probe.canary if config.probe else timedelta(0))
        self.watches = Watches(connection, prefix, keep, settings.watch_interval, self.discard_run, self._head_of_card)
        self.evidence = EvidenceStore(connection, prefix, _seconds(keep_evidence))
        self.memory = MemoryBudget(connection, prefix, self.evidence)
        self.conversations = Conversations(connection, prefix, keep)
        self.alerts = Alerts(connection, prefix, keep)
        self.refused_blocks = RefusedBlocks(connection, prefix)
        self.workflows = Workflows(connection, prefix, keep)
        self.audit = Audit(connection, prefix)
        self.unreadable = UnreadableRecords(connection, prefix)
        self.listings = Listings(connection, prefix)
        self.waiting = WaitingMessages(connection, prefix)
        self.presence = Presence(connection, prefix)
        self.rounds = Rounds(connection, prefix)
        self.cards = self.runs.cards
        work = WorkReader(self.cards.find, self.history.past_runs, self.runs.get)
        self.fleet = Fleet(connection, prefix, keep, self.documents, self.history, config.access, self.canaries, work)

    def action_changed(self, action: ActionRecord, *, urgent: bool = False) -> None:
        """Notifies the courier of a changed action; no message shows a scheduled probe.

        The card of its gateway lists a step that was refused.
        """
        if action.order.scheduled is None:
            self.documents.changed(f"action/{action.id}", urgent=urgent)
        card = self.cards.find(action.order.channel, action.gateway) if refused_step(action) is not None else None
        if card is not None:
            self.documents.changed(f"run/{card.run}")

    def run_changed(self, run: Run, *, ended: bool = False) -> None:
        """Notifies the courier of a changed run, at once if it has ended.

        Runs of a watch are not shown on their own.
        """
        if not run.order.watch:
            self.documents.changed(f"run/{run.id}", urgent=ended)

    def watch_changed(self, watch: Watch) -> None:
        """Notifies the courier of a changed watch, which the card of its thread shows, too."""
        self.documents.changed(f"watch/{watch.id}")
        if watch.card:
            self.documents.changed(f"run/{watch.card}")

    def keep_evidence(self, run_id: str, packed: bytes) -> None:
        """Keeps the evidence of a run if Redis has room for it; the oldest evidence makes room."""
        try:
            self.memory.enforce(len(packed))
            self.evidence.keep(run_id, packed)
        except Unavailable as failure:
            if not redis_problem(failure).refuses_writes:
                raise
            log.warning("the evidence of run %s was not kept: Redis %s", run_id, redis_problem(failure))

    def discard_run(self, run_id: str) -> None:
        """Deletes a run with its evidence, unless a user has commented on it or a card shows it."""
        run = self.runs.get(run_id)
        card = self.cards.find(run.order.channel, run.order.target) if run is not None else None
        if card is not None and run_id in (card.latest, card.run):
            return
        if self.runs.discard(run_id):
            self.evidence.discard(run_id)
            self.history.forget_recorded(run_id)

    def _head_of_card(self, run: Run) -> str:
        """The run whose parent message is the card of a run that has ended; "" without one."""
        card = self.runs.cards.of_run(run)
        return card.run if card is not None else ""

    def thread_changed(self, run: Run) -> None:
        """Shows the end of a run in the parent message of its thread, if that is of another run."""
        head = self.runs.get(self.head_of(run))
        if head is None or head.id == run.id:
            return
        ended = self.runs.get(run.id)
        if run.order.after is not None and not run.order.watch and ended is not None and ended.report is not None:
            self.runs.note_repeat(head.id, run.id)
        self.run_changed(head, ended=True)

    def head_of(self, run: Run) -> str:
        """The run whose parent message heads the thread of this one; itself, if that is its own."""
        head: Run | None = run
        while head is not None and not head.order.card and head.order.after is not None:
            # Orders of earlier versions name only the run that they repeat.
            run, head = head, self.runs.get(head.order.after)
        found = head if head is not None else run
        return found.order.card or found.id

    def adopt(self, run: Run) -> None:
        """Makes the message of an earlier version a card, unless its gateway was healthy."""
        head = self.head_of(run)
        if not run.card and run.report is not None and run.ended is not None and self.runs.open_card(run, head):
            self.documents.changed(f"run/{head}")

    def placed(self, order: Order, now: datetime) -> Order:
        """The order with the place of its answer.

        A gateway with a card in the channel is answered in its thread, a repetition in the thread of what it repeats.
        """
        if order.watch:
            return order
        before = self.runs.get(order.after) if order.after else None
        head = self.head_of(before) if before is not None else ""
        card = self.cards.find(order.channel, order.target)
        if card is not None and (card.is_current(now) or card.run == head):
            return replace(order, target=card.target, card=card.run, thread=None, after=card.latest)
        if card is None and not head and (order.target.host or order.target.client):
            whole = self.cards.find(order.channel, replace(order.target, host=None, client=None))
            if whole is not None and whole.is_current(now):
                return replace(order, card=whole.run, thread=None)
        return replace(order, card=head)

    def close(self) -> None:
        """Closes the connections."""
        self.publisher.close()
        self.redis.close()


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
