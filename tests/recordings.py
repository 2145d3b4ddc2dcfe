"""A test cluster as a source, and its diagnosis in memory."""

from collections.abc import Sequence
from time import monotonic

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.engine.diagnosis import Diagnosis, diagnose, needed
from checks.facts.store import FactStore
from checks.model.question import ClusterIdentity, Question
from checks.model.raw_values import parse_moment
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource, Recording
from tests.clusters.compose import Cluster


def recording(cluster: Cluster) -> Recording:
    """The cluster as a parsed bundle."""
    captured_at = parse_moment(cluster.captured_at)
    assert captured_at is not None
    return Recording(
        cluster=cluster.name,
        captured_at=captured_at,
        objects=cluster.objects,
        managed_cluster=cluster.managed_cluster,
        agent_pools=cluster.agent_pools,
        resources=cluster.resources,
        logs=cluster.logs,
        errors=cluster.errors,
        probes=cluster.probes,
        absent_kinds=cluster.absent_kinds,
        metrics=cluster.metrics,
    )


def question(cluster: Cluster, gateway: str, host: str | None = None, client: str | None = None) -> Question:
    """A question about the cluster; `gateway` is `name` or `namespace/name`."""
    namespace, slash, name = gateway.rpartition("/")
    return Question(ClusterIdentity(cluster.name), name, namespace if slash else None, host, client)


def diagnosed(cluster: Cluster, wanted: Question, checks: Sequence[Check] | None = None) -> Diagnosis:
    """The finished diagnosis, as the command line runs it; `finish` returns its report."""
    chosen = tuple(checks if checks is not None else catalogue())
    source = RecordedSource(recording(cluster))
    store = FactStore(source.now())
    store.client = wanted.client or ""
    *_, run = diagnose(gather(source, needed(chosen), store, monotonic() + 60), store, wanted, chosen)
    assert isinstance(run, Diagnosis)
    return run
