"""The test clusters are valid: an API server would accept them, and references resolve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clusters.compose import Cluster, Manifest, named, names, read_bundle, write_bundle
from tests.clusters.schemas import read_schemas, violations

CRDS = Path(__file__).parents[3] / "shared" / "crds"
ALL = pytest.mark.parametrize("name", names())


def who(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def of(cluster: Cluster, kind: str) -> list[Manifest]:
    return [o for o in cluster.objects if o["kind"] == kind]


@ALL
@pytest.mark.skipif(not CRDS.is_dir(), reason="no CRDs in ../shared/crds")
def test_custom_objects_match_their_schemas(name: str) -> None:
    schemas = read_schemas(CRDS)
    judged = 0
    for manifest in named(name).objects:
        schema = schemas.get((manifest["apiVersion"], manifest["kind"]))
        if schema is not None:
            judged += 1
            assert list(violations(manifest, schema)) == [], who(manifest)
    assert judged >= 10


@pytest.mark.skipif(not CRDS.is_dir(), reason="no CRDs in ../shared/crds")
def test_objects_that_the_api_server_would_reject_are_reported() -> None:
    schemas = read_schemas(CRDS)
    route = {"spec": {"http": [{"route": [{"destination": {"host": "x", "port": {"number": "80"}, "subnet": "y"}}]}]}}
    found = list(violations(route, schemas["networking.istio.io/v1", "VirtualService"]))
    where = ".spec.http[0].route[0].destination"
    assert found == [f"{where}.port.number: '80' is not of type integer", f"{where}: subnet is unknown"]
    fewer = {"spec": {"defaultRoute": "nowhere"}}
    schema = schemas["egressgateway.kubernetes.azure.com/v1alpha1", "StaticGatewayConfiguration"]
    assert ".spec.defaultRoute: 'nowhere' is not one of azureNetworking, staticEgressGateway" in violations(
        fewer, schema
    )


@ALL
def test_owners_exist_and_uids_are_unique(name: str) -> None:
    cluster = named(name)
    uids = {o["metadata"]["uid"]: who(o)[::2] for o in cluster.objects}
    assert len(uids) == len(cluster.objects)
    for manifest in cluster.objects:
        for owner in manifest["metadata"].get("ownerReferences", ()):
            assert uids[owner["uid"]] == (owner["kind"], owner["name"]), who(manifest)


@ALL
def test_references_between_objects_resolve(name: str) -> None:
    cluster = named(name)
    present = {who(o) for o in cluster.objects}
    pods = {who(p)[1:]: p for p in of(cluster, "Pod")}
    namespaces = {o["metadata"]["name"] for o in of(cluster, "Namespace")}
    assert {o["metadata"]["namespace"] for o in cluster.objects if "namespace" in o["metadata"]} <= namespaces
    for pod in pods.values():
        assert ("Node", "", pod["spec"]["nodeName"]) in present
    for slice_ in of(cluster, "EndpointSlice"):
        for endpoint in slice_["endpoints"]:
            pod = pods[endpoint["targetRef"]["namespace"], endpoint["targetRef"]["name"]]
            assert endpoint["addresses"] == [pod["status"]["podIP"]]
            assert endpoint["targetRef"]["uid"] == pod["metadata"]["uid"]
    for endpoint in of(cluster, "PodEndpoint"):
        assert endpoint["spec"]["podIpAddress"] == pods[who(endpoint)[1:]]["status"]["podIP"] + "/32"
    for key in cluster.logs:
        namespace, pod_name, container = key.split("/")
        assert container in [c["name"] for c in pods[namespace, pod_name]["spec"]["containers"]]


@ALL
def test_every_gateway_of_azure_has_its_objects(name: str) -> None:
    cluster = named(name)
    assert cluster.managed_cluster is not None
    istio = cluster.managed_cluster["properties"]["serviceMeshProfile"]["istio"]
    present = {who(o) for o in cluster.objects}
    for gateway in istio["components"]["egressGateways"]:
        namespace = gateway["namespace"] or "aks-istio-egress"
        assert ("Service", namespace, gateway["name"]) in present
        assert ("StaticGatewayConfiguration", namespace, gateway["gatewayConfigurationName"]) in present
        for revision in istio["revisions"]:
            assert ("Deployment", namespace, f"{gateway['name']}-{revision}") in present


@ALL
def test_no_time_is_after_captured_at(name: str) -> None:
    cluster = named(name)
    times = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", repr(cluster.objects) + repr(cluster.logs))
    assert times
    assert max(times) <= cluster.captured_at


@ALL
def test_a_written_cluster_is_read_unchanged(name: str, tmp_path: Path) -> None:
    cluster = named(name)
    write_bundle(cluster, tmp_path)
    copied = read_bundle(tmp_path)
    assert sorted(map(repr, copied.objects)) == sorted(map(repr, cluster.objects))
    assert (copied.name, copied.captured_at, copied.logs) == (cluster.name, cluster.captured_at, cluster.logs)
    assert (copied.managed_cluster, copied.agent_pools) == (cluster.managed_cluster, cluster.agent_pools)
    assert copied.resources == cluster.resources


def test_the_base_is_small_enough_to_read() -> None:
    size = sum(path.stat().st_size for path in (Path(__file__).parent / "base").rglob("*") if path.is_file())
    assert size < 120_000
