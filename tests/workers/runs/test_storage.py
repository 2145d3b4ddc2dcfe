"""The bytes that runs and watches leave in Redis, and the records that a watch deletes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from checks.config.configuration_file import load
from checks.model.findings import Verdict
from tests.clusters.compose import Cluster, compose, named, write_bundle
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.run import Order, Run, Target
from workers.records.watch import Watch, WatchState
from workers.runs.cluster_sources import ClusterSources
from workers.runs.watches import MOST_CHANGES, RUNS_OF_CHANGES
from workers.tasks.execution import Diagnoser

TARGET = Target("prod", "egw", "team-egress")
ORDER = Order(TARGET, "U0ALICE", "C0OPS", "command/1")
_BASE = named("base")
_BROKEN = compose(
    _BASE,
    {"change": [{"kind": "StaticGatewayConfiguration", "metadata": {"namespace": "*", "name": "*"}, "status": None}]},
)


class Storage:
    """A client, the diagnosis of one cluster in a bundle, and the bytes in Redis."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "egress-diag.yaml").write_text("clusters: [{name: prod, bundle: bundle}]\n")
        self.folder = folder
        config = load(folder / "egress-diag.yaml")
        self.client = connect(WorkerSettings(REDIS_URL=url, EGRESS_DIAG_WATCH_INTERVAL=0.001), config, retry=True)
        self.diagnoser = Diagnoser(self.client.stores, ClusterSources(config))
        self.redis = redis.Redis.from_url(url)
        self.set_broken(broken=False)

    def set_broken(self, *, broken: bool) -> None:
        self.set_cluster(_BROKEN if broken else _BASE)

    def set_cluster(self, cluster: Cluster) -> None:
        target = self.folder / "bundle"
        for path in sorted(target.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        if target.exists():
            target.rmdir()
        write_bundle(cluster, target)

    def run(self, key: str = "command/1") -> Run:
        run = self.client.start(replace(ORDER, key=key)).run
        self.diagnoser.execute(run.id)
        found = self.client.get(Run, run.id)
        assert found is not None
        return found

    def watch(self) -> Watch:
        watch, _ = self.client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=12))
        return watch

    def look(self, watch: Watch) -> Watch:
        """One check of a watch: its run is started, carried out and judged."""
        stores = self.client.stores
        stores.watches.step(watch.id, self.client.start, stores.runs.get)
        current = stores.watches.get(watch.id)
        assert current is not None
        self.diagnoser.execute(current.run)
        stores.watches.step(watch.id, self.client.start, stores.runs.get)
        judged = stores.watches.get(watch.id)
        assert judged is not None
        return judged

    def bytes(self) -> int:
        """The memory of what is kept for more than an hour; queues are empty while a worker runs."""
        queues = (b"egress-diag:diagnose", b"egress-diag:courier")
        keys = [key for key in self.redis.scan_iter(count=1000) if key not in queues]
        lasting = [key for key in keys if not 0 < self.redis.ttl(key) <= 3600]
        return sum(int(self.redis.memory_usage(key, samples=0) or 0) for key in lasting)

    def stored_runs(self) -> set[str]:
        return {key.decode().split(":")[2] for key in self.redis.scan_iter("egress-diag:run:*")}


@pytest.fixture
def storage(tmp_path: Path, redis_url: str) -> Iterator[Storage]:
    made = Storage(tmp_path, redis_url)
    yield made
    made.client.close()
    made.redis.close()


def test_a_run_without_its_evidence_takes_less_than_nine_kilobytes(storage: Storage) -> None:
    storage.run("warm-up")
    before = storage.bytes()
    run = storage.run("measured")
    evidence = int(storage.redis.memory_usage(f"egress-diag:evidence:{run.id}", samples=0) or 0)
    assert storage.bytes() - before - evidence < 9_000
    packed = storage.client.deliveries.evidence(run.id)
    assert packed is not None
    assert evidence < len(packed) * 1.2 + 200, "the bundle is stored as it is packed"
    assert run.report is not None
    assert run.findings == run.report.findings


@pytest.mark.slow
def test_an_unchanged_check_of_a_watch_leaves_less_than_half_a_kilobyte(storage: Storage) -> None:
    storage.set_broken(broken=True)
    watch = storage.watch()
    for _ in range(3):
        storage.look(watch)
    before, runs = storage.bytes(), storage.stored_runs()
    last = [storage.look(watch) for _ in range(10)][-1]
    assert last.checks == 13
    assert last.last is not None
    assert last.last.verdict is Verdict.BROKEN
    assert (storage.bytes() - before) / 10 < 500
    # The first check with this result, and the last one: *Re-check* refers to it.
    assert len(storage.stored_runs()) == len(runs) == 2
    assert storage.client.get(Run, last.last.run) is not None
    assert last.changes[0].run in storage.stored_runs()


def test_a_run_of_a_watch_with_a_comment_is_kept(storage: Storage) -> None:
    storage.set_broken(broken=True)
    watch = storage.watch()
    storage.look(watch)
    second = storage.look(watch).last
    assert second is not None
    run = storage.client.get(Run, second.run)
    assert run is not None
    storage.client.remark(run, "U0ALICE", "not broken")
    storage.look(watch)
    storage.look(watch)
    assert storage.client.get(Run, second.run) == run
    assert storage.client.deliveries.evidence(second.run) is not None


@pytest.mark.slow
def test_the_records_of_a_gateway_that_flaps_are_bounded(storage: Storage) -> None:
    watch = storage.watch()
    judged = watch
    for number in range(RUNS_OF_CHANGES + 3):
        storage.set_broken(broken=number % 2 == 0)
        judged = storage.look(watch)
    assert judged.state is WatchState.ACTIVE
    assert len(judged.changes) == RUNS_OF_CHANGES + 3 <= MOST_CHANGES
    of_changes = {change.run for change in judged.changes[-RUNS_OF_CHANGES:]}
    others = storage.stored_runs() - of_changes
    assert storage.stored_runs() >= of_changes
    assert len(others) <= 1, "only the run of the card that the first failure opened is kept as well"
