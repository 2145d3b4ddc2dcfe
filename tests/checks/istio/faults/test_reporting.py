"""A requested host and the findings about it never disagree (docs/rulings.md#ruling-24)."""

from dataclasses import replace
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Status
from checks.model.route import Outcome
from tests.checks.istio.trace.breakages import BREAKAGES, HTTP, Breakage, client_host_of, port_of
from tests.checks.istio.trace.traced import istio, mesh_settings, plus
from tests.clusters.compose import Cluster, compose, named
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question

CHECKS = catalogue()
# B36 is read from the access log: a route that is right now may have failed for its destination.
CASES = [pytest.param(each, on, id=f"{each} on {on}") for each in BREAKAGES for on in each.on if each.b != "B36"]


def incident(name: str) -> Cluster:
    """The cluster of an incident."""
    return next(each.cluster for each in incidents() if each.name == name)


def failing(cluster: Cluster, host: str, client: str | None) -> tuple[Outcome, set[str]]:
    """The outcome of the route, and the checks that fail because of the host."""
    report = diagnosed(cluster, question(cluster, "team-egress/egw", host, client), CHECKS).finish(0.0)
    assert report.route is not None
    return report.route.outcome, {each.check for each in report.findings if each.status is Status.FAIL}


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "on"), CASES)
def test_a_requested_host_that_is_not_routed_through_has_a_failure(broken: Breakage, on: str) -> None:
    outcome, found = failing(broken.do(named(on), on), f"{client_host_of(on)}:{port_of(on)}", broken.client)
    assert (outcome is Outcome.THROUGH) is not bool(found), (outcome, found)


def database(name: str) -> Any:
    ports = [{"number": 1433, "name": "tcp", "protocol": "TCP"}]
    return istio("ServiceEntry", name, {"hosts": [f"{name}.example"], "ports": ports, "resolution": "DNS"})


def test_a_tcp_destination_without_rules_shares_the_port_of_the_older_one() -> None:
    """All connections go to the older destination, before any rule for the gateway could apply."""
    cluster = plus(plus(named(HTTP), database("db1"), "20d"), database("db2"), "1d")
    outcome, found = failing(cluster, "db2.example:1433", "team-a")
    assert outcome is not Outcome.THROUGH
    assert found == {"tcp-destinations-collide"}


def asking(cluster: Cluster) -> Cluster:
    """The cluster with an external authorizer for every request at the gateway."""
    provider = {"action": "CUSTOM", "provider": {"name": "opa"}, "rules": [{}]}
    return plus(cluster, istio("AuthorizationPolicy", "ask-opa", provider, group="security"))


def test_a_request_that_no_authorizer_can_decide_is_denied() -> None:
    outcome, found = failing(asking(named(HTTP)), "edition.cnn.com:80", "team-a")
    assert outcome is Outcome.FAILS
    assert found == {"authorization-denies"}


def test_policies_that_name_several_authorizers_are_the_fault() -> None:
    """Each authorizer alone could be asked; istiod gives a workload one or none."""
    names = ("opa", "second")
    providers = [{"name": each, "envoyExtAuthzHttp": {"service": "edition.cnn.com", "port": 80}} for each in names]
    second = {"action": "CUSTOM", "provider": {"name": "second"}, "rules": [{"to": [{"operation": {"paths": ["/x"]}}]}]}
    cluster = plus(asking(named(HTTP)), istio("AuthorizationPolicy", "ask-second", second, group="security"))
    cluster = mesh_settings(cluster, lambda mesh: mesh.update(extensionProviders=providers))
    wanted = question(cluster, "team-egress/egw", "edition.cnn.com:80", "team-a")
    report = diagnosed(cluster, wanted, CHECKS).finish(0.0)
    [found] = [each for each in report.findings if each.status is Status.FAIL]
    assert found.check == "authorization-denies"
    assert found.evidence[0].observed == "opa (the policies of one workload name the providers opa, second)"
    assert "Name one provider in all CUSTOM policies that apply to the gateway" in [a.title for a in found.actions]


def test_a_route_that_is_not_certain_is_not_healthy() -> None:
    """An external authorizer decides whether the request gets through."""
    authorizer = {"name": "opa", "envoyExtAuthzHttp": {"service": "edition.cnn.com", "port": 80}}
    cluster = mesh_settings(asking(named(HTTP)), lambda mesh: mesh.update(extensionProviders=[authorizer]))
    report = diagnosed(cluster, question(cluster, "team-egress/egw", "edition.cnn.com:80", "team-a"), CHECKS).finish(
        0.0
    )
    assert report.route is not None
    assert report.route.outcome is Outcome.UNKNOWN
    route_check = next(each for each in report.findings if each.check == "virtual-service-route-broken")
    assert route_check.status is Status.UNKNOWN
    assert "ask-opa" in route_check.summary
    assert str(report.verdict) == "inconclusive"


def unreadable(cluster: Cluster, resource: str) -> Cluster:
    """The cluster without the right to read a kind."""
    error = {"source": "kubernetes", "resource": resource, "namespace": None, "status": 403, "message": "forbidden"}
    return replace(cluster, errors=(*cluster.errors, error))


def test_a_client_without_a_sidecar_fails_although_its_namespace_cannot_be_read() -> None:
    cluster = unreadable(incident("045-client-not-injected"), "namespaces")
    outcome, found = failing(cluster, "edition.cnn.com", "team-a/web")
    assert outcome is Outcome.BYPASSES
    assert found == {"client-not-injected"}


def test_a_fault_that_a_failed_read_hides_is_not_reported_as_another_one() -> None:
    """The route is known to be broken; the reason is not, so no check passes or fails."""
    cluster = unreadable(incident("151-service-entry-not-exported"), "destinationrules.networking.istio.io")
    wanted = question(cluster, "team-egress/egw", "edition.cnn.com:443", "team-a")
    report = diagnosed(cluster, wanted, CHECKS).finish(0.0)
    assert report.route is not None
    assert report.route.outcome is Outcome.FAILS
    owners = ("virtual-service-route-broken", "service-entry-missing")
    found = {each.check: each for each in report.findings if each.check in owners}
    assert {each.status for each in found.values()} == {Status.UNKNOWN}
    assert all("destinationrules" in each.summary for each in found.values())
    assert str(report.verdict) == "inconclusive"


def test_a_host_without_any_rule_fails_although_no_fix_can_be_proved() -> None:
    """Policies decide whether a fix would help; that no rule leads to the gateway is certain."""
    cluster = unreadable(named(HTTP), "authorizationpolicies.security.istio.io")
    outcome, found = failing(cluster, "other.example:80", "team-a")
    assert outcome is not Outcome.THROUGH
    assert found == {"virtual-service-route-broken"}


def test_a_denial_at_pods_of_another_revision_than_the_profile_has() -> None:
    """No fix is known if the pods behind the Service are not those of the Deployments."""
    deny = istio("AuthorizationPolicy", "deny-all", {}, group="security")
    profile = {"properties": {"serviceMeshProfile": {"istio": {"revisions": ["asm-1-31"]}}}}
    patch = {"remove": ["Deployment team-egress/*"], "azure": {"managed_cluster": profile}}
    cluster = compose(plus(named(HTTP), deny), patch)
    outcome, found = failing(cluster, "edition.cnn.com:80", "team-a")
    assert outcome is Outcome.FAILS
    assert "virtual-service-route-broken" in found
