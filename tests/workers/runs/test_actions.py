"""Active steps as the workers execute them: planned, approved, executed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from bot.messages.step_messages import step_message
from checks.actions.plan import ActionKind, PlanRefusal, RefusalKind
from checks.actions.results import ActionOutcome, ActionResult
from checks.config.configuration_file import load
from checks.model.findings import Verdict
from checks.sources.active_steps import Pace
from checks.sources.live import close_sources
from checks.sources.probe_waiting import Patience
from tests.clusters.compose import compose, named, write_bundle
from tests.loopback.active import ActiveKubeServer, Kubelet
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.client.actions import ActionClient
from workers.queue.settings import WorkerSettings
from workers.records.action import ACTION_RECORD, ActionOrder, ActionRecord, ActionState
from workers.records.run import Run, RunState, Target
from workers.runs.cluster_sources import ClusterSources
from workers.tasks.action_tasks import follow_actions
from workers.tasks.actor import MAX_ACTION_ATTEMPTS, Actor
from workers.tasks.execution import Diagnoser

HASTE = Pace(poll=0.02, grace=0.0, patience=Patience(0.05, 0.05, 0.05, 0.05))
TARGET = Target("x", "egw", "team-egress")
READY = {
    "kind": "Deployment",
    "metadata": {"namespace": "team-egress", "name": "egw-asm-1-30"},
    "spec": {"replicas": 2},
    "status": {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
}


@pytest.fixture
def server() -> Iterator[ActiveKubeServer]:
    with ActiveKubeServer(compose(named("base"), {"change": [READY]})) as running:
        yield running
    close_sources()


def write_config(
    server: ActiveKubeServer, folder: Path, rules: Sequence[Any] = (), saved_azure: Path | None = None, **probe: Any
) -> Path:
    path = folder / "egress-diag.yaml"
    azure = "none" if saved_azure is None else {"managed_cluster": str(saved_azure)}
    entry = {"name": "x", "kubeconfig": str(server.kubeconfig(folder)), "azure": azure}
    settings = {"namespaces": ["team-egress"], **probe}
    path.write_text(yaml.safe_dump({"clusters": [entry], "access": list(rules), "probe": settings}))
    return path


def connected(redis_url: str, config: Path) -> Client:
    return connect(
        WorkerSettings(REDIS_URL=redis_url, EGRESS_DIAG_LEASE=60, EGRESS_DIAG_TICK=1), load(config), retry=True
    )


@pytest.fixture
def client(redis_url: str, server: ActiveKubeServer, tmp_path: Path) -> Iterator[Client]:
    found = connected(redis_url, write_config(server, tmp_path))
    yield found
    found.close()


def ordered(kind: ActionKind, key: str = "press/1") -> ActionOrder:
    return ActionOrder(TARGET, kind, "U0ALICE", "C0OPS", key, thread="1.1")


def planned(client: Client, kind: ActionKind) -> ActionRecord:
    action, _ = ActionClient(client.stores).request(ordered(kind))
    Actor(client, HASTE).plan(action.id)
    return record(client, action.id)


def confirmed(client: Client, kind: ActionKind) -> ActionRecord:
    action = planned(client, kind)
    found = ActionClient(client.stores).approve(action.id, "U0ALICE")
    assert isinstance(found, ActionRecord), found
    assert found.state is ActionState.CONFIRMED
    return found


def record(client: Client, action_id: str) -> ActionRecord:
    found = client.get(ActionRecord, action_id)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", list(ActionKind))
def test_an_action_is_planned_approved_executed_and_followed_by_a_diagnosis(
    client: Client, server: ActiveKubeServer, kind: ActionKind
) -> None:
    action = confirmed(client, kind)
    Actor(client, HASTE).execute(action.id)
    ended = record(client, action.id)
    assert ended.state is ActionState.DONE
    assert ended.result is not None
    assert ended.result.outcome is ActionOutcome.AS_EXPECTED
    assert ended.cleaned
    assert server.jobs == {}
    assert not client.stores.actions.active()
    (run,) = client.active(Run)
    assert (run.order.thread, run.order.key) == ("1.1", f"action-{action.id}")
    outcomes = [entry["outcome"] for entry in client.stores.audit.last()]
    assert outcomes == ["as-expected", "planned"]
    assert "Approved by U0ALICE." in client.stores.audit.last()[0]["why"]


def test_a_repeated_request_and_repeated_tasks_do_nothing_twice(client: Client, server: ActiveKubeServer) -> None:
    action = confirmed(client, ActionKind.PROBE_POD)
    assert ActionClient(client.stores).request(ordered(ActionKind.PROBE_POD)) == (action, True)
    for _ in range(3):
        Actor(client, HASTE).plan(action.id)
        Actor(client, HASTE).execute(action.id)
    assert server.changes == {"POST Job": 1, "DELETE Job": 1}


def test_the_next_run_starts_also_if_the_worker_died_right_after_the_step(client: Client) -> None:
    action = confirmed(client, ActionKind.RESTART)
    assert client.stores.actions.begin(action) is not None
    result = ActionResult(ActionOutcome.AS_EXPECTED, "2 of 2 new pods are available.", datetime.now(UTC))
    assert client.stores.actions.finish(action.id, result) is not None
    assert client.active(Run) == ()
    for _ in range(2):
        Actor(client, HASTE).execute(action.id)
    assert [run.order.key for run in client.active(Run)] == [f"action-{action.id}"]


def test_the_result_of_a_probe_changes_the_verdict_of_the_next_run(client: Client, server: ActiveKubeServer) -> None:
    server.kubelet = Kubelet(log="52.1.2.3\n{id} 0 200 0.42 \n")
    action = confirmed(client, ActionKind.PROBE_POD)
    Actor(client, HASTE).execute(action.id)
    (run,) = client.active(Run)
    Diagnoser(client.stores, ClusterSources(client.stores.config)).execute(run.id)
    ended = client.get(Run, run.id)
    assert ended is not None
    assert (ended.state, ended.report is not None) == (RunState.DONE, True)
    assert ended.report is not None
    assert ended.report.verdict is Verdict.BROKEN
    assert ended.report.root_causes == ("uninjected-pod-fails",)


def test_two_people_approve_where_the_configuration_requires_it(
    redis_url: str, server: ActiveKubeServer, tmp_path: Path
) -> None:
    client = connected(redis_url, write_config(server, tmp_path, approvals=2))
    action = planned(client, ActionKind.RESTART)
    first = ActionClient(client.stores).approve(action.id, "U0ALICE")
    assert isinstance(first, ActionRecord)
    assert first.state is ActionState.PLANNED
    again = ActionClient(client.stores).approve(action.id, "U0ALICE")
    assert isinstance(again, PlanRefusal)
    assert "another person" in again.sentence
    second = ActionClient(client.stores).approve(action.id, "U0BOB")
    assert isinstance(second, ActionRecord)
    assert (second.state, [each.user for each in second.approvals]) == (ActionState.CONFIRMED, ["U0ALICE", "U0BOB"])
    client.close()


def test_a_press_that_waited_too_long_or_comes_twice_is_refused(client: Client, server: ActiveKubeServer) -> None:
    action = planned(client, ActionKind.RESTART)
    assert action.plan is not None
    old = replace(action, plan=replace(action.plan, created=datetime.now(UTC) - timedelta(minutes=11)))
    client.stores.redis.set(f"egress-diag:action:{action.id}", ACTION_RECORD.dump_json(old))
    late = ActionClient(client.stores).approve(action.id, "U0ALICE")
    assert isinstance(late, PlanRefusal)
    assert late.kind is RefusalKind.EXPIRED
    follow_actions(client.stores)
    assert record(client, action.id).problem == "The plan was not confirmed in time."
    assert client.stores.audit.last(1)[0]["why"] == "The plan was not confirmed in time."
    assert not server.changes


def test_a_restart_of_the_last_ready_pod_needs_the_name(redis_url: str, tmp_path: Path) -> None:
    one = {**READY, "spec": {"replicas": 1}, "status": {"replicas": 1, "readyReplicas": 1}}
    with ActiveKubeServer(compose(named("base"), {"change": [one]})) as server:
        client = connected(redis_url, write_config(server, tmp_path))
        action = planned(client, ActionKind.RESTART)
        for typed in ("", "another"):
            found = ActionClient(client.stores).approve(action.id, "U0ALICE", typed)
            assert isinstance(found, PlanRefusal)
            assert found.kind is RefusalKind.NAME_NOT_TYPED
        found = ActionClient(client.stores).approve(action.id, "U0ALICE", "egw-asm-1-30")
        assert isinstance(found, ActionRecord)
        client.close()
    close_sources()


def test_a_cluster_that_changes_between_approval_and_execution_refuses(
    client: Client, server: ActiveKubeServer
) -> None:
    action = confirmed(client, ActionKind.RESTART)
    deployment = server.find("apps", "deployments", "team-egress", "egw-asm-1-30")
    assert deployment is not None
    deployment["status"]["readyReplicas"] = 1
    Actor(client, HASTE).execute(action.id)
    ended = record(client, action.id)
    assert ended.state is ActionState.REFUSED
    assert "status.readyReplicas of Deployment team-egress/egw-asm-1-30 was 2 and is 1 now" in ended.problem
    assert not server.changes
    assert not client.active(Run)


def test_a_refused_plan_keeps_the_names_to_choose_from(redis_url: str, tmp_path: Path) -> None:
    """Before, the message was "name the one to restart", without names."""
    second = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "team-egress", "name": "egw-asm-1-31"},
        "spec": {"replicas": 1},
    }
    with ActiveKubeServer(compose(named("base"), {"add": [second]})) as server:
        client = connected(redis_url, write_config(server, tmp_path))
        action, _ = ActionClient(client.stores).request(ordered(ActionKind.RESTART))
        Actor(client, HASTE).plan(action.id)
        refused = record(client, action.id)
        client.close()
        close_sources()
    assert refused.state is ActionState.REFUSED
    assert "name the one to restart" in refused.problem
    shown = step_message(refused)
    assert "Choose one of: `egw-asm-1-30`, `egw-asm-1-31`" in str(shown.blocks).replace("\u2060", "")


RULES = [
    {"allow": ["diagnose", "probe"], "users": ["S0ONCALL"]},
    {"allow": [], "users": ["*"], "gateways": ["egw"]},
    {"allow": ["diagnose", "probe"], "users": ["*"]},
]


@pytest.mark.parametrize(("groups", "suggested"), [((), ""), (("S0ONCALL",), "team-egress/egw")])
def test_the_refusal_of_an_unknown_gateway_names_only_gateways_that_the_user_may_diagnose(
    redis_url: str, server: ActiveKubeServer, tmp_path: Path, groups: tuple[str, ...], suggested: str
) -> None:
    """Before, a request for a step suggested every similar gateway of the cluster."""
    write_bundle(named("base"), tmp_path / "saved")
    config = write_config(server, tmp_path, RULES, saved_azure=tmp_path / "saved/azure/managed-cluster.json")
    client = connected(redis_url, config)
    order = replace(ordered(ActionKind.PROBE_POD), target=Target("x", "egww", "team-egress"), groups=groups)
    action, _ = ActionClient(client.stores).request(order)
    Actor(client, HASTE).plan(action.id)
    refused = record(client, action.id)
    client.close()
    assert refused.state is ActionState.REFUSED
    assert "egww" in refused.problem
    assert ("team-egress/egw?" in refused.problem, "team-egress/egw" in refused.problem.replace("egww", "")) == (
        bool(suggested),
        bool(suggested),
    )


def test_a_restart_that_no_worker_began_in_time_is_not_carried_out_later(
    client: Client, server: ActiveKubeServer
) -> None:
    action = confirmed(client, ActionKind.RESTART)
    (approval,) = action.approvals
    old = replace(action, approvals=(replace(approval, at=datetime.now(UTC) - timedelta(minutes=11)),))
    client.stores.redis.set(f"egress-diag:action:{action.id}", ACTION_RECORD.dump_json(old))
    Actor(client, HASTE).execute(action.id)
    assert not server.changes
    follow_actions(client.stores)
    ended = record(client, action.id)
    assert (ended.state, ended.problem.endswith("Nothing was changed.")) == (ActionState.FAILED, True)


def test_lost_tasks_are_sent_again_and_ended_probes_are_cleaned_up(
    client: Client, server: ActiveKubeServer, redis_client: redis.Redis
) -> None:
    action = confirmed(client, ActionKind.PROBE_POD)
    redis_client.delete("egress-diag:actions")
    follow_actions(client.stores)
    follow_actions(client.stores)
    assert redis_client.llen("egress-diag:actions") == 1
    # The worker is killed after the result was stored, before the Job was deleted.
    Actor(client, HASTE).execute(action.id)
    ended = record(client, action.id)
    server.jobs["egress-diag-probe-" + action.id] = {
        "metadata": {
            "name": "egress-diag-probe-" + action.id,
            "namespace": "team-egress",
            "labels": {"egress-diag/action": action.id, "egress-diag/owner": ended.plan.owner if ended.plan else ""},
        },
        "created": 0.0,
    }
    left = replace(ended, cleaned=False)
    client.stores.redis.set(f"egress-diag:action:{action.id}", ACTION_RECORD.dump_json(left))
    Actor(client, HASTE).execute(action.id)
    assert server.jobs == {}
    assert record(client, action.id).cleaned


def test_an_action_that_is_interrupted_each_time_ends_as_failed(client: Client, server: ActiveKubeServer) -> None:
    action = confirmed(client, ActionKind.PROBE_POD)
    for _ in range(MAX_ACTION_ATTEMPTS):
        found = client.stores.actions.begin(record(client, action.id))
        assert found is not None
    Actor(client, HASTE).execute(action.id)
    ended = record(client, action.id)
    assert (ended.state, ended.problem) == (ActionState.FAILED, "The step was interrupted several times.")
    assert not server.changes


def test_cancelled_actions_are_not_executed(client: Client, server: ActiveKubeServer) -> None:
    action = confirmed(client, ActionKind.RESTART)
    assert ActionClient(client.stores).cancel(action.id, "U0ALICE")
    Actor(client, HASTE).execute(action.id)
    assert record(client, action.id).state is ActionState.CANCELLED
    assert not ActionClient(client.stores).cancel(action.id, "U0ALICE")
    assert not server.changes


def test_steps_are_offered_only_where_they_can_be_carried_out(redis_url: str, tmp_path: Path) -> None:
    """Before, a bundle offered a probe, which was then refused."""
    write_bundle(named("base"), tmp_path / "recorded")
    path = tmp_path / "egress-diag.yaml"
    entries = [{"name": "recorded", "bundle": "recorded"}, {"name": "x", "kubeconfig": "none", "azure": "none"}]
    rules = [{"allow": ["probe"], "users": ["*"]}]
    path.write_text(yaml.safe_dump({"clusters": entries, "access": rules, "probe": {"namespaces": ["team-egress"]}}))
    client = connected(redis_url, path)
    assert client.actions.offered(TARGET, "C0OPS") == {"probe"}
    assert client.actions.offered(replace(TARGET, cluster="recorded"), "C0OPS") == frozenset()
    assert client.actions.offered(replace(TARGET, namespace="payments"), "C0OPS") == frozenset()
    client.close()
