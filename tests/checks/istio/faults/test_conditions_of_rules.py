"""A rule for a part of the requests breaks no route of a run without a host.

A request that meets its conditions is followed.
"""

from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.istio.request.matching import route_matches
from checks.istio.request.regular_expressions import matching_texts
from checks.istio.request.wire import Http
from checks.model.findings import Finding, Stage, Status
from tests.clusters.compose import Cluster, Manifest, compose, named
from tests.recordings import diagnosed, question

ISTIO = [each for each in catalogue() if each.stage is Stage.ISTIO]
VIRTUAL_SERVICE = {
    "kind": "VirtualService",
    "metadata": {"namespace": "team-egress", "name": "direct-cnn-through-egress-gateway"},
}
TO_GATEWAY = {"destination": {"host": "egw.team-egress.svc.cluster.local", "port": {"number": 80}}}
TO_HOST = {"destination": {"host": "edition.cnn.com", "port": {"number": 80}}}
Match = dict[str, Any]


def ruled(*rules: Match, also: tuple[Manifest, ...] = ()) -> Cluster:
    """The healthy cluster with other rules of its host."""
    return compose(named("base"), {"change": [{**VIRTUAL_SERVICE, "spec": {"http": list(rules)}}], "add": list(also)})


def matched(at_sidecars: Match, at_gateway: Match) -> Cluster:
    """The cluster with these conditions on either side."""
    return ruled(to_gateway(at_sidecars), at_the_gateway(at_gateway))


def to_gateway(match: Match) -> Match:
    return {"match": [{"gateways": ["mesh"], "port": 80, **match}], "route": [TO_GATEWAY]}


def at_the_gateway(match: Match) -> Match:
    return {"match": [{"gateways": ["istio-egressgateway"], "port": 80, **match}], "route": [TO_HOST]}


def findings(cluster: Cluster, *statuses: Status) -> list[Finding]:
    report = diagnosed(cluster, question(cluster, "team-egress/egw", None), ISTIO).finish(0.0)
    return [each for each in report.findings if each.status in statuses]


CONDITIONS: list[Match] = [
    {"uri": {"regex": "/a/[0-9]+"}},
    {"uri": {"regex": "^/(v1|v2)/.*$"}},
    {"uri": {"regex": r".*\.json"}},
    {"uri": {"prefix": "/API"}, "ignoreUriCase": True},
    {"headers": {"x-tenant": {"regex": "t[0-9]+"}}},
    {"headers": {"x-tenant": {}}},
    {"headers": {"x-tenant": {"regex": "*"}}},
    {"method": {"regex": "(POST|PUT)"}},
    {"method": {"exact": "POST"}},
    {"authority": {"regex": r"edition\.cnn\.com(:80)?"}},
    {"queryParams": {"version": {"exact": "2"}}},
    {"queryParams": {"version": {"regex": "v[0-9]"}}},
    {"withoutHeaders": {"x-debug": {"regex": ".+"}}},
    {"uri": {"regex": "/a/[^/]+"}, "method": {"exact": "PUT"}, "headers": {"x-tenant": {"prefix": "t"}}},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_condition_breaks_no_route(condition: Match) -> None:
    """Also if only the other side has it."""
    for cluster in (matched(condition, {}), matched({}, condition), matched(condition, condition)):
        assert findings(cluster, Status.FAIL, Status.UNKNOWN) == []


def test_conditions_of_both_sides_are_met_by_one_request() -> None:
    header, path = {"headers": {"x-tenant": {"regex": "t[0-9]+"}}}, {"uri": {"regex": "/a/[0-9]+"}}
    assert findings(matched(header, path), Status.FAIL, Status.UNKNOWN) == []


def test_the_condition_of_a_late_rule_is_met() -> None:
    others = [
        {"match": [{"gateways": ["mesh"], "uri": {"exact": f"/other/{number}"}}], "directResponse": {"status": 204}}
        for number in range(70)
    ]
    rules = (*others, to_gateway({"uri": {"regex": "/a/[0-9]+"}}), at_the_gateway({}))
    assert findings(ruled(*rules), Status.FAIL, Status.UNKNOWN) == []


def policy(action: str, rule: Match) -> Manifest:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "conditional", "namespace": "team-egress"},
        "spec": {"action": action, "rules": [rule]},
    }


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        ("DENY", {"to": [{"operation": {"notPaths": ["/a/*"]}}]}),
        ("DENY", {"to": [{"operation": {"notMethods": ["POST"]}}]}),
        ("DENY", {"when": [{"key": "request.headers[x-tenant]", "notValues": ["t1"]}]}),
        ("ALLOW", {"to": [{"operation": {"paths": ["*.json"]}}]}),
        ("ALLOW", {"when": [{"key": "request.headers[x-tenant]", "values": ["t*"]}]}),
    ],
)
def test_a_policy_for_a_part_of_the_requests_breaks_no_route(action: str, rule: Match) -> None:
    """Also together with a rule for a part of them."""
    also = (policy(action, rule),)
    for match in ({}, {"queryParams": {"version": {"regex": "v[0-9]"}}}):
        cluster = ruled(to_gateway(match), at_the_gateway({}), also=also)
        assert findings(cluster, Status.FAIL, Status.UNKNOWN) == []


