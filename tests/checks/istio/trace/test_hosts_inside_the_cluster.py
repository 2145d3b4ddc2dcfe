"""A Service of the cluster is not meant to use an egress gateway."""

from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Report, Status
from checks.model.route import Outcome
from tests.checks.istio.trace.breakages import HTTP
from tests.checks.istio.trace.traced import changed, istio, plus
from tests.clusters.compose import Cluster, named
from tests.recordings import diagnosed, question

CHECKS = catalogue()
ROUTER = {each.slug for each in CHECKS if each.decided_by_router}
GATEWAY, SERVICE = "team-egress/egw", "egw.team-egress.svc.cluster.local"
HOST, UNUSED = "web.team-a.svc.cluster.local", "its traffic is not meant to use an egress gateway"
WEB = f"is Service team-a/web of the cluster: {UNUSED}"


def report(cluster: Cluster, host: str, client: str | None = "team-a/web") -> Report:
    return diagnosed(cluster, question(cluster, GATEWAY, host, client), CHECKS).finish(0.0)


def _web(**spec: Any) -> Cluster:
    """The healthy cluster with other settings of the application's Service."""
    return changed(named(HTTP), "Service", "web", lambda each: each["spec"].update(spec), "team-a")


def _address() -> str:
    for each in named(HTTP).objects:
        if (each["kind"], each["metadata"]["name"]) == ("Service", "web"):
            return str(each["spec"]["clusterIP"])
    raise LookupError("Service web")


@pytest.mark.parametrize(
    ("host", "meaning"),
    [
        (HOST, WEB),
        (f"http://{HOST}", WEB),
        ("web.team-a.svc", WEB),
        ("web.team-a", WEB),
        ("web", WEB),
        (f"web-0.{HOST}", WEB),
        (_address(), f"is the cluster IP address of Service team-a/web: {UNUSED}"),
        ("wbe.team-a.svc.cluster.local", f"is a name inside the cluster, but no Service has it: {UNUSED}"),
        ("*.team-a.svc.cluster.local", f"is a name inside the cluster: {UNUSED}"),
        (SERVICE, f"is the Service of egress gateway {GATEWAY}, and no host that it routes"),
    ],
)
def test_a_host_inside_the_cluster_needs_no_egress_gateway(host: str, meaning: str) -> None:
    found = report(named(HTTP), host)
    stated = f"{host.removeprefix('http://')} {meaning}."
    decided = [each for each in found.findings if each.check in ROUTER]
    assert {each.summary for each in decided if each.status is Status.SKIPPED} == {stated}
    assert {each.status for each in decided} <= {Status.SKIPPED, Status.WARN}
    assert not [each for each in found.findings if each.status is Status.FAIL]
    assert not [each for finding in decided for each in finding.actions if "apply" in each.command]
    assert found.route is not None
    assert found.route.summary == stated
    assert not found.route.known
    assert found.route.requests
    assert not any(each.meant or each.corrections or each.address for each in found.route.requests)


def test_the_outcome_of_a_request_inside_the_cluster_is_the_routers() -> None:
    found = report(named(HTTP), HOST)
    assert found.route is not None
    assert found.route.outcome is Outcome.BYPASSES
    (request,) = found.route.requests
    assert request.summary == f"http://{HOST}:8080 does not go through egress gateway {GATEWAY}. {HOST} {WEB}."


def test_a_failing_request_inside_the_cluster_is_a_warning_without_egress_objects() -> None:
    abort = {"http": [{"fault": {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}, "route": [
        {"destination": {"host": HOST}}]}], "hosts": [HOST]}  # fmt: skip
    found = report(plus(named(HTTP), istio("VirtualService", "web", abort, "team-a")), HOST)
    warned = [each for each in found.findings if each.check in ROUTER and each.status is Status.WARN]
    stated = f"http://{HOST}:8080 fails inside the cluster, where no egress gateway is used"
    assert [each.summary for each in warned] == [f"{stated}: requests get 503 (FI: the rule injects it)."]
    assert not [each for each in found.findings if each.status is Status.FAIL]
    assert found.route is not None
    assert found.route.outcome is Outcome.FAILS


def test_a_service_that_a_rule_routes_through_the_gateway_is_a_destination_like_any_other() -> None:
    rule = {"match": [{"gateways": ["mesh"], "port": 80}], "route": [{"destination": {"host": SERVICE}}]}
    spec = {"hosts": [HOST], "gateways": ["mesh"], "http": [rule]}
    found = report(plus(named(HTTP), istio("VirtualService", "web", spec, "team-a")), f"http://{HOST}")
    assert [each.check for each in found.findings if each.status is Status.FAIL]
    assert found.route is not None
    assert found.route.requests[0].meant


def test_an_external_name_is_a_name_of_a_host_outside() -> None:
    cluster = _web(type="ExternalName", externalName="edition.cnn.com", clusterIP="", selector=None)
    found = report(cluster, f"http://{HOST}")
    assert found.route is not None
    assert UNUSED not in found.route.summary


def test_a_short_name_that_a_service_entry_declares_is_a_host_outside() -> None:
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    entry = {"hosts": ["web.team-a"], "ports": [port], "resolution": "DNS", "location": "MESH_EXTERNAL"}
    found = report(plus(named(HTTP), istio("ServiceEntry", "web", entry)), "http://web.team-a")
    assert found.route is not None
    assert UNUSED not in found.route.summary
