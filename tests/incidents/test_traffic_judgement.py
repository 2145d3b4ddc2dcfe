"""Sides, doubts and locations that follow from counters, and those that do not."""

from typing import Any

import pytest

from checks.knowledge.response_flags import FailureSide
from checks.model.findings import Finding, Report, Status
from checks.model.route import HopName, Mark
from tests.clusters.compose import Cluster, named
from tests.incidents.test_traffic import FLOWS, known, with_traffic
from tests.recordings import diagnosed, question

GATEWAY = "team-egress/egw"
HOST = "edition.cnn.com"
OTHER = "www.example.com"
CLIENT = "team-a/web"


def report_of(cluster: Cluster, *counted: dict[str, Any], host: str | None = None, client: str | None = None) -> Report:
    return diagnosed(with_traffic(cluster, *counted), question(cluster, GATEWAY, host, client)).finish(0.0)


def traffic_failing(report: Report) -> Finding:
    found, *_ = [each for each in report.findings if each.code == "EG524"]
    return found


@pytest.mark.parametrize(
    "incident",
    ["146-sidecar-does-not-import-the-route", "219-two-client-namespaces-two-faults", "043-allow-any-bypass"],
)
def test_traffic_of_other_clients_contradicts_no_fault_that_does_not_reach_the_gateway(incident: str) -> None:
    report = report_of(known()[incident].cluster, FLOWS)
    assert report.root_causes
    assert not any(each.doubt for each in report.findings)


def test_one_failed_request_of_a_thousand_leaves_the_doubt() -> None:
    cluster = known()["031-gateway-selector-typo"].cluster
    (found,) = [
        each
        for each in report_of(cluster, {"http": {HOST: {"200 -": 1203, "503 UF,URX": 1}}}).findings
        if each.check == "gateway-selector-mismatch"
    ]
    assert found.doubt.startswith("Traffic contradicts this: 1,203 of 1,204 recent requests")


def test_a_tenth_of_failed_requests_removes_the_doubt() -> None:
    cluster = known()["031-gateway-selector-typo"].cluster
    report = report_of(cluster, {"http": {HOST: {"200 -": 1080, "503 UF,URX": 120}}})
    assert not any(each.doubt for each in report.findings)


@pytest.mark.parametrize(
    "outcome",
    [
        *("503 FI", "503 OM", "503 DO", "500 NFCF", "503 LH", "504 SI", "504 DT", "503 DPE", "429 RL", "401 RLSE"),
        *("400 IH", "0 DPE", "503 XYZ"),
    ],
)
def test_a_failure_that_envoy_made_itself_is_not_at_the_destination(outcome: str) -> None:
    found = traffic_failing(report_of(named("base"), {"http": {HOST: {outcome: 300}}}))
    assert found.status is Status.FAIL
    assert "The failure is in the cluster." in found.summary


def test_a_503_of_the_destination_after_an_injected_delay_is_its_own() -> None:
    found = traffic_failing(report_of(named("base"), {"http": {HOST: {"503 DI": 300}}}))
    assert "the destination answered 503" in found.summary


def test_a_slow_destination_is_no_firewall() -> None:
    found = traffic_failing(report_of(named("base"), {"http": {HOST: {"504 UT": 300}, OTHER: {"504 UT": 30}}}))
    assert found.status is Status.WARN
    assert "The failure is at the destination." in found.summary
    assert not any("firewall" in each.title for each in found.actions)


def test_a_route_that_gives_up_before_the_connection_times_out_shows_the_network() -> None:
    counted = {"http": {HOST: {"504 UT": 300}}, "connections": {HOST: {"upstream_cx_connect_timeout": 300}}}
    assert str(FailureSide.UNCLEAR) in traffic_failing(report_of(named("base"), counted)).summary


def test_one_rejected_certificate_among_many_time_outs_is_not_the_reason() -> None:
    failed = {"ssl_fail_verify_error": 1, "upstream_cx_connect_timeout": 1500, "upstream_cx_connect_fail": 1501}
    counted = {"http": {HOST: {"503 UF,URX": 500}}, "connections": {HOST: failed}}
    assert "the connection to the destination timed out" in traffic_failing(report_of(named("base"), counted)).summary


def test_one_time_out_among_many_refusals_is_not_the_reason() -> None:
    failed = {"upstream_cx_connect_timeout": 1, "upstream_cx_connect_fail": 500}
    counted = {"http": {HOST: {"503 UF,URX": 500}}, "connections": {HOST: failed}}
    assert "the destination refused the connection" in traffic_failing(report_of(named("base"), counted)).summary


def test_a_host_that_fails_alone_can_be_stopped_by_a_firewall_rule_for_it() -> None:
    report = report_of(named("base"), {"http": {HOST: {"503 UF,URX": 300}, OTHER: {"200 -": 30}}})
    found = traffic_failing(report)
    assert found.status is Status.WARN
    assert "The failure is at the destination, or in a firewall rule for this host." in found.summary
    assert any("firewall" in each.title for each in found.actions)


