"""The tasks of runs and listings.

Each takes one id, may be delivered twice and may die at any point.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from checks.config.access_rules import is_permitted
from checks.config.configuration import UnknownCluster
from checks.engine.unmade_checks import causes_of, steps_of
from checks.facts.fact import Gap
from checks.sources.bundle import BundleError
from checks.sources.live import SourceError
from checks.sources.run import gateways
from workers.client.stores import Stores
from workers.queue.celery_app import app
from workers.records.listing import Listing, ListingState
from workers.runs.cluster_sources import ClusterSources
from workers.tasks.execution import Diagnoser
from workers.tasks.process import client, cluster_sources
from workers.tasks.time_limit import TimeLimitReached, interrupted_by_time_limit
from workers.telemetry.error_tokens import logged_error_token, unexpected_error

log = logging.getLogger(__name__)

_READ_SECONDS = 20
"""The time in which Azure must answer with the mesh profile of a cluster."""


@app.task(name="workers.diagnose")
def diagnose_run(run_id: str) -> None:
    """Carry out one run."""
    Diagnoser(client().stores, cluster_sources()).execute(run_id)


@app.task(name="workers.list_gateways")
def list_gateways(listing_id: str) -> None:
    """Read from Azure which gateways a cluster has, for `list` and for suggestions."""
    answer_listing(client().stores, cluster_sources(), listing_id)


@app.task(name="workers.refresh")
def refresh(cluster: str) -> None:
    """Read a cluster's gateways from Azure in the background, for suggestions and the form."""
    refresh_inventory(client().stores, cluster_sources(), cluster)


def answer_listing(stores: Stores, clusters: ClusterSources, listing_id: str) -> None:
    """Answer a request of `list`, whatever happens to the read."""
    listing = stores.listings.get(listing_id)
    if listing is None or listing.state is not ListingState.WAITING:
        return
    problem, answer = "The read failed", listing
    try:
        with (
            unexpected_error(lambda error: logged_error_token(log, f"listing {listing_id} failed", error)) as caught,
            interrupted_by_time_limit(),
        ):
            answer = _listed(stores, clusters, listing)
        token = caught.token
    except TimeLimitReached as limit:
        problem = "Azure did not answer in time"
        token = logged_error_token(log, f"listing {listing_id} exceeded its time limit", limit)
    if token:
        answer = replace(listing, state=ListingState.FAILED, problem=f"{problem} (error {token}).")
    if stores.listings.answer(answer):
        stores.documents.changed(f"listing/{listing_id}")


def _listed(stores: Stores, clusters: ClusterSources, listing: Listing) -> Listing:
    try:
        source = clusters.source(clusters.config.cluster(listing.cluster))
    except (UnknownCluster, BundleError, SourceError) as wrong:
        return replace(listing, state=ListingState.FAILED, problem=str(wrong))
    found = gateways(source, _READ_SECONDS)
    if isinstance(found, Gap):
        problem, step = next(causes_of([found])), next(steps_of([found]), "")
        return replace(listing, state=ListingState.FAILED, problem=f"{problem}.", step=step)
    stores.history.keep_inventory(listing.cluster, found)
    access = clusters.config.access
    mine = tuple(
        (name, enabled)
        for name, enabled in found
        if is_permitted(access, listing.requester, "diagnose", listing.cluster, name)
    )
    return replace(
        listing, state=ListingState.DONE, gateways=mine, partial=len(mine) < len(found), at=datetime.now(UTC)
    )


def refresh_inventory(stores: Stores, clusters: ClusterSources, cluster: str) -> None:
    """Keep the gateways that a cluster has now; after a failure, those that were known remain."""
    try:
        with interrupted_by_time_limit():
            found = gateways(clusters.source(clusters.config.cluster(cluster)), _READ_SECONDS)
    except (UnknownCluster, BundleError, SourceError) as wrong:
        log.warning("the gateways of %s could not be read: %s", cluster, wrong)
        return
    except TimeLimitReached as limit:
        logged_error_token(log, f"reading the gateways of {cluster} exceeded its time limit", limit)
        return
    if isinstance(found, Gap):
        log.warning("the gateways of %s could not be read: %s", cluster, found)
        return
    stores.history.keep_inventory(cluster, found)
