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


def _only_for(cluster: Cluster, namespace: str) -> Cluster:
    """The VirtualService exported to the gateway and one namespace."""

    def exported(each: Any) -> None:
        each["spec"]["exportTo"] = [".", namespace]

    return changed(cluster, "VirtualService", VS, exported)


def _unchecked(cluster: Cluster) -> str:
    wanted = question(cluster, "team-egress/egw", None)
    found = diagnosed(cluster, wanted, CHECKS).finish(0.0).findings
    assert [each for each in found if each.status is Status.FAIL] == []
    (decided,) = [each for each in found if each.check == "virtual-service-route-broken"]
    assert decided.status is Status.UNKNOWN
    return decided.summary


def test_a_rule_for_a_namespace_without_clients_is_not_checked() -> None:
    """Clients of other namespaces have no part in the route."""
    summary = _unchecked(_only_for(named("base"), "night-shift"))
    assert "applies only to namespace night-shift; no pod with a sidecar runs there" in summary


def test_a_route_of_a_namespace_without_clients_is_not_checked() -> None:
    moved = of_consumers(HTTP)
    moved["mesh"]["metadata"]["namespace"] = "night-shift"
    summary = _unchecked(cluster_with(moved, "base"))
    assert "HTTPRoute night-shift/to-gateway applies only to namespace night-shift" in summary


def test_a_rule_that_no_client_sees_fails() -> None:
    cluster = changed(named("base"), "VirtualService", VS, lambda each: each["spec"].update(exportTo=["."]))
    (found,) = failures(cluster)
    assert "is not exported to namespaces team-a and team-b" in found.summary


def test_a_broken_rule_for_a_namespace_without_clients_fails() -> None:
    cluster = _only_for(named("base"), "night-shift")

    def elsewhere(each: Any) -> None:
        each["spec"]["http"][1]["route"][0]["destination"]["host"] = "www.x.example"

    assert failures(changed(cluster, "VirtualService", VS, elsewhere))