@pytest.mark.parametrize("expression", ["/[[:alpha:]]+/x", r"/\pL+", "/(?=a)a"])
@pytest.mark.parametrize("at_sidecars", [True, False])
def test_an_expression_without_an_example_is_not_checked(expression: str, at_sidecars: bool) -> None:
    condition: Match = {"uri": {"regex": expression}}
    cluster = matched(condition, {}) if at_sidecars else matched({}, condition)
    assert findings(cluster, Status.FAIL) == []
    assert [each.check for each in findings(cluster, Status.UNKNOWN)] == ["virtual-service-route-broken"]


def test_an_expression_whose_examples_earlier_rules_take_is_not_checked() -> None:
    earlier = {"match": [{"gateways": ["mesh"], "uri": {"prefix": "/a"}}], "directResponse": {"status": 204}}
    cluster = ruled(earlier, to_gateway({"uri": {"regex": "/a.*"}}), at_the_gateway({}))
    assert findings(cluster, Status.FAIL) == []
    assert "no request is known that meets the conditions of spec.http[1] of VirtualService" in (
        findings(cluster, Status.UNKNOWN)[0].summary
    )


def test_an_expression_behind_a_rule_without_conditions_stays_broken() -> None:
    earlier = {"match": [{"gateways": ["mesh"]}], "directResponse": {"status": 204}}
    cluster = ruled(earlier, to_gateway({"uri": {"regex": "/a/[0-9]+"}}), at_the_gateway({}))
    assert [each.check for each in findings(cluster, Status.FAIL)] == ["virtual-service-route-broken"]


def test_an_expression_that_a_request_does_not_reach_hides_no_fault() -> None:
    cluster = matched({}, {"uri": {"regex": "/[[:alpha:]]+/x"}})
    cluster = compose(cluster, {"remove": ["Gateway team-egress/istio-egressgateway"]})
    assert [each.check for each in findings(cluster, Status.FAIL)] == ["virtual-service-route-broken"]


@pytest.mark.parametrize("source", [{"sourceLabels": {"app": "nope"}}, {"sourceNamespace": "team-c"}])
def test_a_rule_for_clients_that_do_not_run_is_not_checked(source: Match) -> None:
    rule = {"match": [{"port": 80, **source}], "route": [TO_GATEWAY]}
    cluster = ruled(rule, at_the_gateway({}))
    assert findings(cluster, Status.FAIL) == []
    assert "; none with a sidecar runs" in findings(cluster, Status.UNKNOWN)[0].summary


def test_a_method_decides_although_path_and_headers_are_the_same() -> None:
    """Outcomes are remembered for a whole request."""
    other = {"match": [{"gateways": ["mesh"], "method": {"exact": "GET"}}], "directResponse": {"status": 204}}
    cluster = ruled(other, to_gateway({"method": {"exact": "PUT"}}), at_the_gateway({}))
    assert findings(cluster, Status.FAIL, Status.UNKNOWN) == []


@pytest.mark.parametrize(
    "expression",
    ["/a/[0-9]+", "^/(v1|v2)/.*$", r"\d{3}-\w+", "[^a0_./:A-]+", "(?i)abc", "(?P<name>a|b)?c", "[A-Z]{2,3}", r"\S+\s?"],
)
def test_each_example_of_an_expression_meets_it(expression: str) -> None:
    found = matching_texts(expression)
    assert found
    condition = {"headers": {"x": {"regex": expression}}}
    assert all(route_matches(condition, Http("", headers={"x": each})) for each in found)
