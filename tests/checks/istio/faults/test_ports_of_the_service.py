"""A port that the gateway's Service does not have is one fault, and no fix uses the Service's port for health checks."""

from typing import Any

import pytest

from checks.istio.request.outcome import Result
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.breakages import HTTP, PASSTHROUGH, host_of, port_of
from tests.checks.istio.trace.traced import changed
from tests.clusters.compose import Cluster, named

STATUS_PORT = 15021


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
