"""Counters of denials, clients, istiod and the static egress components."""

from collections.abc import Mapping
from typing import Any

import pytest

from checks.facts.counter_names import DENIED_REQUESTS
from checks.facts.fact import ProxyRole
from checks.model.findings import Finding, Report, Status, Verdict
from checks.model.route import Mark
from checks.reports.text import closing_lines
from checks.sources.counter_series import metrics_of
from tests.clusters.compose import Cluster, named
from tests.incidents.test_traffic import FLOWS, known, with_traffic
from tests.recordings import diagnosed, question

GATEWAY = "team-egress/egw"
HOST = "edition.cnn.com"
CLIENT = "team-a/web"
SERVICE = "egw.team-egress.svc.cluster.local"


def report_of(
    cluster: Cluster, *counted: Mapping[str, Any], client: str | None = None, host: str | None = None
) -> Report:
    return diagnosed(with_traffic(cluster, *counted), question(cluster, GATEWAY, host, client)).finish(0.0)


def of_client(**counted: Any) -> dict[str, Any]:
    return {"pod": "team-a/web-7c5b9d6f4-m4t8x", "role": "client", "workload": "web", "service": SERVICE, **counted}


def notes(report: Report) -> tuple[str, ...]:
    assert report.traffic is not None
    return report.traffic.notes


def finding(report: Report, code: str) -> Finding:
    (found,) = [each for each in report.findings if each.code == code]
    return found


def test_denials_of_one_host_are_its_failures_and_name_the_policies() -> None:
    incident = known()["145-deny-all-in-the-namespace"]
    report = report_of(incident.cluster, {"http": {HOST: {"403 -": 40}}, "denied": 40})
    found = finding(report, "EG524")
    assert "an AuthorizationPolicy denied the request (403 RBAC). The failure is in the cluster" in found.summary
    resources = {each.resource for each in found.evidence}
    assert any(each.startswith("AuthorizationPolicy ") for each in resources), resources
    assert "envoy_http_rbac_denied" in {each.field for each in found.evidence}
    assert report.root_causes == ("authorization-denies",)


def test_answers_403_of_the_destination_beside_denials_stay_answers() -> None:
    report = report_of(named("base"), {"http": {HOST: {"403 -": 40, "200 -": 100}}, "denied": 10})
    assert report.traffic is not None
    assert [(each.host, each.total, each.failed, each.failure) for each in report.traffic.hosts] == [
        (HOST, 140, 10, "403 RBAC")
    ]


def test_denials_of_several_hosts_have_no_host_and_count_once() -> None:
    counted = {"http": {HOST: {"403 -": 40, "200 -": 5}, "www.example.com": {"403 -": 20}}, "denied": 30}
    report = report_of(named("base"), counted)
    assert report.traffic is not None
    assert [(each.host, each.total, each.failed) for each in report.traffic.hosts] == [("", 60, 30), (HOST, 5, 0)]


def test_without_denials_an_answer_403_is_no_failure() -> None:
    report = report_of(named("base"), {"http": {HOST: {"403 -": 40}}, "denied": 0})
    assert report.verdict is Verdict.HEALTHY


def test_denials_at_a_sidecar_are_not_read() -> None:
    assert set(DENIED_REQUESTS) <= metrics_of(ProxyRole.GATEWAY)
    assert metrics_of(ProxyRole.CLIENT).isdisjoint(DENIED_REQUESTS)


