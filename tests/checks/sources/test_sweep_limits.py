"""Lists wait for the size of their cluster; reports keep what a worker records."""

from dataclasses import replace
from threading import Event, Thread
from time import monotonic

import pytest
import trustme

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.facts.fact import AzureCall, Listed
from checks.model.findings import Status
from checks.model.question import ClusterIdentity
from checks.sources import sweep_limits
from checks.sources.live import close_sources, open_source
from checks.sources.probed import ProbedSource
from checks.sources.recorded import RecordedSource
from checks.sources.source import Answer
from checks.sources.sweep_limits import Limits, ListGate
from checks.sources.sweep_reads import sweep_cluster
from tests.bench.fleet import big_cluster
from tests.checks.conftest import UseAzure
from tests.clusters.compose import Cluster, named
from tests.incidents.incidents import incidents
from tests.loopback.azure import AzureServer
from tests.loopback.kube import KubeServer
from tests.recordings import recording
from workers.fleet.transitions import gateway_check


class Noting(ProbedSource):
    """A live cluster that notes which objects are listed; Azure may not answer."""

    def __init__(self, cluster: Cluster, *, hangs: bool = False) -> None:
        super().__init__(RecordedSource(recording(cluster)), ())
        self.noted: list[str] = []
        self._hangs = hangs
        self.over = Event()

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        if self._hangs and what.resource == "managedClusters":
            self.over.wait(20)
        return super().azure(what, deadline)

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        self.noted.append(what.plural)
        return super().list_objects(what, deadline)


def test_no_object_is_listed_before_a_large_cluster_may_be_read() -> None:
    source = Noting(big_cluster(3, 20))

    def before_lists(gateways: int, seconds: float) -> None:
        source.noted.append(f"{gateways} gateways, at most {seconds:.0f} s")

    swept = sweep_cluster(source, ClusterIdentity("c"), catalogue(), 60, Limits(before_lists=before_lists))
    assert len(swept.reports) == 3
    assert source.noted[0] == "3 gateways, at most 30 s"
    assert sum("gateways, at most" in each for each in source.noted) == 1
    assert len(source.noted) > 30


def test_a_managed_cluster_that_does_not_answer_delays_no_list_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a slow Azure would hide a whole cluster whose API server answers."""
    monkeypatch.setattr(sweep_limits, "SIZE_SECONDS", 0.2)
    source = Noting(named("base"), hangs=True)
    try:
        swept = sweep_cluster(source, ClusterIdentity("c"), catalogue(), 8, Limits(before_lists=lambda *_: None))
    finally:
        source.over.set()
    assert len(source.noted) > 30
    (report,) = swept.reports
    assert any(each.status is Status.PASS for each in report.findings)
    assert any("managedClusters" in gap for gap in report.gaps)


def test_a_gate_that_is_not_opened_is_passed_at_the_deadline() -> None:
    waits = Event()
    gate = ListGate(lambda *_: waits.wait(20), 20)
    opening = Thread(target=gate.open, args=(500,), daemon=True)
    opening.start()
    began = monotonic()
    gate.pass_through(began + 0.3)
    assert 0.3 <= monotonic() - began < 10
    waits.set()
    opening.join(10)


@pytest.mark.parametrize("name", ["003-pod-subnet", "007-prefix-pending-two-minutes", "054-custom-resources-forbidden"])
def test_a_worker_records_the_same_of_reports_without_the_results_of_checks_that_passed(name: str) -> None:
    cluster = next(each.cluster for each in incidents() if each.name == name)
    source = RecordedSource(recording(cluster))
    complete = sweep_cluster(source, ClusterIdentity("c"), catalogue(), 60)
    without = sweep_cluster(source, ClusterIdentity("c"), catalogue(), 60, Limits(passes=False))
    assert complete.reports
    for one, other in zip(complete.reports, without.reports, strict=True):
        assert len(other.findings) < len(one.findings)
        assert other == replace(one, findings=other.findings)
        assert gateway_check(other, "s", one.started_at) == gateway_check(one, "s", one.started_at)


def test_equal_texts_of_many_objects_are_kept_once(use_azure: UseAzure) -> None:
    """Those of 500 gateways took 16 MiB, as many as the objects with one text each."""
    cluster = big_cluster(60, 0)
    with KubeServer(cluster, authority=trustme.CA()) as kube, AzureServer(cluster, kube=kube) as azure:
        use_azure(azure)
        source = open_source(ClusterConfig(name="fleet", **azure.entry))
        answer = source.list_objects(Listed("", "pods"), monotonic() + 60)
        close_sources()
    objects = getattr(answer, "raw", ())
    images = [each["spec"]["containers"][0]["image"] for each in objects if each["metadata"]["name"].startswith("egw")]
    assert len(images) == 120
    assert len({id(each) for each in images}) == len(set(images))
