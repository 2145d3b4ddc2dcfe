"""Jobs of probes whose worker died and whose record is lost are deleted by the next worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks.actions.plan import ActionKind
from checks.actions.probe_objects import object_labels, object_name
from checks.sources.live import close_sources
from tests.clusters.compose import compose, named
from tests.loopback.active import ActiveKubeServer, Kubelet
from tests.redis_server import RedisServer
from tests.workers.runs.test_actions import READY, confirmed, connected, ordered, record, write_config
from tests.workers.runs.test_killed_actions import KilledWorker, until
from workers.client import ConnectedClient as Client
from workers.client.actions import ActionClient
from workers.records.action import ActionRecord, ActionState
from workers.tasks.action_tasks import follow_actions
from workers.tasks.left_overs import remove_left_overs

OURS = "0123456789abcdef"


@pytest.fixture
def server() -> Iterator[ActiveKubeServer]:
    with ActiveKubeServer(compose(named("base"), {"change": [READY]})) as running:
        yield running
    close_sources()


@pytest.fixture
def client(redis_url: str, server: ActiveKubeServer, tmp_path: Path) -> Iterator[Client]:
    found = connected(redis_url, write_config(server, tmp_path))
    found.stores.redis.set("egress-diag:installation", OURS)
    yield found
    found.close()


def job(plan_id: str, owner: str = OURS, name: str = "", begun: float = 0.0) -> dict[str, Any]:
    metadata = {
        "name": name or object_name(plan_id),
        "namespace": "team-egress",
        "labels": object_labels(plan_id, owner),
    }
    return {"metadata": metadata, "created": begun}


def put(server: ActiveKubeServer, *jobs: dict[str, Any]) -> None:
    server.jobs.update({each["metadata"]["name"]: each for each in jobs})


def test_an_installation_with_the_same_key_prefix_keeps_its_jobs(
    client: Client, server: ActiveKubeServer, tmp_path: Path
) -> None:
    """Before, two releases deleted the probes of each other."""
    (folder := tmp_path / "redis").mkdir()
    redis = RedisServer(folder)
    redis.start()
    other = connected(redis.url, write_config(server, tmp_path))
    owner = other.stores.actions.owner()
    assert (len(owner), owner) == (16, other.stores.actions.owner())
    assert owner != client.stores.actions.owner()
    put(server, job("0a1b2c3d4e5f"))
    assert remove_left_overs(other.stores, "x") == 0
    other.close()
    redis.kill()
    assert remove_left_overs(client.stores, "x") == 1


def test_ended_jobs_without_a_record_are_deleted_and_recorded_in_the_audit(
    client: Client, server: ActiveKubeServer
) -> None:
    put(server, job("0a1b2c3d4e5f"))
    assert remove_left_overs(client.stores, "x") == 1
    assert server.jobs == {}
    (entry,) = client.stores.audit.last()
    assert (entry["user"], entry["outcome"]) == ("janitor", "deleted")
    assert entry["about"] == "x Job team-egress/egress-diag-probe-0a1b2c3d4e5f"
    assert remove_left_overs(client.stores, "x") == 0


def test_jobs_of_others_running_jobs_and_jobs_of_active_steps_stay(client: Client, server: ActiveKubeServer) -> None:
    action = confirmed(client, ActionKind.PROBE_POD)
    assert client.stores.actions.begin(action) is not None
    put(
        server,
        job("111111111111", owner="another"),
        job("222222222222", name="somebody-s-job"),
        {**job("333333333333"), "metadata": {"name": object_name("333333333333"), "namespace": "team-egress"}},
        job(action.id),
    )
    assert remove_left_overs(client.stores, "x") == 0
    server.kubelet = Kubelet(seconds=3600)
    put(server, job("444444444444", begun=time.monotonic()))
    assert remove_left_overs(client.stores, "x") == 0
    assert len(server.jobs) == 5
    assert server.changes["DELETE Job"] == 0


def test_a_missing_permission_to_list_jobs_stops_nothing(client: Client, server: ActiveKubeServer) -> None:
    put(server, job("0a1b2c3d4e5f"))
    server.lacking = {("list", "jobs")}
    assert remove_left_overs(client.stores, "x") == 0
    assert len(server.jobs) == 1


def test_without_a_worker_of_the_queue_no_search_is_sent(client: Client) -> None:
    follow_actions(client.stores)
    assert client.stores.waiting.tasks("actions") == frozenset()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_after_a_kill_and_the_loss_of_its_record_the_next_worker_deletes_the_job(
    redis_server: RedisServer, redis_url: str, tmp_path: Path
) -> None:
    """Before, only Kubernetes deleted it, five minutes later."""
    with ActiveKubeServer(compose(named("base"), {"change": [READY]}), Kubelet(seconds=2.0)) as server:
        config = write_config(server, tmp_path)
        client = connected(redis_url, config)
        worker = KilledWorker(tmp_path, redis_server, config)
        try:
            action, _ = ActionClient(client.stores).request(ordered(ActionKind.PROBE_POD))
            until(client, action.id, ActionState.PLANNED)
            assert isinstance(ActionClient(client.stores).approve(action.id, "U0ALICE"), ActionRecord)
            deadline = time.monotonic() + 150
            while not server.jobs and time.monotonic() < deadline:
                time.sleep(0.02)
            worker.kill()
            assert record(client, action.id).state is ActionState.RUNNING
            lost = {str(each) for each in client.stores.redis.keys("egress-diag:*")} - {"egress-diag:installation"}
            client.stores.redis.delete(*lost, "egress-diag:open-actions")
            worker.start()
            while server.jobs and time.monotonic() < deadline:
                follow_actions(client.stores)
                # The search is made every two minutes; the one before the kill counts.
                client.stores.redis.delete("egress-diag:action:left-overs/x:resent")
                time.sleep(0.2)
        finally:
            worker.kill()
            client.close()
            close_sources()
        assert server.jobs == {}
        assert server.changes == {"POST Job": 1, "DELETE Job": 1}
