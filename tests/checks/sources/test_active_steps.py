"""Active steps through the official client, against a loopback API server with a kubelet."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from checks.actions.plan import ActionKind, ActionPlan, PlanRefusal, RefusalKind
from checks.actions.planning import PlanRequest, plan_action
from checks.actions.results import ActionOutcome, ActionResult
from checks.actions.rollouts import restart_patch
from checks.actions.step_permissions import PROBE, RESTART, action_rules, single_rights
from checks.config.configuration import ClusterConfig
from checks.facts.probes import ProbeOutcome
from checks.sources.access import kubeconfig_access
from checks.sources.action_api import ActionApi
from checks.sources.action_facts import read_action_facts
from checks.sources.active_steps import ActiveSteps, Pace
from checks.sources.left_overs import left_over_jobs
from checks.sources.live import close_sources, open_source
from checks.sources.probe_waiting import Patience
from tests.clusters.compose import compose, named
from tests.loopback.active import ActiveKubeServer, Kubelet
from tests.loopback.faults import Fault
from tests.recordings import question

HASTE = Pace(poll=0.02, grace=0.0, patience=Patience(0.05, 0.05, 0.05, 0.05))
READY = {
    "kind": "Deployment",
    "metadata": {"namespace": "team-egress", "name": "egw-asm-1-30"},
    "spec": {"replicas": 2},
    "status": {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
}


def unchanged() -> PlanRefusal | None:
    return None


def request(kind: ActionKind) -> PlanRequest:
    return PlanRequest(
        "0a1b2c3d4e5f",
        kind,
        datetime.now(UTC).replace(microsecond=0),
        "cli",
        "docker.io/curlimages/curl:8.11.1",
        ("https://ifconfig.me/ip",),
        ("team-egress",),
    )


class World:
    """A served cluster, the plan of a step, and the steps that execute it."""

    def __init__(self, server: ActiveKubeServer, folder: Path, kind: ActionKind) -> None:
        self.server = server
        entry = ClusterConfig(name="x", kubeconfig=str(server.kubeconfig(folder)), azure="none")
        cluster = named("base")
        facts = read_action_facts(open_source(entry), question(cluster, "team-egress/egw"), 20)
        plan = plan_action(request(kind), facts)
        assert isinstance(plan, ActionPlan), plan
        self.plan = plan
        self.api = ActionApi(kubeconfig_access(Path(str(entry.kubeconfig)), None))
        self.steps = ActiveSteps(self.api, HASTE)
        self.progress: list[str] = []

    def execute(self, plan: ActionPlan | None = None, **options: Any) -> ActionResult:
        return self.steps.execute(plan or self.plan, options.pop("recheck", unchanged), self.progress.append, **options)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    servers: list[ActiveKubeServer] = []

    def make(kind: ActionKind, kubelet: Kubelet | None = None) -> World:
        server = ActiveKubeServer(compose(named("base"), {"change": [READY]}), kubelet)
        server.__enter__()
        servers.append(server)
        return World(server, tmp_path, kind)

    yield make
    close_sources()
    for server in servers:
        server.__exit__()


Make = Callable[..., World]


def test_a_probe_pod_is_created_read_and_deleted(world: Make) -> None:
    here = world(ActionKind.PROBE_POD)
    result = here.execute()
    assert (result.outcome, "leaves as 20.50.60.1" in result.summary) == (ActionOutcome.AS_EXPECTED, True)
    assert result.probe is not None
    assert result.probe["pod"] == "egress-diag-probe-0a1b2c3d4e5f-x7x7x"
    assert here.server.jobs
    assert here.steps.clean_up(here.plan) == ""
    assert here.server.jobs == {}
    assert here.server.changes == {"POST Job": 1, "DELETE Job": 1}


def test_a_pod_with_the_label_of_the_probe_that_its_job_did_not_create_is_not_read(world: Make) -> None:
    here = world(ActionKind.PROBE_POD)
    ended = {"name": "probe", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    owner = {"kind": "Job", "name": "egress-diag-probe-0a1b2c3d4e5f", "uid": "of-another-job"}
    here.server.foreign_pods.append(
        {
            "metadata": {"name": "zz", "namespace": "team-egress", "uid": "uid-zz", "ownerReferences": [owner]},
            "spec": {"containers": [{"name": "probe"}]},
            "status": {"phase": "Succeeded", "containerStatuses": [ended]},
        }
    )
    result = here.execute()
    assert result.probe is not None
    assert result.probe["pod"] == "egress-diag-probe-0a1b2c3d4e5f-x7x7x"


def test_a_probe_from_the_gateway_leaves_its_container_and_reports_it(world: Make) -> None:
    here = world(ActionKind.PROBE_GATEWAY)
    result = here.execute()
    assert result.outcome is ActionOutcome.AS_EXPECTED
    assert "stays until the pod restarts" in result.left_over
    assert here.server.changes == {"PATCH Pod": 1}


def test_a_restart_follows_the_rollout(world: Make) -> None:
    here = world(ActionKind.RESTART, Kubelet(seconds=0.2))
    result = here.execute()
    assert result.outcome is ActionOutcome.AS_EXPECTED
    assert here.progress[0].startswith("1 of 2 pods are new")
    assert here.progress[-1] == "2 of 2 new pods are available."
    assert here.server.changes == {"PATCH Deployment": 1}


@pytest.mark.parametrize("kind", list(ActionKind))
def test_a_repeated_attempt_changes_nothing_twice(world: Make, kind: ActionKind) -> None:
    here = world(kind)

    def refuses() -> PlanRefusal:
        return PlanRefusal(RefusalKind.CHANGED, "must not be asked: the change was made")

    assert here.execute().outcome is ActionOutcome.AS_EXPECTED
    assert here.execute(recheck=refuses).outcome is ActionOutcome.AS_EXPECTED
    assert sum(here.server.changes.values()) == 1


@pytest.mark.parametrize("kind", list(ActionKind))
def test_a_change_whose_answer_is_lost_is_found(world: Make, kind: ActionKind) -> None:
    here = world(kind, Kubelet(lost=True))
    assert here.execute().outcome is ActionOutcome.AS_EXPECTED
    assert sum(here.server.changes.values()) == 1


@pytest.mark.parametrize("kind", list(ActionKind))
def test_a_changed_cluster_refuses_before_anything_is_changed(world: Make, kind: ActionKind) -> None:
    here = world(kind)
    result = here.execute(recheck=lambda: PlanRefusal(RefusalKind.CHANGED, "The cluster has changed."))
    assert (result.outcome, result.summary) == (ActionOutcome.REFUSED, "The cluster has changed.")
    assert not here.server.changes


def test_an_interrupted_attempt_without_an_object_is_not_begun_again_later(world: Make) -> None:
    here = world(ActionKind.PROBE_POD)
    assert here.execute(may_begin=False).outcome is ActionOutcome.NOT_COMPLETED
    assert not here.server.changes


OBSTACLES = [
    (Kubelet(waiting=("ImagePullBackOff", "not found")), ProbeOutcome.IMAGE),
    (Kubelet(events=(("FailedCreatePodSandBox", "kube-egress-cni failed"),)), ProbeOutcome.NO_NETWORK),
    (Kubelet(unscheduled="0/3 nodes are available"), ProbeOutcome.NOT_SCHEDULED),
    (Kubelet(job_events=(("FailedCreate", "exceeded quota: compute, requested: pods=1"),)), ProbeOutcome.QUOTA),
    (Kubelet(job_events=(("FailedCreate", 'admission webhook "deny.example" denied'),)), ProbeOutcome.WEBHOOK),
    (Kubelet(job_events=(("FailedCreate", 'violates PodSecurity "restricted:latest"'),)), ProbeOutcome.POLICY),
    (Kubelet(refusal=(403, "namespace x because it is being terminated")), ProbeOutcome.TERMINATING),
    (Kubelet(refusal=(403, "jobs.batch is forbidden")), ProbeOutcome.FORBIDDEN),
    (Kubelet(terminated={"exitCode": 128, "reason": "StartError", "message": "no curl"}), ProbeOutcome.NO_CURL),
    (Kubelet(log_status=500), ProbeOutcome.LOG_UNREADABLE),
    (Kubelet(log="x" * 10_000_000), ProbeOutcome.TOO_LARGE),
    (Kubelet(log="<html>sign in</html>\n{id} 0 200 0.1 \n"), ProbeOutcome.HTML_PAGE),
    (Kubelet(log="nothing of curl"), ProbeOutcome.NO_OUTPUT),
    (Kubelet(log="\n{id} 28 000 10.0 Connection timed out\n"), ProbeOutcome.NO_EGRESS),
]


@pytest.mark.parametrize(("kubelet", "outcome"), OBSTACLES, ids=lambda each: str(getattr(each, "value", "")))
def test_each_obstacle_is_an_outcome_of_its_own(world: Make, kubelet: Kubelet, outcome: ProbeOutcome) -> None:
    here = world(ActionKind.PROBE_POD, kubelet)
    result = here.execute()
    assert result.probe is not None
    assert result.probe["outcome"] == outcome.value
    here.steps.clean_up(here.plan)
    assert here.server.jobs == {}


def test_a_job_of_the_same_name_that_is_not_ours_is_neither_read_nor_deleted(world: Make) -> None:
    here = world(ActionKind.PROBE_POD)
    foreign = {"metadata": {"name": "egress-diag-probe-0a1b2c3d4e5f", "namespace": "team-egress"}, "created": 0.0}
    here.server.jobs["egress-diag-probe-0a1b2c3d4e5f"] = foreign
    result = here.execute()
    assert result.outcome is ActionOutcome.REFUSED
    assert "did not create" in result.summary
    assert here.steps.clean_up(here.plan) == ""
    assert here.server.jobs == {"egress-diag-probe-0a1b2c3d4e5f": foreign}


@pytest.mark.parametrize(
    ("kubelet", "left"),
    [
        (Kubelet(waiting=("ErrImagePull", "not found")), "stays until the pod restarts, and may still run."),
        (Kubelet(log_status=500), "The ended ephemeral container"),
        (Kubelet(seconds=60), "stays until the pod restarts, and may still run."),
        (Kubelet(refusal=(403, "denied")), ""),
    ],
    ids=["image", "log", "deadline", "refused"],
)
def test_an_ephemeral_container_that_was_added_is_reported_also_after_a_failure(
    world: Make, kubelet: Kubelet, left: str
) -> None:
    here = world(ActionKind.PROBE_GATEWAY, kubelet)
    result = here.execute(replace(here.plan, seconds=1))
    assert result.outcome is ActionOutcome.NOT_COMPLETED
    assert left in result.left_over
    assert bool(result.left_over) == bool(left)


def test_an_interrupted_restart_is_followed_although_another_one_came_after_it(world: Make) -> None:
    here = world(ActionKind.RESTART)
    assert here.execute().outcome is ActionOutcome.AS_EXPECTED
    later = replace(here.plan, id="bbbbbbbbbbbb", created=here.plan.created + timedelta(seconds=30))
    later = replace(later, calls=(replace(later.calls[0], body=restart_patch(later.created)),))
    assert here.execute(later).outcome is ActionOutcome.AS_EXPECTED

    def changed() -> PlanRefusal:
        return PlanRefusal(RefusalKind.CHANGED, "metadata.generation was 1, now 3")

    assert here.execute(recheck=changed).outcome is ActionOutcome.REFUSED, "the first attempt of a plan"
    again = here.execute(recheck=changed, repeated=True)
    assert again.outcome is ActionOutcome.AS_EXPECTED
    assert here.server.changes == {"PATCH Deployment": 2}


def test_left_over_jobs_are_found_by_their_owner(world: Make) -> None:
    here = world(ActionKind.PROBE_POD)
    here.execute()
    assert left_over_jobs(here.api, "team-egress", "cli", monotonic() + 20) == {
        "0a1b2c3d4e5f": "egress-diag-probe-0a1b2c3d4e5f"
    }
    assert left_over_jobs(here.api, "team-egress", "another", monotonic() + 20) == {}


def test_a_rollout_that_does_not_progress_is_reported(world: Make) -> None:
    result = world(ActionKind.RESTART, Kubelet(stuck="ReplicaSet has timed out progressing.")).execute()
    assert result.outcome is ActionOutcome.NOT_AS_EXPECTED
    assert "timed out progressing" in result.summary


def test_a_probe_that_does_not_end_is_given_up(world: Make) -> None:
    here = world(ActionKind.PROBE_POD, Kubelet(seconds=60))
    result = here.execute(replace(here.plan, seconds=0))
    assert result.outcome is ActionOutcome.NOT_COMPLETED


@pytest.mark.parametrize(
    ("kinds", "rules"), [((ActionKind.PROBE_POD, ActionKind.PROBE_GATEWAY), PROBE), ((ActionKind.RESTART,), RESTART)]
)
def test_the_roles_of_the_chart_permit_exactly_the_requests_of_the_steps(
    world: Make, kinds: tuple[ActionKind, ...], rules: list[dict[str, list[str]]]
) -> None:
    used: set[tuple[str, str]] = set()
    for kind in kinds:
        for kubelet in (
            Kubelet(),
            Kubelet(waiting=("ContainerCreating", ""), events=(("FailedCreatePodSandBox", "x"),)),
        ):
            here = world(kind, kubelet)
            # A container that never starts is waited for as long as the plan says.
            here.execute(here.plan if kind is ActionKind.RESTART else replace(here.plan, seconds=2))
            here.steps.clean_up(here.plan)
            if kind is ActionKind.PROBE_POD:
                left_over_jobs(here.api, "team-egress", "cli", monotonic() + 20)
            used |= here.server.permissions
    assert used == {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


NOT_STARTED = Kubelet(waiting=("ContainerCreating", ""), events=(("FailedCreatePodSandBox", "x"),))
ACCOUNT = "The account of the active steps lacks a permission"
EACH_RIGHT: list[tuple[ActionKind, str, str, ProbeOutcome | None]] = [
    (ActionKind.PROBE_POD, "create", "jobs", ProbeOutcome.FORBIDDEN),
    (ActionKind.PROBE_POD, "get", "jobs", ProbeOutcome.FORBIDDEN),
    (ActionKind.PROBE_POD, "list", "pods", ProbeOutcome.FORBIDDEN),
    (ActionKind.PROBE_POD, "get", "pods/log", ProbeOutcome.LOG_UNREADABLE),
    (ActionKind.PROBE_POD, "list", "events", ProbeOutcome.FORBIDDEN),
    (ActionKind.PROBE_POD, "delete", "jobs", None),
    (ActionKind.PROBE_POD, "list", "jobs", None),
    (ActionKind.PROBE_GATEWAY, "patch", "pods/ephemeralcontainers", ProbeOutcome.FORBIDDEN),
    (ActionKind.PROBE_GATEWAY, "get", "pods", ProbeOutcome.FORBIDDEN),
    (ActionKind.PROBE_GATEWAY, "get", "pods/log", ProbeOutcome.LOG_UNREADABLE),
    (ActionKind.RESTART, "get", "deployments", None),
    (ActionKind.RESTART, "patch", "deployments", None),
]


def test_each_right_of_the_roles_is_tried() -> None:
    tried = {(verb, resource) for _, verb, resource, _ in EACH_RIGHT}
    assert tried == {(verb, resource) for verb, resource, _ in single_rights([*PROBE, *RESTART])}


@pytest.mark.parametrize(
    ("kind", "verb", "resource", "outcome"), EACH_RIGHT, ids=[f"{k.value} {v} {r}" for k, v, r, _ in EACH_RIGHT]
)
def test_a_missing_right_is_named_in_a_plain_sentence(
    world: Make, kind: ActionKind, verb: str, resource: str, outcome: ProbeOutcome | None
) -> None:
    """docs/permissions.md states what happens without each right."""
    here = world(kind, NOT_STARTED if resource == "events" else None)
    here.server.lacking.add((verb, resource))
    result = here.execute()
    cleaned = here.steps.clean_up(here.plan)
    here.server.lacking.clear()
    if outcome is not None:
        assert result.outcome is ActionOutcome.NOT_COMPLETED
        assert result.probe is not None
        assert result.probe["outcome"] == outcome.value
        assert (ACCOUNT if outcome is ProbeOutcome.FORBIDDEN else "its log could not be read") in result.summary
        assert f'cannot {verb} resource "{resource}"' in result.summary
    elif kind is ActionKind.RESTART:
        assert result.outcome is ActionOutcome.NOT_COMPLETED
        assert f'cannot {verb} resource "{resource}"' in result.summary
        assert not here.server.changes
    else:
        assert result.outcome is ActionOutcome.AS_EXPECTED
    # The Job is deleted as soon as the right is there, at the latest by Kubernetes.
    expected = {
        ("get", "jobs"): "Not checked whether Job team-egress/egress-diag-probe-0a1b2c3d4e5f still exists",
        ("delete", "jobs"): "Job team-egress/egress-diag-probe-0a1b2c3d4e5f could not be deleted",
    }.get((verb, resource), "")
    assert cleaned.startswith(expected) if expected else cleaned == ""
    assert here.steps.clean_up(here.plan) == ""
    assert here.server.jobs == {}


@pytest.mark.parametrize(("verb", "resource", "group"), list(single_rights(action_rules())))
def test_a_plan_without_a_right_to_read_is_refused_and_names_it(
    tmp_path: Path, verb: str, resource: str, group: str
) -> None:
    denied = f'{resource} is forbidden: cannot {verb} resource "{resource}"'
    with ActiveKubeServer(
        compose(named("base"), {"change": [READY]}), faults=[Fault(f"/{resource}$", status=403, message=denied)]
    ) as server:
        entry = ClusterConfig(name="x", kubeconfig=str(server.kubeconfig(tmp_path)), azure="none")
        facts = read_action_facts(open_source(entry), question(named("base"), "team-egress/egw"), 20)
        found = {kind: plan_action(request(kind), facts) for kind in ActionKind}
        close_sources()
    refused = [each for each in found.values() if isinstance(each, PlanRefusal)]
    # Services only help to find a gateway that Azure's profile does not name; its Deployments do the same.
    assert bool(refused) == (resource != "services")
    for each in refused:
        assert "could not be read" in each.sentence
        assert resource in each.sentence
