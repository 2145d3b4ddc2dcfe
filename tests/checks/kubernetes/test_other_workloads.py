"""A change of a namespace says which other workloads it affects, or that this is unread."""

from typing import Any

from checks.model.findings import Status
from tests.clusters.compose import compose
from tests.recordings import diagnosed
from tests.scenarios.cases import all_cases

CASE = next(each for each in all_cases() if each.name == "the pod security level restricted forbids the pods")
BATCH = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "report-7c9", "namespace": "team-egress", "labels": {"app": "report"}},
    "spec": {"containers": [{"name": "report", "image": "report"}]},
}
FORBIDDEN = {"source": "kubernetes", "resource": "pods", "namespace": None, "status": 403, "message": "forbidden"}


def consequence(**changes: Any) -> str:
    cluster, wanted = CASE.asked
    report = diagnosed(compose(cluster, changes), wanted, [CASE.check]).finish(0.0)
    (found,) = (each for each in report.findings if each.status is Status.FAIL)
    return next(each.expect for each in found.actions if " label namespace" in each.command)


def test_another_workload_is_named() -> None:
    assert "it also applies to new pods of report-7c9. The owner of the security level must agree" in consequence(
        add=[BATCH]
    )


def test_a_gateway_alone_in_its_namespace() -> None:
    assert "no other workload of the namespace is affected" in consequence()


def test_pods_that_were_not_read_are_no_absence_of_workloads() -> None:
    text = consequence(errors=[FORBIDDEN])
    assert "whether it applies to other workloads of the namespace is not checked: its pods were not read" in text
