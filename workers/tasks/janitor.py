"""The janitor of requests, documents and evidence.

It ends, or sends again, every accepted request that no worker holds, and notifies the courier of due documents. Before
that it deletes the oldest evidence if Redis is running out of memory: a full Redis takes no message.
"""

import logging
from datetime import UTC, datetime, timedelta

from workers.client.stores import Stores
from workers.queue.celery_app import DIAGNOSE_QUEUE
from workers.queue.sending import send
from workers.records.run import Run
from workers.telemetry.error_tokens import logged_error_token

log = logging.getLogger(__name__)

FAIL_AFTER = timedelta(minutes=30)
"""The age at which a run without an end is ended as failed."""


def run_janitor(stores: Stores) -> None:
    """Run one round; idempotent, and harmless if two run at once.

    Raises Unavailable while Redis cannot be reached.
    """
    stores.memory.enforce()
    now = datetime.now(UTC)
    for run in stores.runs.active():
        if stores.runs.is_leased(run.id):
            continue
        if now - run.created > FAIL_AFTER:
            token = logged_error_token(log, f"run {run.id} found no worker for {FAIL_AFTER}")
            if stores.runs.fail(run, "No worker took up the run.", token):
                stores.run_changed(run, ended=True)
        elif _waits_too_long(run, now, stores.settings.lease):
            if not stores.runs.may_resend(run.id, stores.settings.tick if run.started else 30):
                continue
            log.info("no worker holds run %s: sent again", run.id)
            send(stores.publisher, "workers.diagnose", run.id, DIAGNOSE_QUEUE, expires=60)
    stores.documents.notify_overdue(stores.settings.tick)


def _waits_too_long(run: Run, now: datetime, lease: float) -> bool:
    """Whether a run's message is likely lost.

    A started run without a lease has lost its worker. A run that was never started may still wait in the queue:
    sending it again does no harm, since only one worker gets the lease.
    """
    return run.started is not None or now - run.created > timedelta(seconds=lease)
