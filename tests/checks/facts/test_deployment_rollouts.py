"""Pods after a change of their workload's template."""

from typing import Any

from checks.facts.deployment_rollouts import rolled_out
from checks.facts.pods import Pod
from checks.facts.workloads import Deployment


def deployment(labels: dict[str, str], **spec: Any) -> Deployment:
    template = {"metadata": {"labels": labels}}
    return Deployment({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": template, **spec}})


POD = Pod(
    {
        "metadata": {
            "name": "web-1-a",
            "namespace": "shop",
            "labels": {"app": "web", "track": "old", "pod-template-hash": "1"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1"}],
        },
        "spec": {"containers": [{"name": "web"}, {"name": "istio-proxy"}]},
    }
)
BEFORE = deployment({"app": "web", "track": "old"})


def after(changed: Deployment) -> list[Pod]:
    return list(rolled_out([POD], {("Deployment", "shop", "web"): (BEFORE, changed)}))


def test_a_label_that_left_the_template_leaves_the_pods() -> None:
    [pod] = after(deployment({"app": "web"}))
    assert pod.labels == {"app": "web", "pod-template-hash": "1"}


def test_a_paused_rollout_and_one_of_another_workload_replace_nothing() -> None:
    assert after(deployment({"app": "web"}, paused=True)) == [POD]
    assert list(rolled_out([POD], {("Deployment", "shop", "other"): (BEFORE, deployment({}))})) == [POD]


def test_a_pod_that_declines_injection_has_no_sidecar() -> None:
    [pod] = after(deployment({"app": "web", "sidecar.istio.io/inject": "false"}))
    assert pod.proxy is None
    assert [each.name for each in pod.containers] == ["web"]