PATHS = {
    "PassthroughCluster": (
        f"40 requests of client {CLIENT} to {HOST} bypassed the gateway in 5 min (through PassthroughCluster), none failed"
    ),
    HOST: f"40 requests of client {CLIENT} to {HOST} bypassed the gateway in 5 min (directly to the host), none failed",
    "BlackHoleCluster": f"40 requests of client {CLIENT} to {HOST} were rejected at its sidecar in 5 min (BlackHoleCluster)",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", [HOST, None])
def test_traffic_of_a_client_past_the_gateway_is_evidence_and_no_failure(path: str, host: str | None) -> None:
    without = report_of(named("base"), FLOWS, of_client(), client=CLIENT, host=host)
    report = report_of(named("base"), FLOWS, of_client(past={HOST: {path: 40}}), client=CLIENT, host=host)
    assert PATHS[path] in notes(report)
    assert not any("bypass" in each for each in notes(without))
    assert (report.verdict, report.root_causes, report.warnings) == (
        without.verdict,
        without.root_causes,
        without.warnings,
    )
    words = " ".join(" ".join(closing_lines(report)).split())
    assert PATHS[path] in words


def test_the_route_shows_requests_past_the_gateway_at_the_sidecar() -> None:
    report = report_of(
        named("base"), FLOWS, of_client(past={HOST: {"PassthroughCluster": 40}}), client=CLIENT, host=f"{HOST}:80"
    )
    assert report.route is not None
    rows = {
        (each.resource, each.chosen)
        for request in report.route.requests
        for hop in request.hops
        for each in hop.decided
    }
    assert (f"counters of client {CLIENT}", "40 through PassthroughCluster, none failed") in rows


@pytest.mark.parametrize("incident", ["036-route-without-mesh", "043-allow-any-bypass"])
def test_a_route_that_bypasses_the_gateway_has_the_counts_at_the_hop_where_it_leaves(incident: str) -> None:
    counted = of_client(past={HOST: {"PassthroughCluster": 40}})
    report = report_of(known()[incident].cluster, FLOWS, counted, client=CLIENT, host=f"{HOST}:80")
    assert report.route is not None
    leaving = [hop for request in report.route.requests for hop in request.hops if hop.mark is Mark.LEAVES]
    rows = [each.chosen for hop in leaving for each in hop.decided if each.resource == f"counters of client {CLIENT}"]
    assert rows
    assert set(rows) == {"40 through PassthroughCluster, none failed"}


def test_a_host_that_is_not_of_the_gateway_is_no_bypass() -> None:
    report = report_of(
        named("base"), FLOWS, of_client(past={"other.example": {"PassthroughCluster": 9}}), client=CLIENT
    )
    assert not notes(report)


def test_a_finding_about_the_bypass_has_the_counts_as_evidence() -> None:
    incident = known()["032-no-service-entry"]
    counted = of_client(past={HOST: {"PassthroughCluster": 40}})
    report = report_of(incident.cluster, FLOWS, counted, client=CLIENT, host=f"{HOST}:80")
    rows = [
        each for found in report.findings for each in found.evidence if each.resource == f"counters of client {CLIENT}"
    ]
    assert {(each.observed, each.expected) for each in rows} == {("through PassthroughCluster", "to the gateway")}


@pytest.mark.parametrize(
    ("client", "reason"),
    [(of_client(age=600), "10 min old"), (None, "the source of counters has none of its pods")],
)
def test_a_client_whose_counters_are_not_known_is_said(client: dict[str, Any] | None, reason: str) -> None:
    counted = [FLOWS, *([client] if client is not None else [])]
    report = report_of(named("base"), *counted, client=CLIENT)
    (note,) = notes(report)
    assert note.startswith(f"Requests of client {CLIENT} are not checked: ")
    assert reason in note


ISTIOD = {"pod": "aks-istio-system/istiod-asm-1-30-x", "role": "istiod", "service": ""}
COMPONENT = {"pod": "aks-static-egress-gateway/10.244.0.9", "role": "component", "service": ""}
COUNTED = [
    (ISTIOD, "pilot_total_xds_rejects", 3, "istiod counted 3 rejected configurations of proxies of the mesh in 15 min"),
    (ISTIOD, "pilot_xds_push_errors", 1, "istiod counted 1 failed push in 15 min"),
    (ISTIOD, "pilot_xds_write_timeout", 2, "istiod counted 2 failed pushes in 15 min"),
    (
        COMPONENT,
        "cnimanager_podendpoint_operation_failures_total",
        4,
        "The static egress components counted 4 failures in 15 min (cnimanager_podendpoint_operation_failures_total)",
    ),
]


@pytest.mark.parametrize(("about", "metric", "count", "note"), COUNTED)
def test_failures_that_others_count_are_said_and_decide_nothing(
    about: dict[str, Any], metric: str, count: int, note: str
) -> None:
    report = report_of(named("base"), FLOWS, {**about, "counted": {metric: count}})
    assert notes(report) == (note,)
    assert report.verdict is Verdict.HEALTHY
    assert not notes(report_of(named("base"), FLOWS, {**about, "counted": {metric: 0}}))


@pytest.mark.parametrize(
    ("incident", "code", "about", "metric"),
    [
        ("047-listener-rejected", "EG503", ISTIOD, "pilot_total_xds_rejects"),
        ("140-control-plane-down", "EG501", ISTIOD, "pilot_xds_push_errors"),
        ("124-gateway-daemons-down", "EG309", COMPONENT, "controller_reconcile_fail_count"),
    ],
)
def test_a_finding_that_they_confirm_has_them_as_evidence(
    incident: str, code: str, about: dict[str, Any], metric: str
) -> None:
    report = report_of(known()[incident].cluster, FLOWS, {**about, "counted": {metric: 5}})
    rows = [
        (each.field, each.observed)
        for found in report.findings
        if found.code == code and found.status in (Status.FAIL, Status.WARN)
        for each in found.evidence
    ]
    assert (metric, "failures counted") in rows


UNCOUNTED = (
    "TLS and DNS failures are not counted: the proxies' counters of connections are off (proxyStatsMatcher), or not "
    "scraped"
)


def test_it_is_said_if_the_counters_of_connections_are_off_and_connections_fail() -> None:
    assert UNCOUNTED in notes(report_of(named("base"), {"http": {HOST: {"503 UF,URX": 30}}}))
    assert not notes(report_of(named("base"), {"http": {HOST: {"502 -": 30}}}))


@pytest.mark.parametrize(
    ("outcome", "connections", "meaning"),
    [
        (
            "503 UH",
            {"update_failure": 4, "upstream_cx_connect_fail": 0},
            "the gateway could not resolve the host's name",
        ),
        (
            "503 UH",
            {"update_failure": 0, "upstream_cx_connect_fail": 0},
            "the gateway has no healthy address for the host",
        ),
        (
            "503 UF,URX",
            {"ssl_fail_verify_san": 30, "ssl_connection_error": 30, "upstream_cx_connect_fail": 30},
            "the proxy rejected the certificate of the destination",
        ),
        (
            "503 UF,URX",
            {"ssl_connection_error": 30, "upstream_cx_connect_fail": 30},
            "the TLS handshake with the destination failed",
        ),
    ],
)
def test_counters_of_connections_show_why_connections_fail(
    outcome: str, connections: dict[str, int], meaning: str
) -> None:
    report = report_of(named("base"), {"http": {HOST: {outcome: 30}}, "connections": {HOST: connections}})
    assert meaning in finding(report, "EG524").summary
    assert not notes(report)


def test_the_report_says_how_many_istiods_were_read() -> None:
    raw = {"source": "pods", "role": "istiod", "namespace": "aks-istio-system", "times": [], "series": []}
    read = [{"pod": f"aks-istio-system/istiod-{n}", "role": "istiod", "counted": {}} for n in range(3)]
    unread = [{"raw": {**raw, "pod": f"istiod-{n}", "left_out": True}} for n in (3, 4)]
    sentence = "The counters of 3 of 5 istiod pods are read, to limit the load"
    assert sentence in notes(report_of(named("base"), FLOWS, *read, *unread))
    assert sentence not in notes(report_of(named("base"), FLOWS, *read))
