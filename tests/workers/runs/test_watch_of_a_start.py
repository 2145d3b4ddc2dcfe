"""A watch of a gateway that is starting (docs/rulings.md#ruling-23)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from bot.messages.watch import watch_messages
from checks.model.findings import Verdict
from tests.clusters.compose import named
from tests.incidents.incidents import incidents
from tests.incidents.test_traffic import FLOWS, with_traffic
from tests.workers.runs.test_storage import Storage
from workers.records.watch import Watch, WatchState

RUNS = "egress_diag_runs_total"
WAITING = next(each.cluster for each in incidents() if each.name.startswith("007-"))
"""0 of 2 pods are ready: they wait for the egress IP prefix."""


@pytest.fixture
def storage(tmp_path: Path, redis_url: str) -> Iterator[Storage]:
    kept = Storage(tmp_path, redis_url)
    yield kept
    kept.client.close()
    kept.redis.close()


def end_of(watch: Watch) -> str:
    return next(each.text for each in watch_messages(watch, timedelta(seconds=30)) if each.slot == "end")


def test_a_gateway_without_ready_pods_is_never_healthy(storage: Storage) -> None:
    storage.set_cluster(WAITING)
    watch = storage.watch()
    checks = [storage.look(watch) for _ in range(4)]
    assert {(each.state, each.passed) for each in checks} == {(WatchState.ACTIVE, 0)}
    judged = checks[-1]
    assert judged.last is not None
    assert judged.last.verdict is Verdict.STARTING
    assert judged.last.causes == ("The StaticGatewayConfiguration has no egress IP prefix",)
    (beginning,) = judged.last.beginnings
    assert beginning.since is not None  # its creation, which the cluster shows
    assert beginning.first_seen == checks[0].changes[0].at


def test_the_watch_of_a_start_ends_when_the_gateway_serves(storage: Storage) -> None:
    storage.set_cluster(WAITING)
    watch = storage.watch()
    storage.look(watch)
    storage.set_cluster(named("base"))
    judged = [storage.look(watch) for _ in range(3)][-1]
    assert judged.state is WatchState.FIXED
    assert end_of(judged) == "Started: team-egress/egw on prod passed 3 checks in a row"


def test_the_metrics_count_a_start_as_its_own_outcome(storage: Storage) -> None:
    outcomes = ("starting", "healthy", "broken")

    def counted() -> list[float]:
        return [REGISTRY.get_sample_value(RUNS, {"cluster": "prod", "outcome": each}) or 0.0 for each in outcomes]

    before = counted()
    storage.set_cluster(WAITING)
    storage.look(storage.watch())
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1.0, 0.0, 0.0]


def test_a_watch_goes_on_while_the_traffic_fails_and_ends_when_it_flows(storage: Storage) -> None:
    refused = {"http": {"edition.cnn.com": {"503 UF,URX": 40}}, "milliseconds": {"edition.cnn.com": 9}}
    storage.set_cluster(with_traffic(named("base"), refused))
    watch = storage.watch()
    failing = [storage.look(watch) for _ in range(4)][-1]
    assert failing.last is not None
    assert (failing.state, failing.passed, failing.last.verdict) == (WatchState.ACTIVE, 0, Verdict.DEGRADED)
    assert failing.last.traffic.startswith("Traffic: 40 requests in 5 min, 100 % 503 UF,URX")
    storage.set_cluster(with_traffic(named("base"), FLOWS))
    judged = [storage.look(watch) for _ in range(3)][-1]
    assert judged.state is WatchState.FIXED
    (end,) = [each for each in watch_messages(judged, timedelta(seconds=30)) if each.slot == "end"]
    assert "Traffic: 1,204 requests in 5 min, none failed." in str(end.blocks)
