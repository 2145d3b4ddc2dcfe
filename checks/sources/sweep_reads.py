"""The reads of a fleet check.

Each cluster is read once for all its gateways, several in parallel, each with its own time-out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import BoundedSemaphore
from time import monotonic

from checks.config.configuration import ClusterConfig
from checks.engine.check import Check
from checks.engine.collection import collection_paused
from checks.engine.diagnosis import needed
from checks.engine.if_applied import ROUTE_READS, IfApplied, proposed_state
from checks.engine.readings import Closed, record
from checks.engine.sweep import (
    MOST_LOGS,
    ClusterSweep,
    apply_to_each,
    each_report,
    hiding_reads,
    is_complete,
    logs_to_read,
    problem_of,
    step_of,
    targets_of,
    without_results,
)
from checks.facts.change_input import BadChange
from checks.facts.fact import AzureCall, CountersWanted, Gap, Listed, PodName
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.proposal import Proposal
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.question import ClusterIdentity
from checks.sources.background import BackgroundThreads
from checks.sources.bundle import BundleError
from checks.sources.freed_memory import return_freed_memory
from checks.sources.gathering import gather
from checks.sources.read_ahead import ReadMemory, read_memory_of
from checks.sources.recorded import RecordedSource
from checks.sources.source import TOO_LATE, Answer, Objects, OtherReads, Source, SourceError
from checks.sources.sweep_limits import Limits, ListGate

AT_ONCE = 8
"""Clusters that one process reads in parallel."""
API_SERVER = 8
"""Parallel requests to one API server."""


class ThrottledSource:
    """A source with limits on parallel requests, without logs that a fleet check skips.

    A request that could not start before the deadline is a gap, like any other late answer.
    """

    def __init__(self, source: Source, azure: BoundedSemaphore, gate: ListGate | None = None) -> None:
        self._source = source
        self._azure = azure
        self._gate = gate
        self._server = BoundedSemaphore(API_SERVER)
        self.chosen: Mapping[str, frozenset[PodName]] = {}
        self.left_out: set[PodName] = set()

    @property
    def read_memory(self) -> ReadMemory | None:
        return read_memory_of(self._source)

    def note_targets(self, store: FactStore) -> None:
        """Let the lists pass when the managed cluster has been read, or cannot be."""
        if self._gate is not None and store.arrived(ManagedCluster):
            self._gate.open(len(store.targets))

    def now(self) -> datetime:
        return self._source.now()

    def kubectl_context(self) -> str:
        return self._source.kubectl_context()

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        late = Gap("kubernetes", "list", what.resource, 504, TOO_LATE)
        if self._gate is not None:
            self._gate.pass_through(deadline)
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
        # This request is not limited: it shows that the API server answers without waiting for the long lists.
        return self._source.server_version(deadline)

    def probe_results(self) -> Answer:
        return self._source.probe_results()

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        late = Gap("metrics", "get", "metrics", 504, TOO_LATE)
        return self._within(self._server, deadline, late, lambda: self._source.proxy_counters(wanted, deadline, others))

    def _within(self, limit: BoundedSemaphore, deadline: float, late: Gap, ask: Callable[[], Answer]) -> Answer:
        with _slot(limit, deadline) as acquired:
            return ask() if acquired else late


@contextmanager
def _slot(limit: BoundedSemaphore, deadline: float) -> Iterator[bool]:
    acquired = limit.acquire(timeout=max(0.0, deadline - monotonic()))
    try:
        yield acquired
    finally:
        if acquired:
            limit.release()


def sweep_cluster(
    source: Source,
    identity: ClusterIdentity,
    checks: Sequence[Check],
    timeout: float,
    limits: Limits | None = None,
    recipes: bool = False,
    proposed: Proposal | None = None,
) -> ClusterSweep:
    """Diagnose every gateway of one cluster from one set of reads.

    `timeout` in seconds limits the reads. `recipes` as for `Diagnosis.finish`. With `proposed`, each gateway is also
    diagnosed as if it were applied; a proposal that cannot be laid over the cluster is its problem.
    """
    began = monotonic()
    identity = identity.in_recorded_context(source.kubectl_context())
    recorded = isinstance(source, RecordedSource)
    limits = limits or Limits()
    throttled = ThrottledSource(source, limits.azure(identity.subscription), limits.gate(timeout / 2))
    store = FactStore(source.now())
    kinds = needed(checks) | (ROUTE_READS if proposed is not None else frozenset())
    with collection_paused():
        for reading in gather(source if recorded else throttled, kinds, store, began + timeout):
            record(store, reading)
            if isinstance(reading, Closed):
                _note_targets(store, None if recorded else throttled)
    targets = store.targets or targets_of(store) or ()
    unread = frozenset(throttled.left_out)
    if not recorded:
        return_freed_memory()
    reports = []
    with collection_paused():
        for report in each_report(store, identity, checks, targets, unread, recipes):
            reports.append(report if limits.passes else without_results(report))
            if proposed is None:
                store.forget_run()
    applied: tuple[IfApplied, ...] = ()
    if proposed is not None and targets:
        try:
            state = proposed_state(store, proposed)
        except BadChange as wrong:
            return ClusterSweep(identity.name, store.now, problem=str(wrong), opened=False)
        pairs = zip(targets, reports, strict=True)
        applied = apply_to_each(store, identity, checks, pairs, state, unread, recipes)
    return ClusterSweep(
        cluster=identity.name,
        at=store.now,
        seconds=round(monotonic() - began, 3),
        reports=tuple(reports),
        problem=problem_of(store, targets),
        step=step_of(store, targets),
        namespaces_only=any(gap.readable_in for gap in hiding_reads(store, targets)),
        complete=is_complete(store),
        late=any(gap.status == 504 and gap.message == TOO_LATE for gap in store.all_gaps()),
        unread_logs=len(throttled.left_out),
        applied=applied,
    )


def _note_targets(store: FactStore, throttled: ThrottledSource | None) -> None:
    """Note the gateways as soon as they are known.

    Of a live cluster, let its lists pass, and choose the logs that are read.
    """
    found = store.targets or targets_of(store)
    store.targets = found or ()
    if throttled is None:
        return
    throttled.note_targets(store)
    if not throttled.chosen and found is not None and store.arrived(Pod, Deployment):
        throttled.chosen = logs_to_read(store, MOST_LOGS)


def sweep_clusters(
    entries: Sequence[ClusterConfig],
    open_source: Callable[[ClusterConfig], Source],
    checks: Sequence[Check],
    timeout: float,
    at_once: int = AT_ONCE,
    recipes: bool = False,
    proposed: Proposal | None = None,
) -> Iterator[ClusterSweep]:
    """Yield each cluster when it is done, in the order of completion.

    `recipes` and `proposed` as for `sweep_cluster`.
    A cluster that cannot be opened or does not answer is yielded with its problem; it does not delay the others.
    """
    limits = Limits()

    def one(entry: ClusterConfig) -> ClusterSweep:
        try:
            source = open_source(entry)
        except (SourceError, BundleError) as wrong:
            return ClusterSweep(entry.name, datetime.now(UTC).replace(microsecond=0), problem=str(wrong), opened=False)
        return sweep_cluster(source, entry.identity, checks, timeout, limits, recipes, proposed)

    pool = BackgroundThreads(at_once, "sweep")
    try:
        for done in as_completed([pool.submit(one, entry) for entry in entries]):
            yield done.result()
    finally:
        pool.cancel_waiting()


__all__ = ["AT_ONCE", "Limits", "ThrottledSource", "sweep_cluster", "sweep_clusters"]
