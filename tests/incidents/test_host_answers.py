"""Refusals, silence and slowness of hosts, and what counters do not show."""

from dataclasses import replace
from typing import Any

import pytest

from checks.model.findings import Report, Status, Verdict
from tests.clusters.compose import Cluster, compose, named
from tests.incidents.test_traffic import with_traffic
from tests.incidents.test_traffic_judgement import HOST, OTHER, by_hand, traffic_failing
from tests.recordings import diagnosed, question

GATEWAY = "team-egress/egw"
REQUESTS, DURATION = "istio_requests_total", "istio_request_duration_milliseconds"


def report_of(*counted: dict[str, Any], host: str | None = None, base: Cluster | None = None) -> Report:
    cluster = with_traffic(base or named("base"), *counted)
    return diagnosed(cluster, question(cluster, GATEWAY, host)).finish(0.0)


def notes(report: Report) -> tuple[str, ...]:
    assert report.traffic is not None
    return report.traffic.notes


def series(metric: str, amount: int, host: str = HOST, **labels: str) -> dict[str, Any]:
    about = {"destination_service": host, "destination_service_name": host, "response_flags": "-"}
    return {"metric": metric, "labels": {**about, **labels}, "values": [1000, 1000 + amount]}


def connections(host: str, number: int, sent: int, received: int) -> list[dict[str, Any]]:
    amounts = {
        "connections_opened": number,
        "connections_closed": number,
        "sent_bytes": sent,
        "received_bytes": received,
    }
    return [series(f"istio_tcp_{name}_total", amount, host) for name, amount in amounts.items()]


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ({"403 -": 300}, "403 to 300 of 300 requests in 5 min: its allow-list can lack the egress IP prefix"),
        (
            {"429 -": 800, "200 -": 200},
            "429 to 800 of 1,000 requests in 5 min: its rate limit can count all clients of the egress IP prefix as one",
        ),
        ({"421 -": 9}, "421 to 9 of 9 requests in 5 min: the TLS name (SNI) and the Host header can differ"),
    ],
)
def test_a_host_that_refuses_most_requests_is_said_and_is_no_failure(outcomes: dict[str, int], sentence: str) -> None:
    report = report_of({"http": {HOST: outcomes}})
    assert notes(report) == (f"{HOST} answered {sentence}",)
    assert report.verdict is Verdict.HEALTHY


@pytest.mark.parametrize("outcomes", [{"403 -": 30, "200 -": 300}, {"403 -": 4}, {"404 -": 300}, {"401 -": 300}])
def test_other_answers_are_not_said(outcomes: dict[str, int]) -> None:
    assert notes(report_of({"http": {HOST: outcomes}})) == ()


def test_the_answers_of_another_host_are_not_those_of_the_question() -> None:
    report = report_of({"http": {HOST: {"200 -": 30}, OTHER: {"403 -": 30}}}, host=f"{HOST}:80")
    assert notes(report) == ()


def test_a_host_that_sends_no_byte_back_is_said() -> None:
    """A firewall with rules for names accepts the connection, and ends it after the TLS name."""
    counted = by_hand(*connections(HOST, 40, 0, 20_000), *connections(OTHER, 40, 90_000, 20_000))
    (found,) = notes(report_of(counted))
    assert found.startswith(
        f"{HOST} sent no byte back on 40 closed connections in 10 s: the destination, or a firewall"
    )


def test_a_source_that_keeps_no_sent_bytes_shows_no_silence() -> None:
    kept = [each for each in connections(HOST, 40, 0, 20_000) if "sent" not in each["metric"]]
    assert notes(report_of(by_hand(*kept))) == ()
    assert notes(report_of(by_hand(*connections(HOST, 40, 0, 20_000)))) != ()


@pytest.mark.parametrize(
    "counted",
    [(4, 0, 900), (40, 0, 0), (40, 7, 20_000)],
    ids=["few connections", "no byte to it", "a TLS alert came back"],
)
def test_silence_is_said_only_if_the_counters_show_it(counted: tuple[int, int, int]) -> None:
    assert notes(report_of(by_hand(*connections(HOST, *counted)))) == ()


@pytest.mark.parametrize(("mean", "said"), [(25_000, True), (4_900, False)])
def test_slow_answers_are_said(mean: int, said: bool) -> None:
    answers = [series(name, 100, response_code="200") for name in (REQUESTS, f"{DURATION}_count")]
    counted = by_hand(*answers, series(f"{DURATION}_sum", 100 * mean, response_code="200"))
    sentence = f"Successful requests to {HOST} took 25 s on average in 10 s"
    assert notes(report_of(counted)) == ((sentence,) if said else ())


def test_the_name_of_a_destination_stands_for_a_removed_label() -> None:
    counted = series(REQUESTS, 90, response_code="503", response_flags="UF")
    del counted["labels"]["destination_service"]
    assert f"90 of 90 requests to {HOST} failed" in traffic_failing(report_of(by_hand(counted))).summary


def test_without_any_counter_of_requests_the_source_may_not_keep_them() -> None:
    base = replace(named("base"), logs={})
    found = traffic_failing(report_of({"idle": "team-egress/egw-asm-1-30-abc"}, base=base))
    assert found.status is Status.SKIPPED
    assert "or the source does not keep istio_requests_total" in found.summary
    old = {"http": {HOST: {"200 -": 0}}}
    assert traffic_failing(report_of(old, base=base)).summary.endswith("in 15 min: there was no traffic.")


def started(pod: str, at: str) -> Cluster:
    """The base cluster, in which the proxy of a pod has just started."""
    container = {"name": "istio-proxy", "state": {"running": {"startedAt": at}}, "ready": True, "started": True}
    status = {"containerStatuses": [container]}
    metadata = {"namespace": "team-egress", "name": pod}
    return compose(named("base"), {"change": [{"kind": "Pod", "metadata": metadata, "status": status}]})


@pytest.mark.parametrize(
    ("at", "status"), [("2026-11-23T09:58:30Z", Status.PASS), ("2026-11-23T08:00:00Z", Status.UNKNOWN)]
)
def test_a_pod_that_has_just_started_was_sampled_once_only(at: str, status: Status) -> None:
    pod = "egw-asm-1-30-def"
    one = {
        "source": "prometheus",
        "role": "gateway",
        "namespace": "team-egress",
        "pod": pod,
        "service": "egw.team-egress.svc.cluster.local",
        "times": ["2026-11-23T09:59:40Z"],
        "series": [{"metric": "istio_build", "labels": {}, "values": [1]}],
    }
    counted = ({"http": {HOST: {"200 -": 300}}}, {"pod": f"team-egress/{pod}", "raw": one})
    assert traffic_failing(report_of(*counted, base=started(pod, at))).status is status
