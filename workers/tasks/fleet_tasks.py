"""The task of fleet checks, and the round of the beat that sends it."""

import gc
import logging

from checks.engine.collection import collection_paused
from checks.sources.sweep_reads import Limits
from workers.client.stores import Stores
from workers.fleet.service import current_time
from workers.fleet.sweeping import Sweeper
from workers.queue.celery_app import SWEEP_QUEUE, app
from workers.queue.pool import replace_child
from workers.queue.sending import send
from workers.queue.settings import worker_settings
from workers.tasks.canary import drive_canaries
from workers.tasks.process import client, cluster_sources, large_clusters, loaded_configuration
from workers.tasks.time_limit import TimeLimitReached, interrupted_by_time_limit
from workers.telemetry.error_tokens import logged_error_token

log = logging.getLogger(__name__)


@app.task(name="workers.sweep")
def sweep_part(part: str) -> None:
    """Check one cluster for one fleet check: `SWEEP/CLUSTER`."""
    sweep_id, _, cluster = part.partition("/")
    fleet, settings = client().stores.fleet, worker_settings()
    sweeper = Sweeper(
        fleet.sweeps,
        fleet.ledger,
        loaded_configuration(),
        cluster_sources().source,
        settings.run_timeout,
        settings.lease,
        current_time,
    )
    sweeper.limits = Limits(before_lists=large_clusters().wait, passes=False)
    try:
        # A collection would traverse the facts of the cluster, which are needed until its results are recorded.
        with interrupted_by_time_limit(), collection_paused():
            sweeper.execute(sweep_id, cluster)
    except TimeLimitReached as limit:
        logged_error_token(log, f"fleet check {sweep_id}: checking {cluster} exceeded its time limit", limit)
    finally:
        gc.collect()  # facts refer to one another: without it, the next cluster is read beside this one's
        if large_clusters().release():
            replace_child()


def drive_fleet(stores: Stores) -> None:
    """Make one round of schedules, fleet checks, digests, reminders and scheduled probes."""

    waiting = stores.waiting.tasks(SWEEP_QUEUE)

    def part(name: str) -> bool:
        # A part that no worker has finished by then is sent again, unless its message still waits.
        return ("workers.sweep", name) in waiting or send(stores.publisher, "workers.sweep", name, SWEEP_QUEUE)

    stores.fleet.tick(stores.config, current_time(), part)
    drive_canaries(stores, current_time())
