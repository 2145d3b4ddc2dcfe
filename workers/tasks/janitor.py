"""The janitor of requests, documents and evidence.

It ends, or sends again, every accepted request that no worker holds, and notifies the courier of due documents. Before
that it deletes the oldest evidence if Redis is running out of memory: a full Redis takes no message.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from workers.client.stores import Stores
from workers.queue.celery_app import DIAGNOSE_QUEUE
from workers.queue.sending import send
from workers.records.listing import ListingState
from workers.records.run import Run
from workers.tasks.action_tasks import follow_actions
from workers.telemetry.error_tokens import logged_error_token

log = logging.getLogger(__name__)

FAIL_AFTER = timedelta(minutes=30)
"""The age at which a run without an end is ended as failed."""

LISTING_FAILS_AFTER = timedelta(minutes=5)
"""The age at which a request of `list` is answered as failed.

Its response URL is valid for half an hour.
"""

_LISTING_TAKES = timedelta(seconds=45)
"""The age at which a request of `list` has likely lost its task or its worker.

A read takes 20 s at most.
"""

_DIAGNOSE, _LIST = "workers.diagnose", "workers.list_gateways"


def run_janitor(stores: Stores) -> None:
    """Run one round; idempotent, and harmless if two run at once.

    Raises Unavailable while Redis cannot be reached.
    """
    stores.memory.enforce()
    now = datetime.now(UTC)
    waiting = stores.waiting.tasks(DIAGNOSE_QUEUE)
    for run in stores.runs.active():
        if stores.runs.is_leased(run.id):
            continue
        if now - run.created > FAIL_AFTER:
            token = logged_error_token(log, f"run {run.id} found no worker for {FAIL_AFTER}")
            if stores.runs.fail(run, "No worker took up the run.", token):
                stores.run_changed(run, ended=True)
        elif _waits_too_long(run, now, stores.settings.lease) and (_DIAGNOSE, run.id) not in waiting:
            if not stores.runs.may_resend(run.id, stores.settings.tick if run.started else 30):
                continue
            log.info("no worker holds run %s: sent again", run.id)
            send(stores.publisher, _DIAGNOSE, run.id, DIAGNOSE_QUEUE)
    _answer_listings(stores, now, waiting)
    follow_actions(stores)
    stores.documents.notify_overdue(stores.settings.tick)


def _answer_listings(stores: Stores, now: datetime, waiting: frozenset[tuple[str, str]]) -> None:
    """Send lost requests of `list` again, and answer those that no worker has answered."""
    for listing, age in stores.listings.waiting(now):
        if age > LISTING_FAILS_AFTER:
            token = logged_error_token(log, f"listing {listing.id} found no worker for {LISTING_FAILS_AFTER}")
            problem = f"No worker answered the request (error {token})."
            if stores.listings.answer(replace(listing, state=ListingState.FAILED, problem=problem, at=now)):
                stores.documents.changed(f"listing/{listing.id}", urgent=True)
        elif age <= _LISTING_TAKES or (_LIST, listing.id) in waiting:
            continue
        elif stores.listings.may_resend(listing.id, _LISTING_TAKES.total_seconds()):
            log.info("listing %s has no answer: sent again", listing.id)
            send(stores.publisher, _LIST, listing.id, DIAGNOSE_QUEUE)


def _waits_too_long(run: Run, now: datetime, lease: float) -> bool:
    """Whether a run's message is likely lost.

    A started run without a lease has lost its worker. One that was never started has lost its message if that does not
    wait in the queue. Sending it again does no harm, since only one worker gets the lease.
    """
    return run.started is not None or now - run.created > timedelta(seconds=lease)
