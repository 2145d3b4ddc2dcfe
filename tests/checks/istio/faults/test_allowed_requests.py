"""The fix of a denied request allows its client, path and method, and no more."""

from typing import Any

from checks.facts.changes import Apply
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.clients import clients_of
from checks.istio.request.routing import Routing
from tests.checks.istio.faults.diagnosed import facts_about
from tests.checks.istio.trace.traced import istio, plus
from tests.clusters.compose import Cluster, named

HOST = "edition.cnn.com"


def _policy(cluster: Cluster, rule: dict[str, Any]) -> Cluster:
    spec = {"selector": {"matchLabels": {"istio": "egw"}}, "action": "ALLOW", "rules": [rule]}
    return plus(cluster, istio("AuthorizationPolicy", "allow", spec, group="security"))


def _fix(cluster: Cluster, client: str, path: str = "/") -> Fix:
    facts = facts_about(cluster, HOST, client)
    routing = Routing(facts)
    request = ClientRequest("http", HOST, 80, clients_of(facts)[0], path)
    (found,) = faults_of(BrokenRequest(routing, request, routing.outcome(request)), READERS)[0]
    assert found.fix is not None
    return found.fix


def _rule(fix: Fix) -> Any:
    (change,) = fix.changes
    assert isinstance(change, Apply)
    (rule,) = change.manifest["spec"]["rules"]
    return rule


FROM_A = {"from": [{"source": {"namespaces": ["team-a"]}}]}


def test_only_the_namespace_of_the_client_is_allowed() -> None:
    rule = _rule(_fix(_policy(named("tls-origination"), FROM_A), "team-b"))
    assert rule["from"] == [{"source": {"namespaces": ["team-b"]}}]


def test_without_mutual_tls_a_policy_for_namespaces_is_not_widened_to_every_client() -> None:
    fix = _fix(_policy(named("base"), FROM_A), "team-b")
    assert fix.changes == ()
    assert "mutual TLS" in fix.title


def test_only_the_method_and_path_of_the_request_are_allowed() -> None:
    named_paths = {"to": [{"operation": {"paths": ["/v1/*"], "methods": ["GET"]}}]}
    fix = _fix(_policy(named("base"), named_paths), "team-a", "/admin")
    (operation,) = _rule(fix)["to"]
    assert operation["operation"]["paths"] == ["/admin"]
    assert operation["operation"]["methods"] == ["GET"]
    assert "every client" in fix.title
