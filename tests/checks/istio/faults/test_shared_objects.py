"""A fix for one host never changes an object that decides for the whole mesh."""

from collections.abc import Sequence
from typing import Any

import pytest

from checks.facts.changes import Apply
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.request.outcome import Result
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.traced import changed, istio, plus
from tests.clusters.compose import Cluster, named

VS, HOST, ROOT = "direct-cnn-through-egress-gateway", "edition.cnn.com", "aks-istio-system"
SERVICE = "egw.team-egress.svc.cluster.local"
MUTUAL = {"tls": {"mode": "ISTIO_MUTUAL"}}


def _faults(cluster: Cluster) -> Sequence[Proved]:
    """The faults of the first broken request of a client in team-a."""
    found = outcomes(facts_about(cluster, HOST, "team-a"), "http", HOST, 80)
    return next(faults for outcome, faults in found if outcome.result is not Result.THROUGH)


def _without_subset() -> Cluster:
    """The documented route without its subset."""

    def direct(each: Any) -> None:
        each["spec"]["http"][0]["route"][0]["destination"].pop("subset", None)

    return changed(named("base"), "VirtualService", VS, direct)


@pytest.mark.parametrize("namespace", [ROOT, "team-a"])
def test_mutual_tls_of_the_whole_mesh_stays_and_the_gateway_gets_a_rule_of_its_own(namespace: str) -> None:
    cluster = changed(
        _without_subset(),
        "DestinationRule",
        "egressgateway-for-cnn",
        lambda each: each["spec"].update(host="x.example"),
    )
    cluster = plus(
        cluster, istio("DestinationRule", "default", {"host": "*.local", "trafficPolicy": MUTUAL}, namespace)
    )
    (found,) = _faults(cluster)
    assert found.fault.name == "not-to-plain"
    assert found.after is not None
    assert found.after.result is Result.THROUGH
    assert found.fix is not None
    (change,) = found.fix.changes
    assert change.ref.startswith("DestinationRule ")
    assert isinstance(change, Apply)
    spec = change.manifest["spec"]
    assert spec["host"] == SERVICE
    assert spec["trafficPolicy"]["tls"] == MUTUAL["tls"]
    assert spec["trafficPolicy"]["portLevelSettings"] == [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]


def test_a_sidecar_of_the_root_namespace_stays_and_the_client_gets_one_of_its_own() -> None:
    narrow = {"egress": [{"hosts": ["./*", f"{ROOT}/*"]}]}
    found = _faults(plus(named("base"), istio("Sidecar", "default", narrow, ROOT)))
    changes = [change for each in found if each.fix is not None for change in each.fix.changes]
    assert {(each.kind, each.namespace) for each in changes if each.kind == "Sidecar"} == {("Sidecar", "team-a")}
    assert found[-1].after is not None
    assert found[-1].after.result is Result.THROUGH


def test_an_envoy_filter_of_the_root_namespace_is_named_and_not_deleted() -> None:
    patch = {
        "applyTo": "CLUSTER",
        "match": {"context": "SIDECAR_OUTBOUND", "cluster": {"service": SERVICE}},
        "patch": {"operation": "REMOVE"},
    }
    found = _faults(plus(named("base"), istio("EnvoyFilter", "hide", {"configPatches": [patch]}, ROOT)))
    assert found[0].fault.name == "changed-by-filter"
    assert found[0].fix is not None
    assert found[0].fix.changes == ()
    assert "without a change of EnvoyFilter aks-istio-system/hide" in found[0].fix.title


def in_root(cluster: Cluster, name: str, **spec: Any) -> Cluster:
    """The cluster with a DestinationRule moved to the root namespace, for its one host."""

    def moved(each: Any) -> None:
        each["metadata"]["namespace"] = ROOT
        each["spec"].update(spec)

    return changed(cluster, "DestinationRule", name, moved)


ROOT_RULES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mutual TLS to a plain server": ("egressgateway-for-cnn", "not-to-plain", {"trafficPolicy": MUTUAL}),
    "mutual TLS of a subset": (
        "egressgateway-for-cnn",
        "not-to-plain",
        {"subsets": [{"name": "cnn", "trafficPolicy": MUTUAL}]},
    ),
    "another subset": ("egressgateway-for-cnn", "no-subset", {"subsets": [{"name": "other"}]}),
}


@pytest.mark.parametrize("name", ROOT_RULES)
def test_a_rule_of_the_root_namespace_stays_and_the_gateway_gets_one_beside_it(name: str) -> None:
    rule, fault, spec = ROOT_RULES[name]
    (found,) = _faults(in_root(named("base"), rule, **spec))
    assert found.fault.name == fault
    assert found.fix is not None
    (change,) = found.fix.changes
    assert isinstance(change, Apply)
    assert (change.kind, change.namespace) == ("DestinationRule", "team-egress")
    assert change.manifest["spec"]["host"] == SERVICE
    kept = {each["name"] for each in spec.get("subsets", [{"name": "cnn"}])}
    assert kept <= {each["name"] for each in change.manifest["spec"]["subsets"]}
    assert found.after is not None
    assert found.after.result is Result.THROUGH


def test_tls_to_a_host_set_in_the_root_namespace_is_set_for_the_gateway_beside_it() -> None:
    policy = {"portLevelSettings": [{"port": {"number": 443}, "tls": {"mode": "DISABLE"}}]}
    cluster = in_root(named("tls-origination"), "originate-tls-for-cnn", trafficPolicy=policy)
    (found,) = _faults(cluster)
    assert found.fault.name == "plain-to-tls"
    assert found.fix is not None
    (change,) = found.fix.changes
    assert isinstance(change, Apply)
    assert (change.kind, change.namespace) == ("DestinationRule", "team-egress")
    assert change.manifest["spec"]["host"] == HOST
    assert found.after is not None
    assert found.after.result is Result.THROUGH


def test_labels_of_a_subset_in_the_root_namespace_are_named_and_not_removed() -> None:
    subset = {"name": "cnn", "labels": {"version": "none"}}
    (found,) = _faults(in_root(named("base"), "egressgateway-for-cnn", subsets=[subset]))
    assert found.fault.name == "subset-without-pods"
    assert found.fix is not None
    assert found.fix.changes == ()
    assert "without a change of DestinationRule aks-istio-system/egressgateway-for-cnn" in found.fix.title
