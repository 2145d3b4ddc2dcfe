"""A sidecar changes requests to other hosts, too: the steps of an injection say which."""

from typing import Any

import pytest

from checks.model.findings import Action
from tests.clusters.compose import compose
from tests.incidents.incidents import incidents, reported
from tests.recordings import diagnosed, question

CASE = next(each for each in incidents() if each.name.startswith("214-"))


def entry(name: str, host: str, number: int, protocol: str) -> dict[str, Any]:
    port = {"name": protocol.lower(), "number": number, "protocol": protocol}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": "team-egress", "creationTimestamp": "2026-11-10T08:00:00Z"},
        "spec": {"hosts": [host], "location": "MESH_EXTERNAL", "ports": [port], "resolution": "DNS"},
    }


def gateway_rule(host: str) -> dict[str, Any]:
    to_gateway = {
        "destination": {"host": "egw.team-egress.svc.cluster.local", "subset": "nowhere", "port": {"number": 80}}
    }
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "other", "namespace": "team-egress", "creationTimestamp": "2026-11-10T08:00:00Z"},
        "spec": {"hosts": [host], "http": [{"match": [{"port": 80}], "route": [to_gateway]}]},
    }


POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "report-1", "namespace": "team-a"},
    "spec": {"containers": [{"name": "report"}]},
    "status": {"phase": "Running"},
}


def steps(*added: dict[str, Any]) -> tuple[Action, Action]:
    """The label and the restart that the diagnosis prints."""
    cluster = compose(CASE.cluster, {"add": list(added)})
    report = diagnosed(cluster, question(cluster, "team-egress/egw", "edition.cnn.com", "team-a/web")).finish(0.0)
    (found,) = (each for each in report.findings if each.check == "client-not-injected")
    label, restart = (each for each in found.actions if each.effect != "reads")
    return label, restart


def test_hosts_that_are_not_declared() -> None:
    assert (
        "external hosts without a ServiceEntry then fail (outbound traffic policy REGISTRY_ONLY)" in steps()[1].expect
    )


def test_another_declared_host_is_resolved_with_the_sidecar() -> None:
    plain = steps(entry("plain", "plain.example", 80, "HTTP"))[1].expect
    assert "plain.example" not in plain, "it bypasses the gateway before and after"
    broken = steps(entry("broken", "broken.example", 80, "HTTP"), gateway_rule("broken.example"))[1].expect
    assert "Requests to http://broken.example then fail." in broken


@pytest.mark.parametrize(
    ("labels", "named_too"),
    [({}, True), ({"sidecar.istio.io/inject": "false"}, False)],
    ids=["a pod", "a pod that declines injection"],
)
def test_other_workloads_of_the_namespace(labels: dict[str, str], named_too: bool) -> None:
    pod = {**POD, "metadata": {**POD["metadata"], "labels": labels}}
    label = steps(pod)[0].expect
    assert ("New pods of report-1 get a sidecar too, at their next start" in label) == named_too


@pytest.mark.parametrize("name", ["21-rules-for-the-labels-of-a-client", "22-rules-for-the-namespace-of-a-client"])
def test_a_new_rule_beside_rules_for_some_clients_says_that_it_is_for_all(name: str) -> None:
    incident = next(each for each in reported() if each.name == name)
    asked = (incident.expect["gateway"], incident.expect["host"], incident.expect.get("from"))
    report = diagnosed(incident.cluster, question(incident.cluster, *asked)).finish(0.0)
    (expect,) = {a.expect for f in report.findings for a in f.actions if a.title == "Add a rule for sidecars"}
    assert expect.endswith("; it is for every client of the mesh, not only for those that the present rules name")
