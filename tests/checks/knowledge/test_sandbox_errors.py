"""Texts of `FailedCreatePodSandBox`, and their causes.

The texts are as kubelets write them.
"""

from typing import Any

import pytest

from checks.knowledge.sandbox_errors import (
    SandboxCause,
    sandbox_failure,
)
from checks.model.findings import Report, Status
from tests.clusters.compose import compose, named
from tests.recordings import diagnosed, question

WRAPPER = (
    "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "
    '"3f8a9c0d2b": plugin type="{plugin}" failed (add): {error}'
)
PENDING = (
    "failed to send nicAdd request: rpc error: code = FailedPrecondition desc = the egress IP prefix is not ready yet."
)
PODS = ("Pod team-egress/egw-asm-1-30-abc", "Pod team-egress/egw-asm-1-30-def")


@pytest.mark.parametrize(
    ("error", "causes"),
    [
        (PENDING, {SandboxCause.PREFIX_UNASSIGNED}),
        (
            "failed to retrieve StaticGatewayConfiguration team-egress/sgc: … not found",
            {SandboxCause.CONFIGURATION_MISSING},
        ),
        (
            "failed to retrieve StaticGatewayConfiguration team-egress/sgc: Unauthorized",
            {SandboxCause.COMPONENTS_UNHEALTHY},
        ),
        (
            "failed to get pod (a/b) annotations: … dial tcp 127.0.0.1:50051: connect: connection refused",
            {SandboxCause.COMPONENTS_UNHEALTHY},
        ),
        (
            "failed to get pod (a/b) annotations: rpc error: … failed to retrieve pod b/a: timeout",
            {SandboxCause.COMPONENTS_UNHEALTHY},
        ),
        ("failed to setup pod routes: failed to parse cidr (10.0.0.5)", {"gateway-configuration-invalid"}),
        ("failed to find pod ipv4 ip", {"dual-stack-cluster"}),
        ("failed to setup pod routes: failed to find default route", {"pod-subnet-cni"}),
        ("words that no version has used so far", set(SandboxCause)),
    ],
)
def test_a_text_allows_the_causes_that_can_bring_it_about(error: str, causes: set[str]) -> None:
    assert causes <= set(sandbox_failure(WRAPPER.format(plugin="kube-egress-cni", error=error)).causes)


@pytest.mark.parametrize("plugin", ["azure-vnet", "cilium-cni", "istio-cni", "azure-ipam"])
def test_another_plugin_is_no_fault_of_the_static_egress_gateway(plugin: str) -> None:
    failure = sandbox_failure(WRAPPER.format(plugin=plugin, error="no addresses available"))
    assert failure.causes == ()
    assert plugin in failure.meaning


def test_the_plugin_that_fails_first_counts_and_not_the_one_that_fails_to_clean_up() -> None:
    message = WRAPPER.format(plugin="azure-vnet", error='no address: plugin type="kube-egress-cni" failed (delete): x')
    assert sandbox_failure(message).plugin == "azure-vnet"


def test_the_shown_text_is_the_same_at_each_attempt() -> None:
    first = WRAPPER.format(plugin="kube-egress-cni", error=PENDING)
    assert sandbox_failure(first).shown == sandbox_failure(first.replace("3f8a9c0d2b", "77aa0b1c2d")).shown


def _report(message: str, since: str, **other: Any) -> Report:
    """Both gateway pods wait with this message.

    The StaticGatewayConfiguration has been without a prefix since then.
    """
    waiting = {
        "phase": "Pending",
        "podIP": None,
        "startTime": "2026-11-23T09:40:00Z",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
        "containerStatuses": [
            {
                "name": "istio-proxy",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": {"reason": "ContainerCreating"}},
            }
        ],
    }
    configuration = {
        "kind": "StaticGatewayConfiguration",
        "metadata": {"namespace": "team-egress", "name": "sgc", "creationTimestamp": since, "managedFields": None},
        "status": None,
    }
    pods = {"kind": "Pod", "metadata": {"namespace": "team-egress", "name": "egw-*"}, "status": waiting}
    deployment = {
        "kind": "Deployment",
        "metadata": {"namespace": "team-egress", "name": "egw-asm-1-30"},
        "status": {"readyReplicas": None, "availableReplicas": None},
    }
    events = [{"on": pod, "reason": "FailedCreatePodSandBox", "message": message} for pod in PODS]
    patch = {"remove": ["Event */*"], "change": [configuration, pods, deployment], "events": events}
    cluster = compose(compose(named("base"), patch), other)
    return diagnosed(cluster, question(cluster, "team-egress/egw")).finish(0.0)


def _status(report: Report, slug: str) -> Status:
    return next(f.status for f in report.findings if f.check == slug)


def test_a_prefix_that_is_pending_softens_what_waits_for_it() -> None:
    report = _report(WRAPPER.format(plugin="kube-egress-cni", error=PENDING), "2026-11-23T09:58:00Z")
    assert report.root_causes == ()
    assert _status(report, "pod-network-setup-fails") is Status.WARN


def test_a_prefix_that_is_pending_does_not_excuse_the_network_of_the_cluster() -> None:
    report = _report(WRAPPER.format(plugin="azure-vnet", error="no addresses available"), "2026-11-23T09:58:00Z")
    assert report.root_causes == ("pod-network-setup-fails",)
    assert _status(report, "gateway-pods-not-running") is Status.FAIL


def test_a_prefix_that_never_came_and_the_network_of_the_cluster_are_two_faults() -> None:
    report = _report(WRAPPER.format(plugin="azure-vnet", error="no addresses available"), "2026-11-23T09:00:00Z")
    assert set(report.root_causes) == {"pod-network-setup-fails", "egress-prefix-unassigned"}


@pytest.mark.parametrize(
    "error",
    [
        "failed to add WireGuard link: operation not supported",
        "failed to parse cidr: 10.0.0.5",
        "no enough ipv6 addr",
        "a text of a later release",
    ],
)
def test_any_text_of_the_plugin_is_explained_by_a_cause_that_failed(error: str) -> None:
    """Before, the edge was switched off by the words of the message."""
    report = _report(WRAPPER.format(plugin="kube-egress-cni", error=error), "2026-11-23T09:00:00Z")
    assert report.root_causes == ("egress-prefix-unassigned",)


def test_a_text_that_matches_a_cause_that_failed_has_no_other() -> None:
    error = "failed to retrieve StaticGatewayConfiguration team-egress/sgc: not found"
    report = _report(
        WRAPPER.format(plugin="kube-egress-cni", error=error),
        "2026-11-23T09:00:00Z",
        azure={"managed_cluster": {"properties": {"networkProfile": {"ipFamilies": ["IPv4", "IPv6"]}}}},
        remove=["StaticGatewayConfiguration team-egress/sgc"],
    )
    (failed,) = (each for each in report.findings if each.check == "pod-network-setup-fails")
    assert failed.explained_by == ("gateway-configuration-missing",)
    assert {"dual-stack-cluster", "gateway-configuration-missing"} <= set(report.root_causes)


def test_a_prefix_that_is_pending_explains_no_other_text() -> None:
    error = 'failed to retrieve StaticGatewayConfiguration team-egress/other: "other" not found'
    report = _report(WRAPPER.format(plugin="kube-egress-cni", error=error), "2026-11-23T09:58:00Z")
    assert report.root_causes == ("pod-network-setup-fails",)
