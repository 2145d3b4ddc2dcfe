"""One diagnosis of one source, from the first read to the report.

The command line and the worker use it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import monotonic

from checks.engine.check import Check
from checks.engine.diagnosis import Diagnosis, Evaluated, diagnose, needed
from checks.engine.readings import record
from checks.engine.route_tracing import traced_reads
from checks.engine.settings_snapshot import snapshot
from checks.facts.fact import Gap
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.store import FactStore
from checks.model.findings import Report
from checks.model.question import Question
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from checks.sources.source import Source


def run(source: Source, question: Question, checks: Sequence[Check], timeout: float) -> Iterator[Evaluated | Report]:
    """Yield each check when it is evaluated, then the report.

    After `timeout` seconds, the run ends with its results so far. Raises AmbiguousGateway if several namespaces have a
    gateway of this name, UnknownGateway if neither the mesh profile nor the cluster has
    one, and MistypedClient if the client of the question does not exist.
    """
    began = monotonic()
    store = FactStore(source.now())
    store.client = question.client or ""
    question = replace(question, cluster=question.cluster.in_recorded_context(source.kubectl_context()))
    readings = gather(
        source,
        needed(checks) | traced_reads(question),
        store,
        began + timeout,
        gateway=f"{question.namespace or ''}/{question.gateway}",
    )
    for step in diagnose(readings, store, question, checks, at_once=isinstance(source, RecordedSource)):
        match step:
            case Evaluated():
                yield step
            case Diagnosis():
                if missing := step.missing_gateway():
                    raise missing
                if mistyped := step.mistyped_client():
                    raise mistyped
                yield with_settings(step, step.finish(monotonic() - began))


def with_settings(done: Diagnosis, report: Report) -> Report:
    """The report of a diagnosis with the gateway's settings."""
    if done.target is None:
        return report
    return replace(report, settings=snapshot(done.store, done.target))


def gateways(source: Source, timeout: float) -> tuple[tuple[str, bool], ...] | Gap:
    """The egress gateways in a cluster's mesh profile as (`namespace/name`, enabled), sorted.

    A Gap if the read failed.
    """
    store = FactStore(source.now())
    for reading in gather(source, {ManagedCluster}, store, monotonic() + timeout):
        record(store, reading)
    for gap in store.gaps(ManagedCluster):
        return gap
    found = [entry for cluster in store.known(ManagedCluster) for entry in cluster.egress_gateways]
    return tuple(sorted((f"{entry.namespace}/{entry.name}", entry.enabled) for entry in found))
