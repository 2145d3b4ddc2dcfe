"""Fields and values of a newer version are never ignored (docs/rulings.md#ruling-32)."""

from __future__ import annotations

from typing import Any

import pytest

from checks.knowledge.istio_syntax import newer_syntax, syntax_table
from checks.model.findings import Report, Status
from tests.clusters.compose import compose, named
from tests.clusters.istio_syntax import CRDS, table
from tests.recordings import diagnosed, question

NAMES = {
    "ServiceEntry": "cnn",
    "Gateway": "istio-egressgateway",
    "VirtualService": "direct-cnn-through-egress-gateway",
    "DestinationRule": "egressgateway-for-cnn",
}
POLICY = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}


def report(patch: dict[str, Any], *, host: bool = True) -> Report:
    cluster = compose(named("base"), patch)
    wanted = question(
        cluster, "team-egress/egw", "http://edition.cnn.com" if host else None, "team-a" if host else None
    )
    return diagnosed(cluster, wanted).finish(0.0)


def changed(kind: str, **spec: object) -> dict[str, Any]:
    return {"change": [{"kind": kind, "metadata": {"namespace": "team-egress", "name": NAMES[kind]}, "spec": spec}]}


def policy(**spec: object) -> dict[str, Any]:
    return {"add": [{**POLICY, "metadata": {"namespace": "team-egress", "name": "newer"}, "spec": spec}]}


SERVER = {"hosts": ["edition.cnn.com"], "port": {"name": "http", "number": 80, "protocol": "HTTP"}}
CASES = {
    "resolution": (changed("ServiceEntry", resolution="DNS_OVER_HTTPS"), "spec.resolution: DNS_OVER_HTTPS"),
    "field of a ServiceEntry": (changed("ServiceEntry", resolver={"name": "x"}), "spec.resolver"),
    "field of a server": (changed("Gateway", servers=[{**SERVER, "allow": ["x"]}]), "spec.servers[0].allow"),
    "field of a VirtualService": (changed("VirtualService", precedence=3), "spec.precedence"),
    "TLS mode": (changed("DestinationRule", trafficPolicy={"tls": {"mode": "POST_QUANTUM"}}), "tls.mode: POST_QUANTUM"),
    "action of a policy": (policy(action="SHADOW", rules=[{}]), "spec.action: SHADOW"),
    "source of a policy": (
        policy(action="DENY", rules=[{"from": [{"source": {"spiffeIDs": ["x"]}}]}]),
        "spec.rules[0].from[0].source.spiffeIDs",
    ),
    "mode of a Sidecar": (
        {
            "add": [
                {
                    "apiVersion": "networking.istio.io/v1",
                    "kind": "Sidecar",
                    "metadata": {"namespace": "team-a", "name": "default"},
                    "spec": {"egress": [{"hosts": ["*/*"]}], "outboundTrafficPolicy": {"mode": "ASK"}},
                }
            ]
        },
        "spec.outboundTrafficPolicy.mode: ASK",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_route_over_a_newer_field_or_value_is_not_checked(name: str) -> None:
    patch, place = CASES[name]
    found = report(patch)
    assert found.route is not None
    assert found.route.outcome.value == "unknown"
    assert [each.code for each in found.of(Status.FAIL) if each.stage.value == "istio"] == []
    unknown = " ".join(each.summary for each in found.of(Status.UNKNOWN))
    assert place in unknown
    assert f"is newer than Istio {syntax_table().version}" in unknown
    assert found.verdict.value == "inconclusive"


def test_a_newer_policy_changes_no_request_that_a_known_one_denies() -> None:
    newer, known = policy(action="SHADOW")["add"][0], policy(action="DENY", rules=[{}])["add"][0]
    found = report({"add": [newer, {**known, "metadata": {"namespace": "team-egress", "name": "deny"}}]})
    assert [each.code for each in found.of(Status.FAIL)] == ["EG513"]


def test_objects_that_a_route_does_not_use_may_be_newer() -> None:
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"namespace": "team-b", "name": "other"},
        "spec": {"hosts": ["other.example"], "ports": [{"number": 81, "name": "http", "protocol": "HTTP"}], "new": 1},
    }
    found = report({"add": [entry]})
    assert found.route is not None
    assert found.route.outcome.value == "through"


def test_the_gateway_api_has_fields_of_its_own() -> None:
    assert newer_syntax("HTTPRoute", {"parentRefs": [], "new": 1}) == ""


def test_a_value_of_the_wrong_type_is_not_newer() -> None:
    assert newer_syntax("ServiceEntry", {"resolution": 3, "hosts": "x", "ports": {"number": 1}}) == ""


@pytest.mark.skipif(not CRDS.is_dir(), reason="no CRDs in ../shared/crds")
def test_the_table_has_the_fields_and_values_of_the_definitions() -> None:
    assert syntax_table().kinds == table(CRDS)
