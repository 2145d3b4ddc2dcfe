"""Traffic and objects that disagree: `traffic.yaml` has the cases."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from checks.model.findings import Report, Status, Verdict
from checks.reports.traffic_words import failing_location
from tests.clusters.bundles import read_yaml
from tests.clusters.compose import Cluster, compose, named
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question

CASES = read_yaml(Path(__file__).parent / "traffic.yaml")
FLOWS = {"http": {"edition.cnn.com": {"200 -": 1204}}}
TRAFFIC = "traffic-failing"
WORDS = {
    "in the cluster": "It is the gateway",
    "in the network between the gateway nodes and the destination": (
        "It is the network between the gateway and the destination"
    ),
    "at the destination, or in the network before it": "It is the destination, or the network before it",
    "at the destination": "It is the destination, not the gateway",
    "at the destination, or in a firewall rule for this host": "It is the destination, or a firewall rule for this host",
}
"""The answer to "is it the gateway or the host?" by location."""


def with_traffic(cluster: Cluster, *counted: Mapping[str, Any], **patch: Any) -> Cluster:
    """The cluster with these counters; its other gateway pods are idle."""
    pods = [
        f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        for each in cluster.objects
        if each["kind"] == "Pod" and "/egw-asm-" in f"/{each['metadata']['name']}"
    ]
    source = counted[0].get("source", "prometheus")
    first = dict(counted[0]) if "pod" in counted[0] or not pods else {"pod": pods[0], **counted[0]}
    named_pods = {first.get("pod"), *(each.get("pod") for each in counted)}
    others = [*counted[1:], *({"idle": pod, "source": source} for pod in pods if pod not in named_pods)]
    services = {pod: f"egw.{pod.partition('/')[0]}.svc.cluster.local" for pod in pods}
    entries = [
        {"service": services.get(str(each.get("pod") or each.get("idle")), "x"), **each} for each in (first, *others)
    ]
    return compose(cluster, {**patch, "metrics": entries})


def report_of(cluster: Cluster, gateway: str, host: str | None = None) -> Report:
    return diagnosed(cluster, question(cluster, gateway, host)).finish(0.0)


@pytest.mark.parametrize("case", CASES["sound"], ids=lambda case: case["name"])
def test_with_sound_objects_the_traffic_shows_where_it_fails(case: Mapping[str, Any]) -> None:
    patch = {key: case[key] for key in ("logs",) if key in case}
    report = report_of(with_traffic(named("base"), *case["metrics"], **patch), "team-egress/egw")
    (found, *_) = [each for each in report.findings if each.check == TRAFFIC]
    assert found.status in (Status.FAIL, Status.WARN)
    assert f"The failure is {case['location']}" in found.summary
    assert report.verdict == case["verdict"]
    assert report.root_causes == ((TRAFFIC,) if case["verdict"] == Verdict.BROKEN else ())
    assert failing_location(report).partition(":")[0] == WORDS[case["location"]]


@cache
def known() -> dict[str, Any]:
    return {each.name: each for each in incidents()}


@pytest.mark.parametrize("case", CASES["failing"], ids=lambda case: case["incident"])
def test_traffic_that_succeeds_doubts_the_failure_and_hides_nothing(case: Mapping[str, Any]) -> None:
    incident = known()[case["incident"]]
    gateway, host = incident.expect["gateway"], incident.expect.get("host")
    without = report_of(incident.cluster, gateway, host)
    report = report_of(with_traffic(incident.cluster, FLOWS), gateway, host)
    assert (report.verdict, report.root_causes) == (without.verdict, without.root_causes)
    doubted = {each.check: each.doubt for each in report.findings if each.doubt and each.check in report.root_causes}
    assert sorted(doubted) == sorted(case["doubted"])
    assert all("1,204 recent requests" in each for each in doubted.values())
    assert not any(each.doubt for each in without.findings)


def healthy() -> Iterator[tuple[str, str]]:
    for cluster in CASES["healthy"]["clusters"]:
        for traffic in CASES["healthy"]["traffic"]:
            yield cluster, traffic


@pytest.mark.parametrize(("cluster", "traffic"), list(healthy()))
def test_harmless_traffic_changes_nothing(cluster: str, traffic: str) -> None:
    base = named(cluster)
    without = report_of(base, "team-egress/egw")
    report = report_of(with_traffic(base, *CASES["healthy"]["traffic"][traffic]), "team-egress/egw")
    assert without.verdict is Verdict.HEALTHY
    assert report.verdict is Verdict.HEALTHY
    assert not any(each.doubt for each in report.findings)
    assert [each.summary for each in report.findings if each.status in (Status.FAIL, Status.WARN)] == [
        each.summary for each in without.findings if each.status in (Status.FAIL, Status.WARN)
    ]
    assert report.traffic is not None
    assert not report.traffic.problem


GONE = {"pod": "team-egress/egw-asm-1-30-old", "http": {"edition.cnn.com": {"503 UF,URX": 90}}}


def aged(cluster: Cluster, pod: str, **patch: Any) -> Cluster:
    """The cluster, whose counters of a pod have these keys instead."""
    found = [{**each, **patch} if each["pod"] == pod else each for each in cluster.metrics or ()]
    return replace(cluster, metrics=tuple(found))


@pytest.mark.parametrize("patch", [{}, {"scraped": "2026-11-23T09:52:00Z"}], ids=["fresh", "8 min old"])
def test_the_samples_of_a_deleted_pod_do_not_matter(patch: dict[str, str]) -> None:
    """For 16 minutes after a rollout, a Prometheus returns the samples of the old pods.

    Fresh ones of a pod that does not exist are those of another cluster.
    """
    cluster = aged(with_traffic(named("base"), FLOWS, GONE), "egw-asm-1-30-old", **patch)
    report = report_of(cluster, "team-egress/egw")
    assert report.verdict is Verdict.HEALTHY
    assert report.traffic is not None
    assert (report.traffic.problem, [each.host for each in report.traffic.hosts if each.failed]) == ("", [])


def test_a_pod_that_is_being_deleted_is_no_longer_scraped() -> None:
    metadata = {"namespace": "team-egress", "name": "egw-asm-1-30-def", "deletionTimestamp": "2026-11-23T09:55:00Z"}
    base = compose(named("base"), {"change": [{"kind": "Pod", "metadata": metadata}]})
    cluster = aged(with_traffic(base, FLOWS), "egw-asm-1-30-def", scraped="2026-11-23T09:55:00Z")
    report = report_of(cluster, "team-egress/egw")
    assert report.traffic is not None
    assert report.traffic.problem == ""


@pytest.mark.parametrize("code", ["²", "٢٠٠", ""])
def test_a_code_that_is_no_number_is_no_crash(code: str) -> None:
    report = report_of(
        with_traffic(named("base"), {"http": {"edition.cnn.com": {f"{code} UF": 90}}}), "team-egress/egw"
    )
    (found, *_) = [each for each in report.findings if each.check == TRAFFIC]
    assert "failed unexpectedly" not in found.summary
    assert found.status is Status.FAIL


@pytest.mark.parametrize("left_out", [("def",), ("abc", "def")])
def test_pods_that_are_not_read_are_named_and_make_nothing_healthy(left_out: tuple[str, ...]) -> None:
    """Of a gateway with 12 pods, `metrics: pods` reads 10."""
    cluster = with_traffic(named("base"), FLOWS)
    for pod in left_out:
        cluster = aged(cluster, f"egw-asm-1-30-{pod}", left_out=True, times=[], series=[])
    report = report_of(cluster, "team-egress/egw")
    (found, *_) = [each for each in report.findings if each.check == TRAFFIC]
    unread = "1 pod" if len(left_out) == 1 else "2 pods"
    others = " None of 1,204 recent requests in the others failed." if left_out == ("def",) else ""
    assert found.status is Status.SKIPPED
    assert found.summary == f"Not read, to limit the load: the counters of {unread}.{others}"
