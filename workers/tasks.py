"""The tasks. Each takes an id and nothing else, may be delivered twice and may die anywhere."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from celery.signals import worker_process_init

from checks.config import Config, UnknownCluster, load
from checks.facts.base import Gap
from checks.sources.bundle import BundleError
from checks.sources.live import SourceError
from checks.sources.run import gateways
from workers import logs, metrics, traces
from workers.app import app
from workers.client import Client, connect
from workers.clusters import Clusters
from workers.diagnosis import Diagnoser
from workers.janitor import sweep
from workers.records import Listing, ListingState
from workers.settings import settings

log = logging.getLogger(__name__)

for follow in (logs.follow_celery, metrics.follow_celery, traces.follow_celery):
    follow()


@cache
def config() -> Config:
    """The configuration of this process, read once. Raises ConfigError."""
    return load(None, settings().config)


@cache
def client() -> Client:
    """This process's connections, made after the fork."""
    return connect(settings(), config(), patience=True)


@cache
def clusters() -> Clusters:
    """This process's sources."""
    return Clusters(config())


@worker_process_init.connect
def _fresh(**_: object) -> None:
    """A pool child starts with nothing of its parent's: sockets and credentials are made after the fork."""
    client.cache_clear()
    clusters.cache_clear()


@app.task(name="workers.diagnose")
def diagnose(run_id: str) -> None:
    """Carries out one run."""
    Diagnoser(client(), clusters()).carry_out(run_id)


@app.task(name="workers.list_gateways")
def list_gateways(listing_id: str) -> None:
    """Asks Azure which gateways a cluster has, for `list` and for suggestions."""
    listing = client().history.listing(listing_id)
    if listing is None or listing.state is not ListingState.WAITING:
        return
    client().history.save_listing(_listed(listing))
    client().documents.changed(f"listing/{listing_id}")


def _listed(listing: Listing) -> Listing:
    try:
        source = clusters().source(config().cluster(listing.cluster))
    except (UnknownCluster, BundleError, SourceError) as wrong:
        return replace(listing, state=ListingState.FAILED, problem=str(wrong))
    found = gateways(source, 20)
    if isinstance(found, Gap):
        return replace(listing, state=ListingState.FAILED, problem=f"Azure did not tell: {found}.")
    client().history.keep_inventory(listing.cluster, found)
    return replace(listing, state=ListingState.DONE, gateways=found, at=datetime.now(UTC))


@app.task(name="workers.refresh")
def refresh(cluster: str) -> None:
    """Asks Azure which gateways a cluster has, for suggestions and the form; nobody waits for it."""
    try:
        found = gateways(clusters().source(config().cluster(cluster)), 20)
    except (UnknownCluster, BundleError, SourceError) as wrong:
        log.warning("the gateways of %s could not be read: %s", cluster, wrong)
        return
    if isinstance(found, Gap):
        log.warning("the gateways of %s could not be read: %s", cluster, found)
        return
    client().history.keep_inventory(cluster, found)


@app.task(name="workers.ticks.janitor")
def janitor() -> None:
    """One round of the janitor."""
    sweep(client())


@app.task(name="workers.ticks.watches")
def watches() -> None:
    """One step of every watch that is due."""
    mine = client()
    for watch_id in mine.watches.due():
        if (watch := mine.watches.look(watch_id, mine.start, mine.run)) is not None:
            mine.documents.changed(f"watch/{watch.id}")


# The tasks of fleets stand in a module of their own, and use what is above.
import workers.fleet_tasks  # noqa: E402, F401
