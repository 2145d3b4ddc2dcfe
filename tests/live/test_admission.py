"""Pod security admission of what active steps create, by a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from checks.actions.planning import STRATEGIC_MERGE
from checks.actions.probe_objects import ephemeral_container, probe_job
from tests.helm.installed import LIVE
from tests.live.cluster import ACTIONS, URL, StepCluster
from tests.live.scenarios import POD_SECURITY

pytestmark = LIVE

PLACE = "admission"


@pytest.fixture(scope="module")
def pods(cluster: StepCluster) -> str:
    """The path of the pods of a namespace that enforces `restricted`, with one pod."""
    patch = {"metadata": {"labels": {POD_SECURITY: "restricted"}}}
    cluster.ok("PATCH", f"/api/v1/namespaces/{PLACE}", patch, kind="application/merge-patch+json")
    path = f"/api/v1/namespaces/{PLACE}/pods"
    cluster.ok("POST", path, pod("proxy"))
    return path


def pod(name: str) -> dict[str, Any]:
    """A pod with the specification of a probe, without its labels."""
    template = probe_job("0" * 12, "tests", PLACE, "sgc", "curl:8", [URL])["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": template["spec"]}


def test_the_probe_pod_is_admitted_without_a_warning(cluster: StepCluster, pods: str) -> None:
    status, found = cluster.chart.ask("POST", f"{pods}?dryRun=All&fieldValidation=Strict", pod("probe"))
    assert status == 201, found


def test_the_ephemeral_container_is_admitted_and_one_with_more_privileges_is_not(
    cluster: StepCluster, pods: str
) -> None:
    token = cluster.chart.token(ACTIONS)
    path = f"{pods}/proxy/ephemeralcontainers?dryRun=All&fieldValidation=Strict"
    patch = ephemeral_container("0" * 12, "curl:8", [URL])
    status, found = cluster.chart.ask("PATCH", path, patch, token, STRATEGIC_MERGE)
    assert status == 200, found
    patch["spec"]["ephemeralContainers"][0]["securityContext"]["capabilities"] = {"add": ["NET_ADMIN"]}
    status, found = cluster.chart.ask("PATCH", path, patch, token, STRATEGIC_MERGE)
    assert (status, "violates PodSecurity" in found["message"]) == (403, True)
