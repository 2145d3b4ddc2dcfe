"""Objects copied from an example get the names of this gateway.

Rules for a wrong port get that of the ServiceEntry.
"""

from collections.abc import Callable
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.request.outcome import Result
from checks.model.findings import Stage, Status
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.traced import changed
from tests.clusters.compose import Cluster, named
from tests.recordings import diagnosed, question

CHECKS = [each for each in catalogue() if each.stage is Stage.ISTIO]
HOST, SERVICE = "edition.cnn.com", "egw.team-egress.svc.cluster.local"
VS, RULE, GATEWAY = "direct-cnn-through-egress-gateway", "egressgateway-for-cnn", "istio-egressgateway"
EXAMPLE = "istio-egressgateway.istio-system.svc.cluster.local"
ON = [("base", "http", 80), ("tls-passthrough", "https", 443)]


def _faults(cluster: Cluster, scheme: str, port: int) -> tuple[Proved, ...]:
    facts = facts_about(cluster, HOST, "team-a")
    outcome, faults = next(iter(outcomes(facts, scheme, HOST, port)))
    assert outcome.result is not Result.THROUGH
    return faults


def _destinations(cluster: Cluster, on: str, host: str) -> Cluster:
    """The rule for sidecars with another Service as its destination."""

    def change(each: Any) -> None:
        rules = each["spec"].get("http") or each["spec"]["tls"]
        rules[0]["route"][0]["destination"]["host"] = host

    return changed(cluster, "VirtualService", VS, change)


def copied(on: str) -> Cluster:
    """The objects of Istio's documentation with the names that they have there."""
    cluster = _destinations(named(on), on, EXAMPLE)
    cluster = changed(cluster, "DestinationRule", RULE, lambda each: each["spec"].update(host=EXAMPLE))
    return changed(cluster, "Gateway", GATEWAY, lambda each: each["spec"].update(selector={"istio": "egressgateway"}))


@pytest.mark.parametrize(("on", "scheme", "port"), ON)
def test_each_copied_name_gets_the_gateways_own(on: str, scheme: str, port: int) -> None:
    found = _faults(copied(on), scheme, port)
    assert [each.fault.name for each in found] == ["unknown-service", "no-subset", "not-selected"]
    changes = [change for each in found if each.fix is not None for change in each.fix.changes]
    assert [(each.kind, each.name) for each in changes] == [
        ("VirtualService", VS),
        ("DestinationRule", RULE),
        ("Gateway", GATEWAY),
    ]
    assert found[-1].after is not None
    assert found[-1].after.result is Result.THROUGH


@pytest.mark.parametrize(("on", "scheme", "port"), ON)
def test_a_copied_example_is_broken_without_a_host_too(on: str, scheme: str, port: int) -> None:
    cluster = copied(on)
    findings = diagnosed(cluster, question(cluster, "team-egress/egw", None), CHECKS).finish(0.0).findings
    failed = {each.check for each in findings if each.status is Status.FAIL}
    assert failed == {"virtual-service-route-broken", "gateway-selector-mismatch"}
    assert {
        one.name for each in findings if each.status is Status.FAIL for one in each.about if one.kind == "host"
    } == {HOST}


def test_a_rule_for_another_service_of_the_cluster_is_left_to_its_owner() -> None:
    """The destination exists: the rule routes elsewhere, and its name is no copy."""
    found = _faults(_destinations(named("base"), "base", "web.team-a.svc.cluster.local"), "http", 80)
    assert [each.fault.name for each in found] == ["elsewhere"]


def test_a_gateway_of_another_services_virtual_services_stays_another_gateways() -> None:
    """A Gateway that selects nothing, whose VirtualService leads to a Service that exists."""
    cluster = _destinations(named("base"), "base", "web.team-a.svc.cluster.local")
    cluster = changed(cluster, "Gateway", GATEWAY, lambda each: each["spec"].update(selector={"istio": "other"}))
    findings = diagnosed(cluster, question(cluster, "team-egress/egw", None), CHECKS).finish(0.0).findings
    assert [each.check for each in findings if each.status is Status.FAIL] == []


def rule_for_port(on: str, port: int, **entry: Any) -> Cluster:
    def change(each: Any) -> None:
        rules = each["spec"].get("http") or each["spec"]["tls"]
        rules[0]["match"][0]["port"] = port

    cluster = changed(named(on), "VirtualService", VS, change)
    return changed(cluster, "ServiceEntry", "cnn", lambda each: each["spec"].update(entry)) if entry else cluster


BOTH = [
    {"number": 80, "name": "http", "protocol": "HTTP"},
    {"number": 443, "name": "tls", "protocol": "TLS"},
]
WRONG: dict[str, tuple[str, str, int, int, Callable[[], dict[str, Any]]]] = {
    "http at 443": ("base", "http", 80, 443, dict),
    "http at 443, declared as TLS": ("base", "http", 80, 443, lambda: {"ports": BOTH}),
    "http at 8080": ("base", "http", 80, 8080, dict),
    "tls at 8443": ("tls-passthrough", "https", 443, 8443, dict),
    "tls at 80, declared as HTTP": ("tls-passthrough", "https", 443, 80, lambda: {"ports": BOTH}),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("asked", [True, False])
def test_a_rule_for_an_undeclared_port_is_named_with_the_declared_one(name: str, asked: bool) -> None:
    on, scheme, declared, written, entry = WRONG[name]
    cluster = rule_for_port(on, written, **entry())
    wanted = question(cluster, "team-egress/egw", f"{scheme}://{HOST}" if asked else None)
    findings = diagnosed(cluster, wanted, CHECKS).finish(0.0).findings
    (failed,) = [each for each in findings if each.status is Status.FAIL]
    assert failed.summary.startswith(
        f"No rule of VirtualService team-egress/{VS} matches requests from sidecars to {HOST} on port {declared}"
    )
    (patch,) = [each.command for each in failed.actions if "patch" in each.command]
    assert f'/match/0/port","value":{declared}}}' in patch


def test_a_port_at_which_the_host_is_the_destination_is_missing_in_the_service_entry() -> None:
    """The rules agree on the port: the ServiceEntry is what differs."""

    def moved(each: Any) -> None:
        each["spec"]["http"][0]["match"][0]["port"] = 8080
        each["spec"]["http"][1]["route"][0]["destination"]["port"]["number"] = 8080

    cluster = changed(named("base"), "VirtualService", VS, moved)
    findings = diagnosed(cluster, question(cluster, "team-egress/egw", None), CHECKS).finish(0.0).findings
    (failed,) = [each for each in findings if each.status is Status.FAIL]
    assert "needs port 8080" in failed.summary
