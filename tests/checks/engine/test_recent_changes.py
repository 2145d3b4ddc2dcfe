"""Recent changes: from the objects that are read anyway, bounded, without secrets.

They show nothing about unread objects.
"""

from collections.abc import Callable
from typing import Any

import pytest

from checks.model.findings import Change, Report
from checks.reports.document import REPORT, stamp
from checks.reports.markdown import markdown
from checks.reports.text import closing_lines
from tests.clusters.compose import Cluster, before, compose, named
from tests.recordings import diagnosed, question


def report(patch: dict[str, Any], cluster: Cluster | None = None, host: str | None = None) -> Report:
    composed = compose(cluster or named("base"), patch)
    return diagnosed(composed, question(composed, "team-egress/egw", host)).finish(0.0)


def changes_after(patch: dict[str, Any]) -> list[str]:
    return [shown(change) for change in report(patch).changes]


def shown(change: Change) -> str:
    return f"{stamp(change.at)[11:16]} {change.resource}: {change.what}{f' by {change.who}' if change.who else ''}"


def edited(kind: str, name: str, *entries: dict[str, Any], namespace: str = "team-egress") -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "managedFields": list(entries)}
    return {"kind": kind, "metadata": {k: v for k, v in metadata.items() if v}}


def entry(time: str, manager: str, *fields: str, subresource: str = "") -> dict[str, Any]:
    found = {"manager": manager, "operation": "Update", "time": time, "fieldsV1": {f"f:{each}": {} for each in fields}}
    return {**found, "subresource": subresource} if subresource else found


def test_a_gateway_that_was_not_changed_has_no_recent_changes() -> None:
    assert changes_after({}) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            edited("StaticGatewayConfiguration", "sgc", entry("2026-11-23T02:41:00Z", "kubectl-edit", "spec")),
            "02:41 StaticGatewayConfiguration team-egress/sgc: spec edited by kubectl-edit",
        ),
        (
            edited(
                "StaticGatewayConfiguration",
                "sgc",
                entry("2026-11-23T02:43:00Z", "kube-egress-gateway-controller", "status", subresource="status"),
            ),
            "02:43 StaticGatewayConfiguration team-egress/sgc: status updated by kube-egress-gateway-controller",
        ),
        (
            edited("VirtualService", "*", entry("2026-11-23T02:41:00Z", "argocd-controller", "metadata", "spec")),
            "02:41 VirtualService team-egress/direct-cnn-through-egress-gateway: spec edited by argocd-controller",
        ),
        (
            edited("ServiceEntry", "cnn", entry("2026-11-23T02:41:00Z", "kubectl", "metadata")),
            "02:41 ServiceEntry team-egress/cnn: metadata edited by kubectl",
        ),
        (
            edited(
                "ConfigMap",
                "istio-shared-configmap-asm-1-30",
                entry("2026-11-23T02:41:00Z", "kubectl-patch", "data"),
                namespace="aks-istio-system",
            ),
            "02:41 ConfigMap aks-istio-system/istio-shared-configmap-asm-1-30: data edited by kubectl-patch",
        ),
        (
            edited("Deployment", "*", entry("2026-11-23T02:41:00Z", "kubectl-rollout", "spec")),
            "02:41 Deployment team-egress/egw-asm-1-30: spec edited by kubectl-rollout",
        ),
        (
            edited("Deployment", "*", entry("2026-11-23T02:41:00Z", "kubectl", "spec", subresource="scale")),
            "02:41 Deployment team-egress/egw-asm-1-30: scaled by kubectl",
        ),
        (
            {
                "kind": "StaticGatewayConfiguration",
                "metadata": {"namespace": "team-egress", "name": "sgc", "deletionTimestamp": "2026-11-23T02:41:00Z"},
            },
            "02:41 StaticGatewayConfiguration team-egress/sgc: deletion requested",
        ),
    ],
)
def test_an_edit_names_object_part_time_and_writer(changed: dict[str, Any], expected: str) -> None:
    assert changes_after({"change": [changed]}) == [expected]


def test_what_controllers_write_all_the_time_is_no_change() -> None:
    beat = entry("2026-11-23T09:59:00Z", "kubelet", "status", subresource="status")
    assert changes_after({"change": [edited("Node", "*", beat, namespace=""), edited("Deployment", "*", beat)]}) == []


