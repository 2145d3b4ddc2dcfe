"""Each part of a fleet check is executed once, also after crashes and in overlaps.

One test forbids Azure and inspects the result.
"""

import gc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from checks.config.configuration import ClusterConfig, Config
from checks.model.findings import Verdict
from checks.sources.recorded import RecordedSource
from checks.sources.source import Source, SourceError
from tests.clusters.compose import Cluster, named
from tests.recordings import recording
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.fleet.cluster_state import ClusterState
from workers.fleet.digest_composition import compose_digest
from workers.fleet.service import spread_over_subscriptions
from workers.fleet.sweeping import Sweeper
from workers.queue.settings import WorkerSettings
from workers.records import digest
from workers.records.gateway_state import TransitionKind
from workers.runs.cluster_sources import ClusterSources
from workers.tasks import fleet_tasks

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
CONFIG = Config(clusters=(ClusterConfig(name="prod", bundle=Path("x")), ClusterConfig(name="gone", bundle=Path("y"))))
GATEWAY = "team-egress/egw"


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    found = connect(WorkerSettings(redis_url=redis_url), CONFIG, retry=True)
    yield found
    found.close()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Worker:
    """A worker process over test clusters; counts how often a cluster was checked."""

    def __init__(self, client: Client, cluster: Cluster | None = None) -> None:
        self.client = client
        self.cluster = cluster or named("base")
        self.clock = Clock()
        self.checked = 0
        self.sweeper = Sweeper(
            client.stores.fleet.sweeps, client.stores.fleet.ledger, CONFIG, self._source, 20, 15, self.clock
        )

    def _source(self, entry: ClusterConfig) -> Source:
        if entry.name == "gone":
            raise SourceError("kubeconfig /nowhere: cannot be read")
        self.checked += 1
        return RecordedSource(recording(self.cluster))

    def begin(self, name: str, *clusters: str) -> None:
        self.client.stores.fleet.sweeps.begin(
            name, clusters or ("prod",), self.clock.now, timedelta(minutes=10), "test"
        )

    def problems(self, name: str) -> dict[str, str]:
        sweep = self.client.stores.fleet.sweeps.get(name)
        assert sweep is not None
        return {each.cluster: each.problem for each in sweep.done}


def test_a_part_is_executed_once_however_often_it_is_delivered(client: Client) -> None:
    worker = Worker(client)
    worker.begin("s1")
    for _ in range(3):
        worker.sweeper.execute("s1", "prod")
    assert worker.checked == 1
    assert client.stores.fleet.ledger.states("prod")[GATEWAY].verdict is Verdict.HEALTHY
    assert len(client.stores.fleet.ledger.sweeps("prod", NOW - timedelta(hours=1), NOW)) == 1


def test_a_worker_reads_one_part_of_a_fleet_check(client: Client) -> None:
    worker = Worker(client)
    worker.begin("s1", "prod", "gone")
    sweeps = client.stores.fleet.sweeps
    worker.sweeper.execute("s1", "gone")
    waiting, done = sweeps.part("s1", "prod"), sweeps.part("s1", "gone")
    assert waiting is not None
    assert done is not None
    assert (waiting.waiting, waiting.over(NOW)) == (("prod",), False)
    assert (done.waiting, done.over(NOW), len(done.done)) == ((), True, 1)
    assert sweeps.part("s1", "other") is None
    assert sweeps.part("s2", "prod") is None


def test_a_fleet_check_spreads_the_clusters_of_a_subscription() -> None:
    entry = partial(ClusterConfig, resource_group="rg")
    names = {"a": ("a1", "a2", "a3", "a4"), "b": ("b1", "b2")}
    clusters = tuple(entry(name=name, subscription_id=key) for key, of in names.items() for name in of)
    spread = spread_over_subscriptions(["a1", "a2", "a3", "a4", "b1", "b2", "gone"], Config(clusters=clusters))
    assert spread == ["a1", "b1", "a2", "gone", "a3", "b2", "a4"]


def test_two_overlapping_fleet_checks_share_one_check(client: Client) -> None:
    worker = Worker(client)
    worker.begin("s1")
    worker.begin("s2")
    lease = client.stores.fleet.sweeps.lease("prod", 30)
    assert lease.acquire()
    worker.sweeper.execute("s2", "prod")
    assert worker.problems("s2") == {}, "another check is under way: the part is sent again later"
    lease.release()
    worker.sweeper.execute("s1", "prod")
    worker.sweeper.execute("s2", "prod")
    assert worker.checked == 1
    assert worker.problems("s1") == worker.problems("s2") == {"prod": ""}


