"""The removal of ended Jobs of probes that no record points to any more."""

import logging
from datetime import UTC, datetime
from time import monotonic

from checks.config.configuration import ClusterConfig
from checks.sources.action_api import ActionApi
from checks.sources.active_steps import REQUEST_DEADLINE
from checks.sources.left_overs import delete_job, left_over_jobs
from checks.sources.live import LiveSource, SourceError, open_source
from checks.sources.replies import Failure
from workers.client.stores import Stores
from workers.queue.celery_app import ACTIONS_QUEUE
from workers.queue.sending import send
from workers.runs.audit import AuditEntry

log = logging.getLogger(__name__)

LEFT_OVERS_TASK = "workers.remove_left_overs"

LEFT_OVERS_SEARCH_SECONDS = 120
"""Seconds between two searches in a cluster.

Kubernetes itself deletes a Job five minutes after its end.
"""


def remove_left_overs(stores: Stores, cluster: str) -> int:
    """Delete the ended Jobs of this installation that no active step uses, and count them.

    A namespace that cannot be read is only logged: the permission `list jobs` may be missing, and nothing else needs it.
    """
    probe = stores.config.probe
    source = _opened(stores.config.cluster(cluster))
    if probe is None or source is None:
        return 0
    api, owner, removed = ActionApi(source.access), stores.actions.owner(), 0
    for namespace in probe.namespaces:
        try:
            found = left_over_jobs(api, namespace, owner, monotonic() + REQUEST_DEADLINE)
            for plan_id, name in found.items():
                if not _is_used(stores, plan_id) and delete_job(api, namespace, name, monotonic() + REQUEST_DEADLINE):
                    _record(stores, cluster, f"Job {namespace}/{name}")
                    removed += 1
        except Failure as failure:
            log.warning("left-over Jobs in %s of %s were not removed: %s", namespace, cluster, failure.message)
    return removed


def search_left_overs(stores: Stores) -> None:
    """Send the search in each live cluster, as long as a worker takes it."""
    probe = stores.config.probe
    if probe is None or not probe.namespaces:
        return
    present = stores.presence.present(datetime.now(UTC))
    if not any(ACTIONS_QUEUE in each.queues for each in present):
        return
    for entry in stores.config.clusters:
        if entry.bundle is None and stores.actions.may_resend(f"left-overs/{entry.name}", LEFT_OVERS_SEARCH_SECONDS):
            send(stores.publisher, LEFT_OVERS_TASK, entry.name, ACTIONS_QUEUE, expires=LEFT_OVERS_SEARCH_SECONDS)


def _opened(entry: ClusterConfig) -> LiveSource | None:
    try:
        source = open_source(entry)
    except SourceError as wrong:
        log.warning("left-over Jobs of %s were not searched for: %s", entry.name, wrong)
        return None
    return source if isinstance(source, LiveSource) else None


def _is_used(stores: Stores, plan_id: str) -> bool:
    """Whether a step may still read the Job's log: it has not ended, or a worker holds it."""
    action = stores.actions.get(plan_id)
    return stores.actions.is_leased(plan_id) or (action is not None and not action.state.ended)


def _record(stores: Stores, cluster: str, job: str) -> None:
    log.info("%s of %s was left over and is deleted", job, cluster)
    stores.audit.append(AuditEntry("janitor", "", "left-over probe", f"{cluster} {job}", "deleted"))
