"""The endpoints of egress gateways for the routes of a run without a host."""

from typing import Any

from checks.facts.services import EndpointSlice
from checks.istio.request.ready_gateways import with_ready_gateways
from tests.checks.istio.faults.diagnosed import facts_about
from tests.clusters.compose import Cluster, compose, named

FIRST, SECOND = "egw-asm-1-30-abc", "egw-asm-1-30-def"
PLACE = {"namespace": "team-egress"}


def addresses() -> dict[str, str]:
    """The address of each pod of the gateway."""
    pods = (each for each in named("base").objects if each["kind"] == "Pod")
    return {each["metadata"]["name"]: each["status"].get("podIP", "") for each in pods}


def with_endpoints(ready: dict[str, bool], *changes: dict[str, Any]) -> Cluster:
    """The base cluster with these pods in the gateway's EndpointSlice, ready or not."""
    listed = [{"addresses": [addresses()[name]], "conditions": {"ready": its}} for name, its in ready.items()]
    metadata = next(
        each["metadata"]
        for each in named("base").objects
        if each["kind"] == "EndpointSlice"
        and each["metadata"].get("labels", {}).get("kubernetes.io/service-name") == "egw"
    )
    place = {"name": metadata["name"], "namespace": metadata["namespace"]}
    endpoints = {"kind": "EndpointSlice", "metadata": place, "endpoints": listed}
    return compose(named("base"), {"change": [endpoints, *changes]})


def used(cluster: Cluster) -> set[str]:
    """The addresses of the pods to which the routes of a run lead."""
    facts = with_ready_gateways(facts_about(cluster, "edition.cnn.com", None))
    slices = [each for each in facts.all(EndpointSlice) if each.service == "egw" and each.namespace == "team-egress"]
    return {address for each in slices for address in each.ready_addresses}


def test_a_pod_that_is_not_ready_gets_no_requests_beside_one_that_is() -> None:
    assert used(with_endpoints({FIRST: True, SECOND: False})) == {addresses()[FIRST]}


def test_a_terminating_pod_gets_no_requests() -> None:
    deleted = {"kind": "Pod", "metadata": {**PLACE, "name": SECOND, "deletionTimestamp": "2026-11-23T09:59:00Z"}}
    assert used(with_endpoints({FIRST: True, SECOND: True}, deleted)) == {addresses()[FIRST]}


def test_a_pod_without_an_address_gets_no_requests_beside_a_ready_one() -> None:
    starting = {"kind": "Pod", "metadata": {**PLACE, "name": SECOND}, "status": {"podIP": None, "phase": "Pending"}}
    assert used(with_endpoints({FIRST: True}, starting)) == {addresses()[FIRST]}


def test_all_pods_count_as_ready_if_none_is() -> None:
    assert used(with_endpoints({FIRST: False, SECOND: False})) == {addresses()[FIRST], addresses()[SECOND]}
