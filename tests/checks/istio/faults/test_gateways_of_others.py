"""Fixes of Gateways in other namespaces name their owners.

They leave the servers of other gateways open.
"""

from typing import Any

from checks.catalogue import catalogue
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.request.outcome import Result
from checks.model.findings import Action, Stage
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.traced import changed, istio, plus, without
from tests.clusters.compose import Cluster, named
from tests.recordings import diagnosed, question

CHECKS = [each for each in catalogue() if each.stage is Stage.ISTIO]
HOST, VS, GATEWAY = "edition.cnn.com", "direct-cnn-through-egress-gateway", "istio-egressgateway"
SERVER = {"hosts": [HOST], "port": {"number": 80, "name": "http", "protocol": "HTTP"}}
OWNERS = "in agreement with the owners of namespace team-b"


def of_team_b(selector: dict[str, str], **server: Any) -> Cluster:
    """The Gateway of the host belongs to team-b; the VirtualService names it."""

    def named_there(each: Any) -> None:
        each["spec"]["gateways"] = ["team-b/theirs", "mesh"]
        each["spec"]["http"][1]["match"][0]["gateways"] = ["team-b/theirs"]

    cluster = without(changed(named("base"), "VirtualService", VS, named_there), "Gateway", GATEWAY)
    spec = {"selector": selector, "servers": [{**SERVER, **server}]}
    return plus(cluster, istio("Gateway", "theirs", spec, "team-b"))


def _faults(cluster: Cluster) -> tuple[Proved, ...]:
    found = outcomes(facts_about(cluster, HOST, "team-a"), "http", HOST, 80)
    return next(faults for outcome, faults in found if outcome.result is not Result.THROUGH)


def test_a_selector_of_another_namespace_is_patched_with_its_owners() -> None:
    (found,) = _faults(of_team_b({"istio": "nobody"}))
    assert found.fault.name == "not-selected"
    assert found.fix is not None
    assert found.fix.title == f"Patch Gateway team-b/theirs to select the gateway's pods, {OWNERS}"
    assert found.after is not None
    assert found.after.result is Result.THROUGH


def test_a_host_is_added_to_a_server_of_another_namespace_with_its_owners() -> None:
    (found,) = _faults(of_team_b({"istio": "egw"}, hosts=["www.x.example"]))
    assert found.fault.name == "no-overlap"
    assert found.fix is not None
    assert found.fix.title.endswith(OWNERS)


def test_an_unknown_host_gets_a_gateway_of_its_own_beside_another_namespaces() -> None:
    cluster = of_team_b({"istio": "egw"})
    facts = facts_about(cluster, "www.y.example", "team-a")
    outcome, faults = next(iter(outcomes(facts, "http", "www.y.example", 80)))
    assert outcome.result is not Result.THROUGH
    assert faults[0].fix is not None
    assert {(each.kind, each.namespace) for each in faults[0].fix.changes} == {
        ("ServiceEntry", "team-egress"),
        ("Gateway", "team-egress"),
        ("VirtualService", "team-egress"),
    }
    assert faults[-1].after is not None
    assert faults[-1].after.result is Result.THROUGH


def _selector_patches(cluster: Cluster) -> list[Action]:
    findings = diagnosed(cluster, question(cluster, "team-egress/egw", None), CHECKS).finish(0.0).findings
    actions = [action for each in findings for action in each.actions]
    return [each for each in actions if each.title.startswith("Patch Gateway") and "select" in each.title]


def test_a_selector_of_several_gateways_is_not_narrowed_if_others_use_its_servers() -> None:
    """Without a selector the Gateway is also the ingress gateway's.

    A VirtualService routes the requests that arrive there to a Service.
    """
    spec = {"hosts": ["shop.example"], "gateways": [f"team-egress/{GATEWAY}"], "http": [
        {"route": [{"destination": {"host": "web.team-a.svc.cluster.local"}}]}]}  # fmt: skip
    both = changed(named("base"), "Gateway", GATEWAY, lambda each: each["spec"].update(selector=None))
    (alone,) = _selector_patches(both)
    assert "patch" in alone.command
    (used,) = _selector_patches(plus(both, istio("VirtualService", "shop", spec, "team-a")))
    assert used.command == ""
