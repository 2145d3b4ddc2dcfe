"""A process that is killed at any point of a step, over a real API server.

Kubernetes removes the Job if nothing starts again. A worker that starts again ends the step and removes it at once.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from checks.actions.plan import ActionKind
from checks.actions.probe_objects import object_name
from checks.actions.results import ActionOutcome
from tests.helm.installed import LIVE
from tests.live.cluster import DEPLOYMENT, StepCluster
from tests.live.interruptions import STAGES, held
from tests.live.node import NodeBehaviour
from tests.redis_server import RedisServer
from tests.workers.runs.test_actions import connected
from tests.workers.runs.test_killed_actions import KilledWorker, until
from workers.client.actions import ActionClient
from workers.records.action import ActionOrder, ActionRecord, ActionState
from workers.records.run import Target
from workers.tasks.action_tasks import follow_actions

pytestmark = LIVE

COMMAND, WORKER, RESTART = "killed-command", "killed-worker", "killed-restart"


@pytest.fixture(scope="module", autouse=True)
def gateways(cluster: StepCluster) -> None:
    """The gateways of these tests."""
    cluster.add_gateway(COMMAND)
    cluster.add_gateway(WORKER)
    cluster.add_gateway(RESTART, replicas=2)


@pytest.mark.parametrize("stage", STAGES)
def test_kubernetes_removes_what_a_killed_command_has_created(cluster: StepCluster, stage: str) -> None:
    with held(cluster, COMMAND, stage) as hold:
        process = cluster.begin("probe", COMMAND)
        hold.wait()
        process.kill()
        process.communicate()
        if stage != "wait":  # else Kubernetes stops a pod that does not end
            hold.release()
        for name in cluster.names(COMMAND, "jobs"):
            path = f"/apis/batch/v1/namespaces/{COMMAND}/jobs/{name}"
            specification = cluster.ok("GET", path)["spec"]
            assert (specification["activeDeadlineSeconds"], specification["ttlSecondsAfterFinished"]) == (100, 300)
            patch = {"spec": {"activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 1}}
            cluster.ok("PATCH", path, patch, kind="application/merge-patch+json")
        cluster.wait_until_removed(COMMAND)


@pytest.mark.parametrize("stage", ["plan", *STAGES])
def test_a_worker_that_starts_again_ends_the_probe_once_and_removes_it(
    cluster: StepCluster, redis_server: RedisServer, redis_url: str, tmp_path: Path, stage: str
) -> None:
    client = connected(redis_url, cluster.config)
    actions = ActionClient(client.stores)
    worker = KilledWorker(tmp_path, redis_server, cluster.config)
    try:
        with held(cluster, WORKER, stage) as hold:
            action, _ = actions.request(order(WORKER, ActionKind.PROBE_POD))
            if stage == "plan":
                time.sleep(1.5)
                worker.kill()
                worker.start()
            until(client, action.id, ActionState.PLANNED)
            assert isinstance(actions.approve(action.id, "U0ALICE"), ActionRecord)
            if stage != "plan":
                hold.wait()
                worker.kill()
                hold.release()
                worker.start()
            ended = until(client, action.id, ActionState.DONE, ActionState.FAILED)
        deadline = time.monotonic() + 60
        while client.stores.actions.active() and time.monotonic() < deadline:
            follow_actions(client.stores)
            time.sleep(0.2)
    finally:
        worker.kill()
        client.close()
    assert (ended.state, ended.result and ended.result.outcome) == (ActionState.DONE, ActionOutcome.AS_EXPECTED)
    assert len(cluster.node.probes(action.id)) == 1, "the request was sent once"
    cluster.wait_until_removed(WORKER, 10)


@pytest.mark.parametrize("stage", ["create", "wait", "read"])
def test_a_worker_that_starts_again_ends_a_probe_from_the_gateway(
    cluster: StepCluster, redis_server: RedisServer, redis_url: str, tmp_path: Path, stage: str
) -> None:
    namespace = f"killed-gateway-{stage}"
    cluster.add_gateway(namespace, replicas=1)
    client = connected(redis_url, cluster.config)
    actions = ActionClient(client.stores)
    worker = KilledWorker(tmp_path, redis_server, cluster.config)
    try:
        action, _ = actions.request(order(namespace, ActionKind.PROBE_GATEWAY))
        until(client, action.id, ActionState.PLANNED)
        with held(cluster, namespace, stage) as hold:
            assert isinstance(actions.approve(action.id, "U0ALICE"), ActionRecord)
            hold.wait()
            worker.kill()
            hold.release()
            worker.start()
            ended = until(client, action.id, ActionState.DONE, ActionState.FAILED)
    finally:
        worker.kill()
        client.close()
    assert (ended.state, ended.result and ended.result.outcome) == (ActionState.DONE, ActionOutcome.AS_EXPECTED)
    assert cluster.ephemeral_containers(namespace) == [object_name(action.id)]


def test_a_worker_that_is_killed_during_a_rollout_follows_it_afterwards(
    cluster: StepCluster, redis_server: RedisServer, redis_url: str, tmp_path: Path
) -> None:
    client = connected(redis_url, cluster.config)
    actions = ActionClient(client.stores)
    worker = KilledWorker(tmp_path, redis_server, cluster.config)
    before = cluster.names(RESTART, probes=False)
    cluster.node.behaviours[RESTART] = NodeBehaviour(ready=False)
    path = f"/apis/apps/v1/namespaces/{RESTART}/deployments/{DEPLOYMENT}"
    generation = cluster.ok("GET", path)["metadata"]["generation"]
    try:
        action, _ = actions.request(order(RESTART, ActionKind.RESTART))
        until(client, action.id, ActionState.PLANNED)
        assert isinstance(actions.approve(action.id, "U0ALICE"), ActionRecord)
        cluster.wait(lambda: cluster.names(RESTART, probes=False) - before, "a new pod is created")
        worker.kill()
        cluster.node.behaviours[RESTART] = NodeBehaviour()
        worker.start()
        ended = until(client, action.id, ActionState.DONE, ActionState.FAILED)
    finally:
        worker.kill()
        client.close()
    assert (ended.state, ended.result and ended.result.outcome) == (ActionState.DONE, ActionOutcome.AS_EXPECTED)
    assert cluster.ok("GET", path)["metadata"]["generation"] == generation + 1, "the restart was requested once"


def order(namespace: str, kind: ActionKind) -> ActionOrder:
    """Alice's request for a step of the gateway of a namespace."""
    key = f"press/{namespace}/{time.monotonic_ns()}"
    return ActionOrder(Target("real", "egw", namespace), kind, "U0ALICE", "C0OPS", key, thread="1.1")