NODE = next(o["metadata"]["name"] for o in named("base").objects if "gwpool" in o["metadata"]["name"])


def created_entry(time: str) -> dict[str, Any]:
    metadata = {"namespace": "team-egress", "name": "cnn", "creationTimestamp": time}
    return {"change": [{"kind": "ServiceEntry", "metadata": metadata}]}


def deleted_configuration(time: str) -> dict[str, Any]:
    metadata = {"namespace": "team-egress", "name": "sgc", "deletionTimestamp": time}
    return {"change": [{"kind": "StaticGatewayConfiguration", "metadata": metadata}]}


def edited_configuration(time: str) -> dict[str, Any]:
    return {"change": [edited("StaticGatewayConfiguration", "sgc", entry(time, "kubectl", "spec"))]}


def unready_node(time: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "Unknown", "lastTransitionTime": time}
    return {"change": [{"kind": "Node", "metadata": {"name": NODE}, "status": {"conditions": [condition]}}]}


def drained_node(time: str) -> dict[str, Any]:
    age = "24h" if time.endswith(":00Z") else "23h59m59s"
    return {
        "events": [{"on": f"Node {NODE}", "type": "Normal", "reason": "Drain", "message": "", "age": age, "since": age}]
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (created_entry, "10:00 ServiceEntry team-egress/cnn: created by kubectl-client-side-apply"),
        (deleted_configuration, "10:00 StaticGatewayConfiguration team-egress/sgc: deletion requested"),
        (edited_configuration, "10:00 StaticGatewayConfiguration team-egress/sgc: spec edited by kubectl"),
        (unready_node, f"10:00 Node {NODE}: stopped being ready"),
        (drained_node, f"10:00 Node {NODE}: Drain by kubelet"),
    ],
)
def test_a_change_of_a_day_ago_is_not_recent(change: Callable[[str], dict[str, Any]], expected: str) -> None:
    """Exactly 24 hours before the diagnosis is too old.

    A second later is the oldest recent change.
    """
    assert changes_after(change("2026-11-22T10:00:00Z")) == []
    assert changes_after(change("2026-11-22T10:00:01Z")) == [expected]


def test_what_is_written_within_five_seconds_of_the_creation_belongs_to_it() -> None:
    """A controller adds its finalizer and a default.

    An edit six seconds after the creation is an edit.
    """
    entries = [
        entry("2026-11-23T02:41:00Z", "argocd-controller", "spec"),
        entry("2026-11-23T02:41:05Z", "istio-webhook", "metadata"),
        entry("2026-11-23T02:41:06Z", "kubectl-edit", "spec"),
    ]
    change = edited("ServiceEntry", "cnn", *entries)
    change["metadata"]["creationTimestamp"] = "2026-11-23T02:41:00Z"
    assert changes_after({"change": [change]}) == [
        "02:41 ServiceEntry team-egress/cnn: spec edited by kubectl-edit",
        "02:41 ServiceEntry team-egress/cnn: created by argocd-controller",
    ]


def test_another_teams_objects_are_not_in_it() -> None:
    other = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"namespace": "team-b", "name": "theirs", "creationTimestamp": "2026-11-23T02:41:00Z"},
        "spec": {"hosts": ["theirs.example.com"], "resolution": "DNS"},
    }
    assert changes_after({"add": [other]}) == []


def test_a_node_of_the_pool_that_stopped_being_ready() -> None:
    conditions = [{"type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-11-23T02:41:00Z"}]
    change = {"kind": "Node", "metadata": {"name": NODE}, "status": {"conditions": conditions}}
    assert changes_after({"change": [change]}) == [f"02:41 Node {NODE}: stopped being ready"]


def test_a_storm_of_warnings_is_one_line_and_hides_no_edit() -> None:
    storm = [
        {"on": f"Pod team-egress/{pod}", "reason": "FailedCreatePodSandBox", "message": "x" * 300, "age": "1m",
         "since": since, "count": 900, "component": "kubelet"}
        for pod, since in (("egw-asm-1-30-abc", "20m"), ("egw-asm-1-30-def", "19m"))
    ]  # fmt: skip
    edit = edited("StaticGatewayConfiguration", "sgc", entry("2026-11-23T09:39:00Z", "kubectl-edit", "spec"))
    first, second = changes_after({"change": [edit], "events": storm})
    assert first.startswith("09:40 Pod team-egress/egw-asm-1-30-abc: FailedCreatePodSandBox: xxx")
    assert first.endswith("… (first of 900) by kubelet")
    assert second == "09:39 StaticGatewayConfiguration team-egress/sgc: spec edited by kubectl-edit"


