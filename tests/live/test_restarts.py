"""`egress-diag restart` with a real Deployment controller, as the action worker's account."""

from __future__ import annotations

from tests.helm.installed import LIVE
from tests.live.cluster import DEPLOYMENT, StepCluster
from tests.live.node import NodeBehaviour

pytestmark = LIVE


def test_a_restart_replaces_every_pod_and_follows_the_rollout(cluster: StepCluster) -> None:
    cluster.add_gateway("restarted", NodeBehaviour(ready_seconds=2), replicas=2)
    before = cluster.names("restarted", probes=False)
    answer = cluster.take("restart", "restarted")
    assert answer.code == 0, answer
    assert answer.document["result"]["summary"].endswith("was restarted. 2 of 2 new pods are available.")
    assert "of 2 pods are new" in answer.err
    cluster.wait(lambda: not before & cluster.names("restarted", probes=False), "the old pods are deleted")
    assert cluster.ready("restarted") == 2


def test_a_restart_removes_the_ephemeral_containers_of_probes(cluster: StepCluster) -> None:
    cluster.add_gateway("probed-restarted", replicas=2)
    assert cluster.take("probe", "probed-restarted", "--from", "gateway").code == 0
    assert len(cluster.ephemeral_containers("probed-restarted")) == 1
    assert cluster.take("restart", "probed-restarted").code == 0
    cluster.wait(lambda: len(cluster.names("probed-restarted", probes=False)) == 2, "the old pods are deleted")
    assert cluster.ephemeral_containers("probed-restarted") == []


def test_the_last_ready_pod_is_only_restarted_with_the_name_of_its_deployment(cluster: StepCluster) -> None:
    cluster.add_gateway("last-pod", replicas=1)
    before = cluster.names("last-pod", probes=False)
    refused = cluster.take("restart", "last-pod")
    assert (refused.code, refused.document["result"]["summary"]) == (
        2,
        f"Confirm this restart with --confirm {DEPLOYMENT}.",
    )
    assert cluster.names("last-pod", probes=False) == before
    assert cluster.take("restart", "last-pod", "--confirm", DEPLOYMENT).code == 0
    cluster.wait(lambda: not before & cluster.names("last-pod", probes=False), "the old pod is deleted")


def test_a_paused_deployment_is_not_restarted(cluster: StepCluster) -> None:
    cluster.add_gateway("paused", replicas=2)
    path = f"/apis/apps/v1/namespaces/paused/deployments/{DEPLOYMENT}"
    cluster.ok("PATCH", path, {"spec": {"paused": True}}, kind="application/merge-patch+json")
    answer = cluster.take("restart", "paused")
    assert (answer.code, "is paused: no pod would be replaced" in answer.document["result"]["summary"]) == (2, True)


def test_a_rollout_without_progress_is_reported_and_keeps_the_old_pods(cluster: StepCluster) -> None:
    cluster.add_gateway("stuck", replicas=2, progressDeadlineSeconds=4)
    before = cluster.names("stuck", probes=False)
    cluster.node.behaviours["stuck"] = NodeBehaviour(ready=False)
    answer = cluster.take("restart", "stuck")
    assert answer.code == 1, answer
    assert "The rollout does not progress" in answer.document["result"]["summary"]
    assert before <= cluster.names("stuck", probes=False)
