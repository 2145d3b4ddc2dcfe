"""A gateway now and if a change were applied: verdict, findings, and unknown parts."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from checks.catalogue import catalogue
from checks.engine.if_applied import FindingEffect, IfApplied, changed_findings
from checks.facts.proposal import proposal
from checks.model.findings import Finding, Report, Severity, Stage, Status, Verdict
from checks.model.route import Outcome
from checks.sources.recorded import RecordedSource
from checks.sources.run_if_applied import run_if_applied
from tests.clusters.compose import Cluster, compose, named
from tests.recordings import question, recording

GATEWAY = "team-egress/egw"
BASE = named("base")
ENTRY: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "bank", "namespace": "team-a"},
    "spec": {"hosts": ["api.bank.example"], "resolution": "DNS", "exportTo": ["."]},
}
UNREAD = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "a", "namespace": "team-egress"},
}


def found(*manifests: Mapping[str, Any], cluster: Cluster = BASE, host: str | None = None) -> IfApplied:
    proposed = proposal([("a.yaml", yaml.safe_dump_all(manifests))])
    wanted = question(cluster, GATEWAY, host)
    return run_if_applied(RecordedSource(recording(cluster)), wanted, catalogue(), 30, proposed)


def narrowed(*namespaces: str) -> dict[str, Any]:
    """The VirtualService, exported to these namespaces."""
    [rules] = [e for e in BASE.objects if e["metadata"]["name"] == "direct-cnn-through-egress-gateway"]
    metadata = {key: rules["metadata"][key] for key in ("name", "namespace")}
    spec = {**copy.deepcopy(rules["spec"]), "exportTo": list(namespaces)}
    return {"apiVersion": rules["apiVersion"], "kind": rules["kind"], "metadata": metadata, "spec": spec}


def test_a_harmless_change() -> None:
    done = found(ENTRY)
    assert (done.verdict, done.breaks, done.uncertain, done.changes_anything) == (Verdict.HEALTHY, False, False, False)
    assert done.compared > 0


def test_a_part_that_decides_and_is_not_judged_is_not_healthy() -> None:
    done = found(UNREAD)
    assert (done.then.verdict, done.verdict, done.breaks) == (Verdict.HEALTHY, Verdict.INCONCLUSIVE, False)
    assert [each.decides for each in done.not_known] == [True]


def test_a_part_that_does_not_decide_leaves_the_verdict() -> None:
    namespace = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "namespace": "team-a"}}
    assert found(namespace).verdict is Verdict.HEALTHY


def test_a_lost_route_breaks_egress_while_the_diagnosis_is_healthy() -> None:
    done = found(narrowed(".", "team-a"))
    assert done.then.verdict is Verdict.HEALTHY
    assert (done.breaks, [each.clients for each in done.lost]) == (True, [("team-b",)])


def test_a_refused_object_breaks_although_nothing_else_differs() -> None:
    done = found({**ENTRY, "spec": {"hosts": ["*"], "resolution": "DNS"}})
    assert (done.verdict, done.breaks) == (Verdict.HEALTHY, True)
    assert "istiod's webhook refuses it: spec.hosts: * is not allowed" in done.refused[0].reason


def test_the_routes_of_all_hosts_are_compared_for_a_question_about_one() -> None:
    done = found(narrowed(".", "team-a"), host="www.example.com")
    assert [each.host for each in done.lost] == ["edition.cnn.com"]


@pytest.mark.parametrize(("namespace", "verdict"), [("team-egress", Verdict.INCONCLUSIVE), ("team-a", Verdict.HEALTHY)])
def test_a_new_configuration_decides_only_about_gateways_of_its_namespace(namespace: str, verdict: Verdict) -> None:
    new = {
        "apiVersion": "egressgateway.kubernetes.azure.com/v1alpha1",
        "kind": "StaticGatewayConfiguration",
        "metadata": {"name": "other", "namespace": namespace},
        "spec": {"gatewayNodepoolName": "gwpool"},
    }
    assert found(new).verdict is verdict


def test_failed_reads_stay_not_checked() -> None:
    error = {"source": "kubernetes", "resource": "virtualservices.networking.istio.io", "status": 403, "message": "no"}
    done = found(narrowed("."), cluster=compose(BASE, {"errors": [error]}))
    assert (done.now.verdict, done.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert (done.compared, [each.statement for each in done.not_known]) == (
        0,
        ["the routes are not compared: list virtualservices.networking.istio.io: forbidden (403)"],
    )


def test_a_route_that_becomes_unknown_is_not_lost_and_not_healthy() -> None:
    rules = narrowed(".", "team-a", "team-b")
    rules["spec"]["http"][0] = {**rules["spec"]["http"][0], "fieldOfAnotherVersion": {"value": 1}}
    done = found(rules)
    assert {each.then.outcome for each in done.routes} == {Outcome.UNKNOWN}
    assert (done.lost, done.breaks, done.verdict) == ((), False, Verdict.INCONCLUSIVE)
    assert done.uncertain


# Findings


def finding(status: Status, summary: str = "a", subject: str = "s", check: str = "fault") -> Finding:
    return Finding(check, "EG999", Stage.ISTIO, Severity.BLOCKS, (), "title", status, summary, subject)


def report(*findings: Finding) -> Report:
    return replace(found(ENTRY).now, findings=findings)


@pytest.mark.parametrize(
    ("now", "then", "effect"),
    [
        ((finding(Status.PASS),), (finding(Status.FAIL),), FindingEffect.APPEARS),
        ((finding(Status.WARN),), (finding(Status.FAIL),), FindingEffect.CHANGES),
        ((finding(Status.FAIL, "a"),), (finding(Status.FAIL, "b"),), FindingEffect.CHANGES),
        ((finding(Status.FAIL),), (finding(Status.PASS),), FindingEffect.GOES),
        ((finding(Status.FAIL),), (finding(Status.SKIPPED),), FindingEffect.DOES_NOT_APPLY),
        ((finding(Status.PASS),), (finding(Status.UNKNOWN),), FindingEffect.NOT_CHECKED),
        ((finding(Status.FAIL),), (finding(Status.UNKNOWN),), FindingEffect.NOT_CHECKED),
        ((finding(Status.UNKNOWN),), (finding(Status.FAIL),), FindingEffect.CHANGES),
        ((finding(Status.FAIL, "a"),), (finding(Status.FAIL, "a"), finding(Status.FAIL, "b")), FindingEffect.APPEARS),
        ((finding(Status.FAIL, "a"), finding(Status.FAIL, "b")), (finding(Status.FAIL, "b"),), FindingEffect.GOES),
    ],
)
def test_how_a_finding_differs(now: tuple[Finding, ...], then: tuple[Finding, ...], effect: FindingEffect) -> None:
    [change] = changed_findings(report(*now), report(*then))
    assert change.effect is effect


def test_findings_that_do_not_differ_are_not_listed() -> None:
    same = (finding(Status.FAIL), finding(Status.PASS, check="other"), finding(Status.UNKNOWN, subject="t"))
    assert list(changed_findings(report(*same), report(*reversed(same)))) == []
