"""Gathers clusters for a sweep: each once for all its gateways, several at a time, each within its own time-out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import BoundedSemaphore, Lock
from time import monotonic

from checks.config.configuration import ClusterConfig
from checks.engine.arrivals import Closed, record
from checks.engine.check import Check
from checks.engine.diagnosis import needed
from checks.engine.sweep import (
    MOST_LOGS,
    ClusterSweep,
    evaluate_each,
    is_complete,
    logs_to_read,
    problem_of,
    targets_of,
)
from checks.facts.fact import AzureCall, Gap, Listed, PodName
from checks.facts.pods import Pod
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.question import ClusterIdentity
from checks.sources.bundle import BundleError
from checks.sources.recorded import RecordedSource
from checks.sources.source import TOO_LATE, Answer, Objects, Source, SourceError, gather

AT_ONCE = 8
"""Clusters that one process gathers at a time."""
API_SERVER = 8
"""Requests at a time to one API server."""
SUBSCRIPTION = 6
"""Requests at a time to Azure for all clusters of one subscription, which share its limits."""


class Limits:
    """Who may ask at the same time: one semaphore for each subscription, shared by the clusters in it."""

    def __init__(self, azure: int = SUBSCRIPTION) -> None:
        self._azure = azure
        self._by_subscription: dict[str, BoundedSemaphore] = {}
        self._lock = Lock()

    def azure(self, subscription: str) -> BoundedSemaphore:
        """The semaphore of the subscription."""
        with self._lock:
            return self._by_subscription.setdefault(subscription, BoundedSemaphore(self._azure))


class Sparing:
    """A source that asks one API server and one subscription only so much at once, and leaves out the logs that a sweep
    does not need. What found no room before the deadline is a gap like any other late answer."""

    def __init__(self, source: Source, azure: BoundedSemaphore) -> None:
        self._source = source
        self._azure = azure
        self._server = BoundedSemaphore(API_SERVER)
        self.chosen: Mapping[str, frozenset[PodName]] = {}
        self.left_out: set[PodName] = set()

    def now(self) -> datetime:
        return self._source.now()

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        late = Gap("kubernetes", "list", what.resource, 504, TOO_LATE)
        return self._within(self._server, deadline, late, lambda: self._source.list_objects(what, deadline))

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        verb = "get" if what.resource == "managedClusters" else "list"
        late = Gap("azure", verb, what.resource, 504, TOO_LATE)
        return self._within(self._azure, deadline, late, lambda: self._source.azure(what, deadline))

    def arm(self, resource_id: str, deadline: float) -> Answer:
        late = Gap("azure", "get", resource_id, 504, TOO_LATE)
        return self._within(self._azure, deadline, late, lambda: self._source.arm(resource_id, deadline))

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        if container in self.chosen and pod not in self.chosen[container]:
            self.left_out.add(pod)
            return Objects(())
        late = Gap("logs", "get", "pods/log", 504, TOO_LATE, pod.namespace, pod.name)
        return self._within(self._server, deadline, late, lambda: self._source.pod_log(pod, container, tail, deadline))

    def server_version(self, deadline: float) -> Answer:
        # The cheapest proof that the API server answers: it does not wait behind the long lists.
        return self._source.server_version(deadline)

    def _within(self, limit: BoundedSemaphore, deadline: float, late: Gap, ask: Callable[[], Answer]) -> Answer:
        with _room(limit, deadline) as room:
            return ask() if room else late


@contextmanager
def _room(limit: BoundedSemaphore, deadline: float) -> Iterator[bool]:
    got = limit.acquire(timeout=max(0.0, deadline - monotonic()))
    try:
        yield got
    finally:
        if got:
            limit.release()


def sweep_cluster(
    source: Source,
    identity: ClusterIdentity,
    checks: Sequence[Check],
    timeout: float,
    limits: Limits | None = None,
) -> ClusterSweep:
    """Every gateway of one cluster over one gathering. `timeout` in seconds bounds the reads; the judging that follows is
    bounded by the catalogue's speed."""
    began = monotonic()
    recorded = isinstance(source, RecordedSource)
    sparing = Sparing(source, (limits or Limits()).azure(identity.subscription))
    store = FactStore(source.now())
    told = False
    for reading in gather(source if recorded else sparing, needed(checks), store, began + timeout):
        record(store, reading)
        if not isinstance(reading, Closed):
            continue
        if not told and (found := targets_of(store)) is not None:
            store.targets, told = found, True
        if not recorded and not sparing.chosen and told and store.arrived(Pod) and store.arrived(Deployment):
            sparing.chosen = logs_to_read(store, MOST_LOGS)
    targets = store.targets or targets_of(store) or ()
    reports = evaluate_each(store, identity, checks, targets, frozenset(sparing.left_out))
    return ClusterSweep(
        cluster=identity.name,
        at=store.now,
        seconds=round(monotonic() - began, 3),
        reports=reports,
        problem=problem_of(store, targets),
        complete=is_complete(store),
        late=any(gap.status == 504 and gap.message == TOO_LATE for gap in store.all_gaps()),
        unread_logs=len(sparing.left_out),
    )


def sweep_clusters(
    entries: Sequence[ClusterConfig],
    open_source: Callable[[ClusterConfig], Source],
    checks: Sequence[Check],
    timeout: float,
    at_once: int = AT_ONCE,
) -> Iterator[ClusterSweep]:
    """Each cluster as it is done, in the order in which they answer. A cluster that cannot be opened or does not answer
    is there with its problem; it costs its own time-out and keeps no other from being looked at."""
    limits = Limits()

    def one(entry: ClusterConfig) -> ClusterSweep:
        try:
            source = open_source(entry)
        except (SourceError, BundleError) as wrong:
            return ClusterSweep(entry.name, datetime.now(UTC).replace(microsecond=0), problem=str(wrong), opened=False)
        return sweep_cluster(source, entry.identity, checks, timeout, limits)

    pool = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="sweep")
    try:
        for done in as_completed([pool.submit(one, entry) for entry in entries]):
            yield done.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


__all__ = ["AT_ONCE", "Limits", "Sparing", "sweep_cluster", "sweep_clusters"]
