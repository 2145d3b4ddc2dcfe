"""Without a host, a route is examined for the clients for which it is configured."""

import copy
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Finding, Stage, Status
from tests.checks.istio.faults.test_gateway_api_routes import HOST, HTTP, SERVICE, TLS, backend, cluster_with
from tests.checks.istio.trace.traced import changed, istio, mesh_settings, plus
from tests.clusters.compose import Cluster, named
from tests.recordings import diagnosed, question

CHECKS = [each for each in catalogue() if each.stage is Stage.ISTIO]
VS, ENTRY = "direct-cnn-through-egress-gateway", "cnn"


def failures(cluster: Cluster) -> list[Finding]:
    wanted = question(cluster, "team-egress/egw", None)
    return [each for each in diagnosed(cluster, wanted, CHECKS).finish(0.0).findings if each.status is Status.FAIL]


def of_consumers(objects: Any) -> dict[str, Any]:
    """The route of sidecars in the namespace of one client."""
    moved = copy.deepcopy(objects)
    route = moved["mesh"]
    route["metadata"]["namespace"] = "team-a"
    route["spec"]["parentRefs"][0]["namespace"] = "team-egress"
    backend("mesh", namespace="team-egress")(moved)
    return dict(moved)


@pytest.mark.parametrize(("objects", "on"), [(HTTP, "base"), (TLS, "tls-passthrough")])
def test_the_route_of_one_namespace_is_no_fault_of_others(objects: Any, on: str) -> None:
    assert failures(cluster_with(of_consumers(objects), on)) == []


def test_the_route_of_one_namespace_fails_for_its_own_clients() -> None:
    broken = of_consumers(HTTP)
    backend("mesh", port=8080)(broken)
    (found,) = failures(cluster_with(broken, "base"))
    assert "team-b" not in found.summary
    assert {each.name for each in found.about if each.kind == "host"} == {HOST}


def test_a_route_beside_its_service_entry_is_for_every_client() -> None:
    """A producer route: one of its clients does not import it."""
    cluster = cluster_with(copy.deepcopy(HTTP), "base")
    hidden = istio("Sidecar", "default", {"egress": [{"hosts": ["./*"]}]}, "team-b")
    assert failures(plus(cluster, hidden))


def _of_egress_proxy(cluster: Cluster, **policy: Any) -> Cluster:
    """Rules and ServiceEntry are for the gateway alone.

    A Sidecar of team-a sends it all unknown hosts.
    """

    def private(each: Any) -> None:
        each["spec"]["exportTo"] = ["."]

    def for_gateway(each: Any) -> None:
        private(each)
        each["spec"]["gateways"].remove("mesh")
        each["spec"]["tls"] = each["spec"]["tls"][1:]

    cluster = changed(changed(cluster, "ServiceEntry", ENTRY, private), "VirtualService", VS, for_gateway)
    proxy = {"host": SERVICE, "port": {"number": 443}, **policy}
    sent = {
        "egress": [{"hosts": ["./*", "team-egress/*"]}],
        "outboundTrafficPolicy": {"mode": "ALLOW_ANY", "egressProxy": proxy},
    }
    return plus(cluster, istio("Sidecar", "default", sent, "team-a"))


def _rejecting(cluster: Cluster) -> Cluster:
    return mesh_settings(cluster, lambda each: each.update(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}))


def test_hosts_of_an_egress_proxy_are_for_the_clients_that_send_them() -> None:
    assert failures(_rejecting(_of_egress_proxy(named("tls-passthrough")))) == []


def test_hosts_of_an_egress_proxy_at_a_wrong_port_fail() -> None:
    assert failures(_rejecting(_of_egress_proxy(named("tls-passthrough"), port={"number": 80})))