def test_the_route_doubts_the_sidecar_that_the_requests_of_the_client_bypass() -> None:
    client = {
        "pod": "team-a/web-7c5b9d6f4-m4t8x",
        "role": "client",
        "workload": "web",
        "service": "egw.team-egress.svc.cluster.local",
        "past": {HOST: {"PassthroughCluster": 40}},
    }
    report = report_of(named("base"), FLOWS, client, host=f"{HOST}:80", client=CLIENT)
    assert report.route is not None
    (hop,) = [hop for request in report.route.requests for hop in request.hops if hop.name is HopName.MESH_ROUTE]
    assert hop.mark is Mark.DOUBTS
    assert hop.doubts == (f"40 requests of {CLIENT} bypassed the gateway (through PassthroughCluster)",)


def test_a_time_out_of_one_host_is_none_of_the_network_if_other_hosts_are_reached() -> None:
    counted = {"http": {HOST: {"503 UF,URX": 300}, OTHER: {"200 -": 30}}, "milliseconds": {HOST: 10008}}
    found = traffic_failing(report_of(named("base"), counted))
    assert "the connection to the destination timed out, and other hosts are reached" in found.summary
    assert str(FailureSide.BEYOND) in found.summary


def series(metric: str, outcome: str, amount: int, **labels: str) -> dict[str, Any]:
    code, _, flags = outcome.partition(" ")
    about = {
        "destination_service": HOST,
        "destination_service_name": HOST,
        "response_code": code,
        "response_flags": flags,
    }
    return {"metric": metric, "labels": {**about, **labels}, "values": [0, amount]}


def by_hand(*found: dict[str, Any]) -> dict[str, Any]:
    """The samples of a pod, written as they are in a bundle."""
    about = {"source": "pods", "role": "gateway", "namespace": "team-egress", "pod": "egw-asm-1-30-abc"}
    times = {"service": "egw.team-egress.svc.cluster.local", "times": ["2026-11-23T09:59:50Z", "2026-11-23T10:00:00Z"]}
    return {"pod": "team-egress/egw-asm-1-30-abc", "source": "pods", "raw": {**about, **times, "series": list(found)}}


def test_slow_answers_of_the_destination_do_not_make_a_refused_connection_time_out() -> None:
    """300 refusals of 8 ms, and 50 answers that took 15 s: 2.1 s on average."""
    name = "istio_request_duration_milliseconds"
    refused, slow = "503 UF,URX", "502 -"
    report = report_of(
        named("base"),
        by_hand(
            *(series("istio_requests_total", refused, 300), series("istio_requests_total", slow, 50)),
            *(series(f"{name}_count", refused, 300), series(f"{name}_sum", refused, 2_400)),
            *(series(f"{name}_count", slow, 50), series(f"{name}_sum", slow, 750_000)),
        ),
    )
    assert "the destination refused the connection" in traffic_failing(report).summary
    assert str(FailureSide.DESTINATION) in traffic_failing(report).summary


def test_the_most_frequent_failure_counts_all_of_its_codes_and_flags() -> None:
    outcomes = {"503 UF": 200, "503 UF,URX": 250, "502 -": 300}
    found = traffic_failing(report_of(named("base"), {"http": {HOST: outcomes}}))
    assert "the connection to the destination failed (503 UF,URX)" in found.summary


@pytest.mark.parametrize(
    ("status", "flags", "words"),
    [
        ("14", "-", "the destination answered UNAVAILABLE (gRPC 14)"),
        ("13", "-", "the destination answered INTERNAL (gRPC 13)"),
        ("14", "UF,URX", "the connection to the destination failed (gRPC 14 UF,URX)"),
        ("8", "RL", "a rate limit rejected the request (gRPC 8 RL)"),
        ("14", "XYZ", "the gateway's proxy ended the request itself (gRPC 14 XYZ)"),
    ],
)
def test_grpc_requests_fail_with_code_200(status: str, flags: str, words: str) -> None:
    counted = series("istio_requests_total", f"200 {flags}", 90, grpc_response_status=status, request_protocol="grpc")
    assert words in traffic_failing(report_of(named("base"), by_hand(counted))).summary


@pytest.mark.parametrize("status", ["0", "", "5", "7", "16"])
def test_grpc_answers_to_the_request_are_no_failure(status: str) -> None:
    """NOT_FOUND and its like are as frequent as 404."""
    counted = series("istio_requests_total", "200 -", 90, grpc_response_status=status, request_protocol="grpc")
    assert traffic_failing(report_of(named("base"), by_hand(counted))).status is Status.PASS


def test_denied_grpc_requests_are_denials() -> None:
    counted = series("istio_requests_total", "200 -", 90, grpc_response_status="7", request_protocol="grpc")
    denied = {"metric": "envoy_http_rbac_denied", "labels": {}, "values": [0, 90]}
    found = traffic_failing(report_of(named("base"), by_hand(counted, denied)))
    assert "an AuthorizationPolicy denied the request" in found.summary


def test_a_code_that_is_no_number_makes_successes_unknown() -> None:
    found = traffic_failing(report_of(named("base"), by_hand(series("istio_requests_total", "² -", 90))))
    assert found.status is Status.UNKNOWN
    assert "have no label response_code" in found.summary