def test_at_most_a_dozen_edits_and_half_a_dozen_events() -> None:
    entries = [entry(f"2026-11-23T0{n % 10}:{n:02}:00Z", f"tool-{n}", "spec") for n in range(10, 60)]
    events = [
        {"on": "Deployment team-egress/egw-asm-1-30", "type": "Normal", "reason": "ScalingReplicaSet", "component": "c",
         "message": f"to {n}", "age": f"{n}m"}
        for n in range(1, 30)
    ]  # fmt: skip
    found = report({"change": [edited("StaticGatewayConfiguration", "sgc", *entries)], "events": events}).changes
    assert len(found) == 18
    assert [c.at for c in found] == sorted((c.at for c in found), reverse=True)


@pytest.mark.parametrize("kind", ["events", "gateways.networking.istio.io", "pods", "nodes"])
def test_what_may_not_be_read_is_only_missing(kind: str) -> None:
    edit = edited("StaticGatewayConfiguration", "sgc", entry("2026-11-23T02:41:00Z", "kubectl-edit", "spec"))
    denied = {"source": "kubernetes", "resource": kind, "namespace": None, "status": 403, "message": "forbidden"}
    assert changes_after({"change": [edit], "errors": [denied]}) == [
        "02:41 StaticGatewayConfiguration team-egress/sgc: spec edited by kubectl-edit"
    ]


def test_secrets_in_messages_are_taken_out() -> None:
    event = {"on": "StaticGatewayConfiguration team-egress/sgc", "reason": "ReconcileError", "age": "5m",
             "message": "token: password=hunter2-very-secret", "component": "controller"}  # fmt: skip
    (line,) = changes_after({"events": [event]})
    assert "hunter2" not in line
    assert "[redacted]" in line


def test_every_written_form_shows_them() -> None:
    edit = edited("StaticGatewayConfiguration", "sgc", entry("2026-11-23T02:41:00Z", "kubectl-edit", "spec"))
    found = report({"change": [edit]})
    line = "  2026-11-23 02:41Z  StaticGatewayConfiguration team-egress/sgc: spec edited by kubectl-edit"
    assert line.strip() in " ".join(" ".join(closing_lines(found)).split()).replace("41Z ", "41Z  ")
    row = "| 2026-11-23T02:41:00Z | StaticGatewayConfiguration team-egress/sgc | spec edited | kubectl-edit |"
    assert row in markdown(found)
    assert REPORT.validate_json(REPORT.dump_json(found)).changes == found.changes


@pytest.mark.parametrize(("age", "recent"), [("24h", False), ("23h59m59s", True)])
def test_an_object_is_recent_for_a_day(age: str, recent: bool) -> None:
    created = before(named("base").captured_at, age)
    patch = {"metadata": {"namespace": "team-egress", "name": "sgc", "creationTimestamp": created}}
    changes = changes_after({"change": [{"kind": "StaticGatewayConfiguration", **patch}]})
    assert any("created" in each for each in changes) is recent


@pytest.mark.parametrize(("seconds", "edits"), [(5, 0), (6, 1)])
def test_a_write_within_five_seconds_belongs_to_the_creation(seconds: int, edits: int) -> None:
    patch = edited("StaticGatewayConfiguration", "sgc", entry(f"2026-11-23T02:41:0{seconds}Z", "kubectl-edit", "spec"))
    patch["metadata"]["creationTimestamp"] = "2026-11-23T02:41:00Z"
    changes = changes_after({"change": [patch]})
    assert [each for each in changes if "created" in each] != []
    assert len([each for each in changes if "edited" in each]) == edits
    assert any("by kubectl-edit" in each for each in changes if "created" in each) is (edits == 0)


@pytest.mark.parametrize("change", [created_entry, deleted_configuration, edited_configuration, unready_node])
def test_a_change_in_the_future_is_that_of_a_wrong_clock(change: Callable[[str], dict[str, Any]]) -> None:
    assert changes_after(change("2026-11-23T10:06:00Z")) == []
    assert len(changes_after(change("2026-11-23T10:04:00Z"))) == 1
