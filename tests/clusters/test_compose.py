"""The patch language of the test clusters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clusters.compose import Cluster, Manifest, PatchError, compose, merge, named

SGC = {"kind": "StaticGatewayConfiguration", "metadata": {"namespace": "team-egress", "name": "sgc"}}


def find(cluster: Cluster, kind: str, name: str) -> Manifest:
    return next(o for o in cluster.objects if o["kind"] == kind and o["metadata"]["name"] == name)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({}, {"a": {"b": None}}, {"a": {}}),
        ("text", {"a": 1}, {"a": 1}),
        ({"a": 1}, [1], [1]),
    ],
)
def test_merge_patches_follow_rfc_7386(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


def test_a_change_does_not_modify_the_base_or_other_objects() -> None:
    base = named("base")
    before = repr(base)
    cluster = compose(base, {"change": [SGC | {"spec": {"excludeCidrs": ["10.0.0.5"]}, "status": None}]})
    changed = find(cluster, "StaticGatewayConfiguration", "sgc")
    assert changed["spec"]["excludeCidrs"] == ["10.0.0.5"]
    assert changed["spec"]["gatewayNodepoolName"] == "gwpool"
    assert "status" not in changed
    assert changed["metadata"]["namespace"] == "team-egress"
    assert repr(base) == before
    assert [o for o in cluster.objects if o is not changed] == [
        o for o in base.objects if o["kind"] != "StaticGatewayConfiguration"
    ]


def test_an_asterisk_changes_all_matching_objects() -> None:
    change = {"kind": "Pod", "metadata": {"namespace": "team-egress", "name": "egw-*"}, "status": {"phase": "Pending"}}
    cluster = compose(named("base"), {"change": [change]})
    pending = [o["metadata"]["name"] for o in cluster.objects if o.get("status", {}).get("phase") == "Pending"]
    assert pending == ["egw-asm-1-30-abc", "egw-asm-1-30-def"]


def test_an_event_refers_to_an_object_and_is_before_now() -> None:
    event = {
        "on": "Pod team-egress/egw-asm-1-30-abc",
        "reason": "FailedMount",
        "message": "no",
        "age": "3m",
        "count": 5,
    }
    cluster = compose(named("base"), {"events": [event], "now": "2026-11-23T11:00:00Z"})
    written = cluster.objects[-1]
    pod = find(cluster, "Pod", "egw-asm-1-30-abc")
    assert written["involvedObject"]["uid"] == pod["metadata"]["uid"]
    assert written["lastTimestamp"] == "2026-11-23T10:57:00Z"
    assert written["firstTimestamp"] == "2026-11-23T10:55:00Z"
    assert written["source"] == {"component": "kubelet", "host": "aks-system-0"}


def test_a_pool_changes_in_both_of_azures_answers() -> None:
    cluster = compose(named("base"), {"azure": {"agent_pools": {"gwpool": {"count": 5}, "apps": None}}})
    assert cluster.agent_pools is not None
    assert cluster.managed_cluster is not None
    assert [(pool["name"], pool["properties"]["count"]) for pool in cluster.agent_pools] == [
        ("system", 2),
        ("gwpool", 5),
    ]
    profiles = cluster.managed_cluster["properties"]["agentPoolProfiles"]
    assert [(profile["name"], profile["count"]) for profile in profiles] == [("system", 2), ("gwpool", 5)]


def test_resources_are_found_by_name_and_are_optional() -> None:
    changed = compose(named("base"), {"azure": {"resources": {"gw": {"properties": {"addressPrefix": "10.9.0.0/26"}}}}})
    assert changed.resources is not None
    assert [r["properties"].get("addressPrefix") for r in changed.resources if r["name"] == "gw"] == ["10.9.0.0/26"]
    assert compose(named("base"), {"azure": {"resources": None}}).resources is None
    assert compose(named("base"), {"azure": None}).managed_cluster is None


def test_the_objects_of_an_absent_kind_are_removed() -> None:
    kind = "gatewaystatuses.egressgateway.kubernetes.azure.com"
    cluster = compose(named("base"), {"absent_kinds": [kind]})
    assert cluster.absent_kinds == (kind,)
    assert "GatewayStatus" not in {o["kind"] for o in cluster.objects}


def test_a_shifted_cluster_keeps_its_ages() -> None:
    cluster = compose(named("base"), {"shift": "1d"})
    assert cluster.captured_at == "2026-11-22T10:00:00Z"
    assert find(cluster, "StaticGatewayConfiguration", "sgc")["metadata"]["creationTimestamp"] == "2026-11-12T10:00:00Z"
    assert "2026-11-22T09:57:48.064Z" in cluster.logs["team-egress/egw-asm-1-30-abc/istio-proxy"]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"changes": []}, "unknown key changes"),
        ({"change": [{"kind": "Pod", "metadata": {"name": "missing"}}]}, "no object Pod missing"),
        ({"remove": ["Pod team-egress/missing"]}, "no object Pod team-egress/missing"),
        ({"events": [{"on": "Pod a/b", "reason": "x", "message": "y"}]}, "no object Pod a/b"),
        ({"events": [{"on": "Node aks-apps-0", "reason": "x", "message": "y", "age": "soon"}]}, "age 'soon'"),
        ({"logs": {"a/b/c": None}}, "no log a/b/c"),
        ({"azure": {"agent_pools": {"missing": None}}}, "no pool missing"),
        ({"azure": {"resources": {"missing": {}}}}, "no resource missing"),
        ({"add": [{"kind": "Pod", "metadata": {"name": "x"}}]}, "needs apiVersion"),
        ({"add": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "aks-apps-0"}}]}, "already exists"),
    ],
)
def test_an_invalid_patch_is_an_error_that_names_the_entry(patch: Manifest, message: str) -> None:
    with pytest.raises(PatchError, match=message):
        compose(named("base"), patch)
