"""Plans of active steps over recorded clusters, and their recheck before the change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks.actions.plan import ActionKind, ActionPlan, PlanRefusal, RefusalKind
from checks.actions.planning import PlanRequest, plan_action, recheck, request_of
from checks.facts.view import Facts
from checks.sources.action_facts import read_action_facts
from checks.sources.recorded import RecordedSource
from tests.clusters.compose import compose, named
from tests.recordings import question, recording

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SGC = {"kind": "StaticGatewayConfiguration", "metadata": {"namespace": "team-egress", "name": "sgc"}}
DEPLOYMENT = {"kind": "Deployment", "metadata": {"namespace": "team-egress", "name": "egw-asm-1-30"}}
PODS = {"kind": "Pod", "metadata": {"namespace": "team-egress", "name": "egw-*"}}


def facts(*changes: dict[str, Any], errors: tuple[dict[str, Any], ...] = (), remove: tuple[str, ...] = ()) -> Facts:
    cluster = compose(named("base"), {"change": list(changes), "errors": list(errors), "remove": list(remove)})
    return read_action_facts(RecordedSource(recording(cluster)), question(cluster, "team-egress/egw"), 30)


def request(kind: ActionKind, **fields: Any) -> PlanRequest:
    given: dict[str, Any] = {
        "id": "0a1b2c3d4e5f",
        "kind": kind,
        "created": NOW,
        "owner": "cli",
        "image": "docker.io/curlimages/curl:8.11.1",
        "urls": ("https://ifconfig.me/ip",),
        "namespaces": ("team-egress",),
    }
    return PlanRequest(**{**given, **fields})


def planned(kind: ActionKind, *changes: dict[str, Any], **fields: Any) -> ActionPlan:
    found = plan_action(request(kind, **fields), facts(*changes))
    assert isinstance(found, ActionPlan), found
    return found


def refused(kind: ActionKind, *changes: dict[str, Any], **fields: Any) -> PlanRefusal:
    found = plan_action(request(kind, **fields), facts(*changes))
    assert isinstance(found, PlanRefusal), found
    return found


def deployment(ready: int, replicas: int, **spec: Any) -> dict[str, Any]:
    return {
        **DEPLOYMENT,
        "spec": {"replicas": replicas, **spec},
        "status": {"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready},
    }


def other_uid(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"namespace": "team-egress", "name": name, "uid": "other"}}


def test_a_probe_pod_satisfies_the_restricted_level_and_cannot_outlive_its_deadline() -> None:
    plan = planned(ActionKind.PROBE_POD)
    create, delete = plan.calls
    assert (create.method, create.path) == ("POST", "/apis/batch/v1/namespaces/team-egress/jobs")
    assert (delete.method, delete.path.rpartition("/")[2]) == ("DELETE", "egress-diag-probe-0a1b2c3d4e5f")
    assert create.body is not None
    job = create.body["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"], job["ttlSecondsAfterFinished"]) == (0, 100, 300)
    pod, container = job["template"]["spec"], job["template"]["spec"]["containers"][0]
    assert pod["automountServiceAccountToken"] is False
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}, "the image has no variant for Windows nodes"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert set(container["resources"]) == {"requests", "limits"}
    template = job["template"]["metadata"]
    assert template["labels"]["sidecar.istio.io/inject"] == "false"
    assert template["annotations"]["kubernetes.azure.com/static-gateway-configuration"] == "sgc"
    assert plan.prefix == "20.50.60.0/30"


def test_a_gateway_probe_announces_that_its_container_stays_and_leaves_the_mesh_policy_unchanged() -> None:
    plan = planned(ActionKind.PROBE_GATEWAY)
    assert plan.pod == "egw-asm-1-30-abc"
    assert "stays in the pod" in plan.undo
    assert any("outboundTrafficPolicy is not changed" in note and "ALLOW_ANY" in note for note in plan.notes)
    assert [call.path.rpartition("/")[2] for call in plan.calls] == ["ephemeralcontainers"]


@pytest.mark.parametrize(
    ("ready", "replicas", "spec", "name"),
    [
        (1, 1, {}, "egw-asm-1-30"),
        (1, 3, {}, "egw-asm-1-30"),
        (3, 3, {}, ""),
        (0, 2, {}, ""),
        (2, 2, {"strategy": {"type": "Recreate"}}, "egw-asm-1-30"),
        (2, 4, {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}}, "egw-asm-1-30"),
        (2, 4, {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}}, ""),
    ],
)
def test_a_restart_that_can_take_the_last_ready_pod_needs_the_name_of_the_deployment(
    ready: int, replicas: int, spec: dict[str, Any], name: str
) -> None:
    assert planned(ActionKind.RESTART, deployment(ready, replicas, **spec)).confirm_name == name


def test_a_restart_has_the_annotation_of_kubectl_and_the_time_of_the_plan() -> None:
    plan = planned(ActionKind.RESTART)
    (call,) = plan.calls
    assert call.path == "/apis/apps/v1/namespaces/team-egress/deployments/egw-asm-1-30"
    assert call.body == {
        "spec": {
            "template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-23T10:00:00Z"}}}
        }
    }


def test_plans_are_refused_with_the_reason() -> None:
    no_prefix = {**SGC, "status": None}
    assert refused(ActionKind.PROBE_POD, no_prefix).kind is RefusalKind.NO_TARGET
    assert "no egress IP prefix yet" in refused(ActionKind.PROBE_POD, no_prefix).sentence
    elsewhere = refused(ActionKind.RESTART, namespaces=("payments",))
    assert elsewhere.kind is RefusalKind.NAMESPACE_NOT_LISTED
    assert "payments" in elsewhere.sentence
    ending = {"kind": "Namespace", "metadata": {"name": "team-egress"}, "status": {"phase": "Terminating"}}
    assert refused(ActionKind.PROBE_POD, ending).kind is RefusalKind.TERMINATING
    assert refused(ActionKind.RESTART, {**DEPLOYMENT, "spec": {"replicas": 0}}).kind is RefusalKind.NO_TARGET
    paused = refused(ActionKind.RESTART, deployment(2, 2, paused=True))
    assert (paused.kind, "kubectl rollout resume" in paused.sentence) == (RefusalKind.NO_TARGET, True)
    assert refused(ActionKind.PROBE_GATEWAY, {**PODS, "status": {"phase": "Pending"}}).kind is RefusalKind.NO_TARGET
    assert refused(ActionKind.RESTART, deployment="another").kind is RefusalKind.NO_TARGET
    unreadable = facts(errors=({"source": "kubernetes", "resource": "pods", "status": 403, "message": "forbidden"},))
    found = plan_action(request(ActionKind.PROBE_GATEWAY), unreadable)
    assert isinstance(found, PlanRefusal)
    assert found.kind is RefusalKind.NOT_READABLE
    assert "list pods: forbidden (403)" in found.sentence


@pytest.mark.parametrize(
    ("kind", "change", "sentence"),
    [
        (
            ActionKind.RESTART,
            deployment(1, 2),
            "status.readyReplicas of Deployment team-egress/egw-asm-1-30 was 2 and is 1 now",
        ),
        (
            ActionKind.RESTART,
            other_uid("Deployment", "egw-asm-1-30"),
            "metadata.uid of",
        ),
        (
            ActionKind.PROBE_POD,
            {**SGC, "status": {"egressIpPrefix": "20.99.0.0/30"}},
            "status.egressIpPrefix of StaticGatewayConfiguration team-egress/sgc was 20.50.60.0/30 and is 20.99.0.0/30 now",
        ),
        (ActionKind.PROBE_GATEWAY, other_uid("Pod", "egw-*"), "metadata.uid of"),
    ],
)
def test_a_cluster_that_has_changed_since_the_plan_was_shown_refuses(
    kind: ActionKind, change: dict[str, Any], sentence: str
) -> None:
    steady = deployment(2, 2)
    plan = planned(kind, steady)
    again = request_of(plan, ("team-egress",))
    assert recheck(again, plan, facts(steady), NOW) is None
    refusal = recheck(again, plan, facts(steady, change), NOW)
    assert refusal is not None
    assert refusal.kind is RefusalKind.CHANGED
    assert sentence in refusal.sentence


def test_a_gateway_pod_that_another_one_replaced_is_named() -> None:
    plan = planned(ActionKind.PROBE_GATEWAY)
    left = facts(remove=(f"Pod team-egress/{plan.pod}",))
    refusal = recheck(request_of(plan, ("team-egress",)), plan, left, NOW)
    assert refusal is not None
    assert refusal.sentence == (
        "The cluster has changed since the plan was shown: a new plan would not be about Pod team-egress/egw-asm-1-30-abc."
    )


def test_an_old_plan_refuses() -> None:
    plan = planned(ActionKind.RESTART)
    refusal = recheck(request_of(plan, ("team-egress",)), plan, facts(), NOW + timedelta(minutes=11))
    assert refusal is not None
    assert refusal.kind is RefusalKind.EXPIRED