def test_a_cluster_that_cannot_be_opened_or_is_not_configured_is_reported(client: Client) -> None:
    worker = Worker(client)
    worker.begin("s1", "gone", "removed")
    worker.sweeper.execute("s1", "gone")
    worker.sweeper.execute("s1", "removed")
    assert worker.problems("s1") == {
        "gone": "kubeconfig /nowhere: cannot be read",
        "removed": "no longer in the configuration",
    }


def test_a_cluster_that_takes_its_worker_down_twice_is_ended(client: Client) -> None:
    worker = Worker(client)
    worker.begin("s1")
    for _ in range(2):
        client.stores.fleet.sweeps.note_attempt("s1", "prod")
    worker.sweeper.execute("s1", "prod")
    assert worker.checked == 0
    assert "checking it was interrupted twice (error " in worker.problems("s1")["prod"]


def test_a_part_after_the_deadline_is_skipped(client: Client) -> None:
    worker = Worker(client)
    worker.begin("s1")
    worker.clock.now += timedelta(minutes=11)
    worker.sweeper.execute("s1", "prod")
    assert worker.checked == 0


def test_a_gateway_removed_from_the_profile_vanishes_and_one_that_azure_did_not_report_does_not(client: Client) -> None:
    worker = Worker(client)
    worker.begin("s1")
    worker.sweeper.execute("s1", "prod")
    # Azure refuses the read and the gateway's Service is deleted: no source shows the gateway, yet it may exist.
    objects = tuple(o for o in named("base").objects if o["kind"] != "Service")
    refused = ({"source": "azure", "resource": "*", "status": 403, "message": "AuthorizationFailed"},)
    worker.cluster = replace(named("base"), objects=objects, errors=refused)
    worker.clock.now += timedelta(hours=1)
    worker.begin("s2")
    worker.sweeper.execute("s2", "prod")
    assert GATEWAY in client.stores.fleet.ledger.states("prod")
    assert "AuthorizationFailed" in worker.problems("s2")["prod"] or "403" in worker.problems("s2")["prod"]

    profile = {**(named("base").managed_cluster or {})}
    istio = profile["properties"]["serviceMeshProfile"]["istio"]
    empty = {**istio, "components": {**istio["components"], "egressGateways": []}}
    mesh = {**profile["properties"]["serviceMeshProfile"], "istio": empty}
    profile["properties"] = {**profile["properties"], "serviceMeshProfile": mesh}
    worker.cluster = replace(named("base"), managed_cluster=profile)
    worker.clock.now += timedelta(hours=1)
    worker.begin("s3")
    worker.sweeper.execute("s3", "prod")
    assert client.stores.fleet.ledger.states("prod") == {}
    events = client.stores.fleet.ledger.transitions("prod", NOW - timedelta(days=1), worker.clock.now)
    assert [event.kind for event in events] == [TransitionKind.APPEARED, TransitionKind.VANISHED]


def test_a_gateway_missing_from_the_fleet_check_is_not_counted_as_healthy(client: Client) -> None:
    worker = Worker(client)
    worker.begin("s1")
    worker.sweeper.execute("s1", "prod")
    (swept,) = client.stores.fleet.ledger.sweeps("prod", NOW - timedelta(hours=1), NOW)
    later = replace(swept, at=NOW + timedelta(hours=1), gateways=0, complete=False)
    known = ClusterState("prod", client.stores.fleet.ledger.states("prod"), swept=later)
    order = digest.DigestOrder("d", "C0OPS", ("prod",), NOW + timedelta(hours=1))
    found = compose_digest(order, [known], (), NOW + timedelta(hours=1))
    assert (found.counts.healthy, found.counts.unknown) == (0, 1)
    assert [each.gateways for each in found.unchecked] == [(GATEWAY,)]


def test_no_garbage_collection_runs_while_a_part_is_executed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would traverse the facts of the whole cluster: 17 % of the time with 500 gateways."""
    collected: list[bool] = []

    def execute(_sweeper: Sweeper, _sweep_id: str, _cluster: str) -> None:
        collected.append(gc.isenabled())

    monkeypatch.setattr(fleet_tasks, "client", lambda: client)
    monkeypatch.setattr(fleet_tasks, "cluster_sources", lambda: ClusterSources(CONFIG))
    monkeypatch.setattr(fleet_tasks, "loaded_configuration", lambda: CONFIG)
    monkeypatch.setattr(Sweeper, "execute", execute)
    fleet_tasks.sweep_part("s1/prod")
    assert collected == [False]
    assert gc.isenabled()
