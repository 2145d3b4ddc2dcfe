"""A fix for one path of a host keeps the rewrites and redirects of its other paths."""

from typing import Any

import pytest

from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.fixes.affected import changed_outcomes
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.clients import clients_of
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from tests.checks.istio.faults.diagnosed import facts_about
from tests.checks.istio.trace.traced import changed
from tests.clusters.compose import Cluster, named

VS, HOST = "direct-cnn-through-egress-gateway", "edition.cnn.com"
OLD: dict[str, Any] = {"match": [{"gateways": ["mesh"], "uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}}
PATHS = ("/", "/old", "/old/a", "/v1", "/v1/a", "/direct", "/direct/a", "/canned")


def _to_gateway(rules: list[dict[str, Any]], prefix: str, **more: Any) -> dict[str, Any]:
    return {
        "match": [{"gateways": ["mesh"], "port": 80, "uri": {"prefix": prefix}}],
        **more,
        "route": rules[0]["route"],
    }


def _direct(prefix: str) -> dict[str, Any]:
    match = [{"gateways": ["mesh"], "uri": {"prefix": prefix}}]
    return {"match": match, "rewrite": {"uri": "/"}, "route": [{"destination": {"host": HOST, "port": {"number": 80}}}]}


def _only_one_path(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No rule for most paths; one path is rewritten, another redirected."""
    return [OLD, _to_gateway(rules, "/v1", rewrite={"uri": "/"}), *rules[1:]]


def _one_path_is_direct(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [OLD, _to_gateway(rules, "/v1", rewrite={"uri": "/"}), _direct("/direct"), *rules]


def _answers_one_path(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    canned = {"match": [{"gateways": ["mesh"], "uri": {"exact": "/canned"}}], "directResponse": {"status": 200}}
    return [OLD, canned, _to_gateway(rules, "/v1", rewrite={"uri": "/"}), *rules]


def _no_rule_at_the_gateway(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The gateway redirects one path and has no rule for the others."""
    gateway = [each["gateways"][0] for each in rules[1]["match"]]
    old = {"match": [{"gateways": gateway, "uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}}
    return [rules[0], old]


CASES = {
    "no rule for most paths": (_only_one_path, "/"),
    "a rule by which one path bypasses the gateway": (_one_path_is_direct, "/direct/a"),
    "a rule that answers one path": (_answers_one_path, "/canned"),
    "no rule at the gateway for most paths": (_no_rule_at_the_gateway, "/"),
}


def _broken(cluster: Cluster, path: str) -> BrokenRequest:
    facts = facts_about(cluster, HOST, "team-a")
    routing, clients = Routing(facts), clients_of(facts)[0]
    request = ClientRequest("http", HOST, 80, clients, path)
    return BrokenRequest(routing, request, routing.outcome(request))


@pytest.mark.parametrize("case", CASES)
def test_a_fix_changes_only_the_paths_that_are_broken_alike(case: str) -> None:
    rules, path = CASES[case]
    cluster = changed(
        named("base"), "VirtualService", VS, lambda each: each["spec"].update(http=rules(each["spec"]["http"]))
    )
    broken = _broken(cluster, path)
    assert broken.outcome.result is not Result.THROUGH
    found = faults_of(broken, READERS)[0]
    assert found[-1].after is not None, found[0].fault.sentence()
    assert found[-1].after.result is Result.THROUGH
    fixed = Routing(broken.facts.with_changes(change for each in found if each.fix for change in each.fix.changes))
    requests = [ClientRequest("http", HOST, 80, broken.request.clients, each) for each in PATHS]
    for each in changed_outcomes(broken.routing, fixed, requests):
        assert each.before.result is broken.outcome.result, str(each)
        assert each.after.result is Result.THROUGH, str(each)
        assert not each.request.path.startswith("/old"), str(each)
        assert path == "/" or each.request.path.startswith(path.removesuffix("/a")), str(each)
