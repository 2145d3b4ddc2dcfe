"""The tasks of runs and listings.

Each takes one id, may be delivered twice and may die at any point.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from checks.config.access_rules import is_permitted
from checks.config.configuration import UnknownCluster
from checks.facts.fact import Gap
from checks.sources.bundle import BundleError
from checks.sources.live import SourceError
from checks.sources.run import gateways
from workers.queue.celery_app import app
from workers.records.listing import Listing, ListingState
from workers.tasks.execution import Diagnoser
from workers.tasks.process import client, cluster_sources, loaded_configuration

log = logging.getLogger(__name__)


@app.task(name="workers.diagnose")
def diagnose_run(run_id: str) -> None:
    """Carry out one run."""
    Diagnoser(client().stores, cluster_sources()).execute(run_id)


@app.task(name="workers.list_gateways")
def list_gateways(listing_id: str) -> None:
    """Read from Azure which gateways a cluster has, for `list` and for suggestions."""
    stores = client().stores
    listing = stores.listings.get(listing_id)
    if listing is None or listing.state is not ListingState.WAITING:
        return
    if stores.listings.answer(_listed(listing)):
        stores.documents.changed(f"listing/{listing_id}")


def _listed(listing: Listing) -> Listing:
    try:
        source = cluster_sources().source(loaded_configuration().cluster(listing.cluster))
    except (UnknownCluster, BundleError, SourceError) as wrong:
        return replace(listing, state=ListingState.FAILED, problem=str(wrong))
    found = gateways(source, 20)
    if isinstance(found, Gap):
        return replace(listing, state=ListingState.FAILED, problem=f"Azure did not answer: {found}.")
    client().stores.history.keep_inventory(listing.cluster, found)
    access = loaded_configuration().access
    mine = tuple(
        (name, enabled)
        for name, enabled in found
        if is_permitted(access, listing.requester, "diagnose", listing.cluster, name)
    )
    return replace(
        listing, state=ListingState.DONE, gateways=mine, partial=len(mine) < len(found), at=datetime.now(UTC)
    )


@app.task(name="workers.refresh")
def refresh(cluster: str) -> None:
    """Read a cluster's gateways from Azure in the background, for suggestions and the form."""
    try:
        found = gateways(cluster_sources().source(loaded_configuration().cluster(cluster)), 20)
    except (UnknownCluster, BundleError, SourceError) as wrong:
        log.warning("the gateways of %s could not be read: %s", cluster, wrong)
        return
    if isinstance(found, Gap):
        log.warning("the gateways of %s could not be read: %s", cluster, found)
        return
    client().stores.history.keep_inventory(cluster, found)
