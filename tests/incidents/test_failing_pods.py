"""One gateway pod fails, and the others reach the host."""

from datetime import UTC, datetime
from typing import Any

import pytest

from checks.knowledge.response_flags import FailureSide
from checks.model.findings import Finding, Report, Status, Verdict
from checks.reports.traffic_words import failing_location
from tests.clusters.compose import named
from tests.incidents.test_traffic import with_traffic
from tests.recordings import diagnosed, question

GATEWAY = "team-egress/egw"
HOST = "edition.cnn.com"
ABC, DEF = "egw-asm-1-30-abc", "egw-asm-1-30-def"
UF = "503 UF,URX"


def report_of(abc: dict[str, Any], other: dict[str, Any]) -> Report:
    counted = ({"pod": f"team-egress/{ABC}", **abc}, {"pod": f"team-egress/{DEF}", **other})
    cluster = with_traffic(named("base"), *counted)
    return diagnosed(cluster, question(cluster, GATEWAY)).finish(0.0)


def found_in(report: Report) -> Finding:
    (found,) = [each for each in report.findings if each.code == "EG524"]
    return found


def test_the_pod_its_node_and_the_time_are_named() -> None:
    report = report_of({"http": {HOST: {UF: 500}}}, {"http": {HOST: {"200 -": 400}}})
    found = found_in(report)
    assert found.status is Status.FAIL
    assert f"500 of 900 requests to {HOST} failed in 5 min, all in pod {ABC} (node aks-system-0)" in found.summary
    assert f"The failure is {FailureSide.POD}." in found.summary
    assert found.since == datetime(2026, 11, 23, 9, 55, 40, tzinfo=UTC)
    assert failing_location(report) == f"It is gateway pod {ABC}: 500 of 900 requests to {HOST} failed ({UF})"
    commands = [each.command for each in found.actions]
    assert f"kubectl --context aks1 delete pod {ABC} -n team-egress" in commands
    assert (
        f"kubectl --context aks1 get podendpoints.egressgateway.kubernetes.azure.com {ABC} -o yaml -n team-egress"
        in commands
    )
    assert not any("firewall" in each.title for each in found.actions)


def test_a_pod_with_fewer_requests_than_the_others_is_named_too() -> None:
    report = report_of({"http": {HOST: {UF: 100}}}, {"http": {HOST: {"200 -": 4000}}})
    assert (report.verdict, found_in(report).status) == (Verdict.DEGRADED, Status.WARN)
    assert failing_location(report).startswith(f"It is gateway pod {ABC}: ")


@pytest.mark.parametrize(
    ("abc", "other"),
    [
        ({UF: 500}, {UF: 500}),
        ({UF: 4}, {"200 -": 400}),
        ({UF: 500}, {"200 -": 4}),
        ({UF: 250, "200 -": 250}, {"200 -": 400}),
        ({UF: 500}, {"200 -": 300, UF: 100}),
    ],
    ids=["both fail", "few fail", "few succeed", "a half of its requests", "the other fails sometimes"],
)
def test_no_pod_is_named_if_they_do_not_differ(abc: dict[str, int], other: dict[str, int]) -> None:
    report = report_of({"http": {HOST: abc}}, {"http": {HOST: other}})
    assert str(FailureSide.POD) not in found_in(report).summary
    assert report.traffic is not None
    assert report.traffic.hosts[0].pods == ()


def test_configuration_that_one_pod_lacks_stays_a_fault_of_the_cluster() -> None:
    found = found_in(report_of({"http": {HOST: {"503 NC": 500}}}, {"http": {HOST: {"200 -": 400}}}))
    assert f"all in pod {ABC}" in found.summary
    assert "The failure is in the cluster." in found.summary


def test_the_evidence_is_of_the_pods_that_counted_the_failure_in_these_minutes() -> None:
    """The counter of the other pod has 1,000 failures of an earlier day."""
    report = report_of({"http": {HOST: {UF: 500}}}, {"http": {HOST: {UF: 0, "200 -": 600}}})
    rows = [each.resource for each in found_in(report).evidence if each.field == "istio_requests_total"]
    assert rows == [f"counters of pod team-egress/{ABC}"]
