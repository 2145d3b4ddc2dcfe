"""A ServiceEntry's public address concerns another host only if DNS returns it."""

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Finding, Stage, Status, Verdict
from checks.model.route import Outcome
from tests.clusters.compose import Manifest, compose, named
from tests.recordings import diagnosed, question

CHECKS = catalogue()


def listed(*addresses: str) -> Manifest:
    port = {"number": 443, "name": "tls", "protocol": "TLS"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "listed", "namespace": "team-a"},
        "spec": {"hosts": ["listed.example"], "addresses": [*addresses], "ports": [port], "resolution": "DNS"},
    }


def about_route(findings: tuple[Finding, ...]) -> Finding:
    return next(each for each in findings if each.check == "virtual-service-route-broken")


@pytest.mark.parametrize(
    ("address", "then"),
    [("203.0.113.7", "bypass the gateway"), ("203.0.113.0/24", "get a connection reset (BlackHoleCluster)")],
)
@pytest.mark.parametrize("host", [None, "https://edition.cnn.com"])
def test_a_route_that_depends_on_an_address_is_a_warning_that_names_it(
    address: str, then: str, host: str | None
) -> None:
    cluster = compose(named("tls-passthrough"), {"add": [listed(address)]})
    report = diagnosed(cluster, question(cluster, "team-egress/egw", host), CHECKS).finish(0.0)
    found = about_route(report.findings)
    assert found.status is Status.WARN
    assert found.summary == (
        f"edition.cnn.com is routed through egress gateway team-egress/egw unless DNS returns {address} "
        f"(ServiceEntry team-a/listed) for it: then requests {then}."
    )
    assert report.verdict is Verdict.DEGRADED
    assert host is None or (report.route is not None and report.route.outcome is Outcome.UNKNOWN)


def test_a_private_address_and_another_port_change_nothing() -> None:
    private, other = listed("10.99.0.7"), listed("203.0.113.7")
    for cluster in (
        compose(named("tls-passthrough"), {"add": [private]}),
        compose(named("base"), {"add": [other]}),
    ):
        istio = [each for each in CHECKS if each.stage is Stage.ISTIO]
        report = diagnosed(cluster, question(cluster, "team-egress/egw", None), istio).finish(0.0)
        assert about_route(report.findings).status is Status.PASS


@pytest.mark.parametrize("host", [None, "https://edition.cnn.com"])
def test_a_route_that_no_address_leads_through_the_gateway_is_broken(host: str | None) -> None:
    """It fails for most addresses, and bypasses the gateway for one."""
    patch = {"add": [listed("203.0.113.7")], "remove": ["Gateway team-egress/*"]}
    cluster = compose(named("tls-passthrough"), patch)
    report = diagnosed(cluster, question(cluster, "team-egress/egw", host), CHECKS).finish(0.0)
    assert about_route(report.findings).status is Status.FAIL
    assert report.verdict is Verdict.BROKEN
    assert host is None or (report.route is not None and report.route.outcome is Outcome.FAILS)
