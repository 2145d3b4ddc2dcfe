"""A port that the gateway's Service does not have is one fault with one fix."""

from dataclasses import replace
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.istio.request.outcome import Result
from checks.model.findings import Status
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.breakages import HTTP, PASSTHROUGH, host_of, port_of
from tests.checks.istio.trace.traced import changed, istio, plus
from tests.clusters.compose import Cluster, named
from tests.recordings import diagnosed, question

STATUS_PORT = 15021
CHECKS = [each for each in catalogue() if each.slug in ("gateway-server-unreachable", "tcp-destinations-collide")]


def _on_port(on: str, kind: str, number: int) -> Cluster:
    """The server and the rules for it on another port."""
    cluster = named(on)
    gateway, routes = (
        next(
            each
            for each in cluster.objects
            if each["kind"] == wanted and each["metadata"]["namespace"] == "team-egress"
        )
        for wanted in ("Gateway", "VirtualService")
    )

    def opened(each: Any) -> None:
        each["spec"]["servers"][0]["port"]["number"] = number

    def routed(each: Any) -> None:
        to_gateway, from_gateway = each["spec"][kind]
        to_gateway["route"][0]["destination"]["port"] = {"number": number}
        for match in from_gateway["match"]:
            match["port"] = number

    cluster = changed(cluster, "Gateway", gateway["metadata"]["name"], opened)
    return changed(cluster, "VirtualService", routes["metadata"]["name"], routed)


@pytest.mark.parametrize(
    ("on", "kind", "scheme", "number"), [(HTTP, "http", "http", 8080), (PASSTHROUGH, "tls", "https", 8443)]
)
def test_the_gateway_and_the_rule_move_to_the_service_together(on: str, kind: str, scheme: str, number: int) -> None:
    host, port = host_of(on), port_of(on)
    found = list(outcomes(facts_about(_on_port(on, kind, number), host, "team-a"), scheme, host, port))
    faults = next(faults for outcome, faults in found if outcome.result is not Result.THROUGH)
    assert [each.fault.name for each in faults] == ["wrong-server-port"]
    (only,) = faults
    assert only.after is not None
    assert only.after.result is Result.THROUGH
    assert str(STATUS_PORT) not in str([each.expected for each in only.fault.evidence()])
    assert only.fix is not None
    assert [each.kind for each in only.fix.changes] == ["Gateway", "VirtualService"]
    assert not any(str(STATUS_PORT) in each.command for each in only.fix.changes)


def _database(cluster: Cluster, name: str, number: int, age: str) -> Cluster:
    """A database through a plain TCP server of its own Gateway on port 443."""
    host, port = f"{name}.db.example", {"number": number, "name": "tcp", "protocol": "TCP"}
    server = {"port": {"number": 443, "name": f"tcp-{name}", "protocol": "TCP"}, "hosts": [host]}
    to_gateway = {"destination": {"host": "egw.team-egress.svc.cluster.local", "port": {"number": 443}}}
    rules = [
        {"match": [{"gateways": ["mesh"], "port": number}], "route": [to_gateway]},
        {
            "match": [{"gateways": [name], "port": 443}],
            "route": [{"destination": {"host": host, "port": {"number": number}}}],
        },
    ]
    for kind, spec in (
        ("ServiceEntry", {"hosts": [host], "ports": [port], "location": "MESH_EXTERNAL", "resolution": "DNS"}),
        ("Gateway", {"selector": {"istio": "egw"}, "servers": [server]}),
        ("VirtualService", {"hosts": [host], "gateways": ["mesh", name], "tcp": rules}),
    ):
        cluster = plus(cluster, istio(kind, name, spec), age)
    return cluster


def _two_databases() -> Cluster:
    """The databases alone at the gateway, so that port 80 is free."""
    kinds = {"Gateway", "VirtualService", "DestinationRule"}
    cluster = named("base")
    kept = tuple(each for each in cluster.objects if each["kind"] not in kinds)
    return _database(_database(replace(cluster, objects=kept), "pg", 5432, "20d"), "my", 3306, "10d")


def test_the_newer_of_two_databases_on_one_port_moves_with_its_server() -> None:
    cluster = _two_databases()
    found = list(outcomes(facts_about(cluster, "my.db.example", "team-a"), "tcp", "my.db.example", 3306))
    ((_, (only,)),) = found
    assert only.fault.check == "tcp-destinations-collide"
    assert only.fix is not None
    assert [(each.kind, each.name) for each in only.fix.changes] == [("Gateway", "my"), ("VirtualService", "my")]
    assert only.after is not None
    assert only.after.result is Result.THROUGH


def test_the_older_of_two_databases_is_no_conflict_of_hosts() -> None:
    cluster = _two_databases()
    report = diagnosed(cluster, question(cluster, "team-egress/egw", "tcp://my.db.example:3306"), CHECKS).finish(0.0)
    failed = [each.code for each in report.findings if each.status is Status.FAIL]
    assert failed == ["EG523"]
