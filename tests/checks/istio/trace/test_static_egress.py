"""The hop through the static egress gateway.

Each fault names the check whose finding fails.
"""

import json
from typing import Any
from uuid import UUID

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Report, Status
from checks.model.route import Hop, HopName, Mark, Outcome
from tests.clusters.compose import compose, identity, named
from tests.recordings import diagnosed, question

ANNOTATION = "kubernetes.azure.com/static-gateway-configuration"
NAT = f"/subscriptions/{UUID(int=0)}/resourceGroups/rg1/providers/Microsoft.Network/natGateways/nat-egress"
SGC = {"kind": "StaticGatewayConfiguration", "metadata": {"namespace": "team-egress", "name": "sgc"}}


def report(patch: dict[str, Any]) -> Report:
    cluster = compose(named("base"), patch)
    return diagnosed(cluster, question(cluster, "team-egress/egw", "edition.cnn.com"), catalogue()).finish(0.0)


def hop(found: Report) -> Hop:
    assert found.route is not None
    (request,) = (each for each in found.route.requests if each.meant)
    return next(each for each in request.hops if each.name is HopName.STATIC_EGRESS)


def gateway_pods(annotation: str | None) -> list[dict[str, Any]]:
    pods = [each for each in named("base").objects if identity(each)[1:3] == ("Pod", "team-egress")]
    return [
        {
            "kind": "Pod",
            "metadata": {
                "namespace": "team-egress",
                "name": each["metadata"]["name"],
                "annotations": {ANNOTATION: annotation},
            },
        }
        for each in pods
    ]


@pytest.mark.parametrize(
    ("patch", "mark", "cause", "check"),
    [
        ({"change": [{**SGC, "status": None}]}, Mark.BREAKS, "no-prefix", "egress-prefix-unassigned"),
        (
            {"change": [{**SGC, "spec": {"defaultRoute": "azureNetworking", "excludeCidrs": ["192.0.2.0/24"]}}]},
            Mark.LEAVES,
            "not-default",
            "gateway-configuration-invalid",
        ),
        (
            {"change": [{**SGC, "spec": {"excludeCidrs": ["0.0.0.0/0"]}}]},
            Mark.LEAVES,
            "not-default",
            "gateway-configuration-invalid",
        ),
        ({"change": gateway_pods(None)}, Mark.LEAVES, "no-annotation", "annotation-mismatch"),
        ({"change": gateway_pods("other")}, Mark.LEAVES, "no-annotation", "annotation-mismatch"),
        (
            {"remove": ["StaticGatewayConfiguration team-egress/sgc"]},
            Mark.BREAKS,
            "no-prefix",
            "gateway-configuration-missing",
        ),
        (
            {"azure": {"resources": {"gw": {"properties": {"natGateway": {"id": NAT}}}}}},
            Mark.DOUBTS,
            "nat-gateway",
            "egress-range-blocked",
        ),
    ],
    ids=[
        *("no prefix", "only listed ranges", "every address excluded", "no annotation", "another SGC", "no SGC"),
        "a NAT gateway on the gateway subnet",
    ],
)
def test_the_hop_names_the_check_that_reports_its_fault(
    patch: dict[str, Any], mark: Mark, cause: str, check: str
) -> None:
    found = report(patch)
    fault = hop(found)
    assert (fault.mark, fault.cause) == (mark, cause)
    (named_check,) = {each.check for each in found.findings if each.code == fault.finding}
    assert named_check == check
    assert {each.status for each in found.findings if each.check == check} & {Status.FAIL, Status.WARN}


@pytest.mark.parametrize(
    ("address", "mark", "source"),
    [("10.30.9.4", Mark.DOUBTS, "the node's outbound address"), ("151.101.3.5", Mark.PASSES, "20.50.60.0/30")],
)
def test_a_fixed_address_in_an_excluded_range_is_reached_from_the_node(address: str, mark: Mark, source: str) -> None:
    spec = {"resolution": "STATIC", "endpoints": [{"address": address}]}
    entry = {"kind": "ServiceEntry", "metadata": {"namespace": "team-egress", "name": "cnn"}, "spec": spec}
    found = report({"change": [entry]})
    assert hop(found).mark is mark
    assert found.route is not None
    (request,) = (each for each in found.route.requests if each.meant)
    assert source in request.address


def resources(**subnet: Any) -> dict[str, Any]:
    return {"azure": {"resources": {"gw": {"properties": subnet}}}}


PUBLIC_IP = NAT.replace("natGateways/nat-egress", "publicIPAddresses/pip-nat")
TABLE = NAT.replace("natGateways/nat-egress", "routeTables/rt-gw")
NAT_WITH_ADDRESS = {
    "azure": {
        "resources": {
            "gw": {"properties": {"natGateway": {"id": NAT}}},
            NAT: {"id": NAT, "properties": {"publicIpAddresses": [{"id": PUBLIC_IP}]}},
            PUBLIC_IP: {"id": PUBLIC_IP, "properties": {"ipAddress": "51.124.3.4"}},
        }
    }
}


def through(hop_type: str, prefix: str = "0.0.0.0/0") -> dict[str, Any]:
    """The gateway subnet with a NAT gateway and one user-defined route."""
    route = {
        "name": "r",
        "properties": {"addressPrefix": prefix, "nextHopType": hop_type, "nextHopIpAddress": "10.20.0.4"},
    }
    subnet = {"properties": {"natGateway": {"id": NAT}, "routeTable": {"id": TABLE}}}
    return {"azure": {"resources": {"gw": subnet, TABLE: {"id": TABLE, "properties": {"routes": [route]}}}}}


@pytest.mark.parametrize(
    ("patch", "cause", "seen"),
    [
        (NAT_WITH_ADDRESS, "nat-gateway", "51.124.3.4 of NAT gateway nat-egress"),
        (
            through("VirtualAppliance"),
            "route-redirects",
            "the address of the firewall or appliance (VirtualAppliance 10.20.0.4)",
        ),
        (through("VirtualAppliance", "198.51.100.0/24"), "nat-gateway", "the address of NAT gateway nat-egress"),
    ],
    ids=["a NAT gateway", "a default route through a firewall before the NAT gateway", "a route for another range"],
)
def test_the_route_names_the_address_that_the_destination_really_sees(
    patch: dict[str, Any], cause: str, seen: str
) -> None:
    found = report(patch)
    assert hop(found).cause == cause
    assert found.route is not None
    (request,) = (each for each in found.route.requests if each.meant)
    assert request.address == seen


def test_a_destination_with_a_private_address_sees_a_private_address() -> None:
    spec = {"resolution": "STATIC", "endpoints": [{"address": "172.20.9.4"}]}
    entry = {"kind": "ServiceEntry", "metadata": {"namespace": "team-egress", "name": "cnn"}, "spec": spec}
    found = report({"change": [entry]})
    assert found.route is not None
    (request,) = (each for each in found.route.requests if each.meant)
    assert request.address == "a private address of a gateway node"


def test_a_route_that_drops_the_requests_ends_the_route() -> None:
    found = report(through("None"))
    assert (hop(found).mark, hop(found).cause) == (Mark.BREAKS, "route-drops")
    assert found.route is not None
    (request,) = (each for each in found.route.requests if each.meant)
    assert (request.outcome, request.answer) == (Outcome.FAILS, "503 (UF): the connection times out")


def test_a_service_endpoint_overrides_the_nat_gateway() -> None:
    store = "reports.blob.core.windows.net"
    objects = [each for each in named("base").objects if identity(each)[2] == "team-egress"]
    kinds = ("ServiceEntry", "VirtualService", "Gateway")
    renamed = [
        json.loads(json.dumps(each).replace("edition.cnn.com", store)) for each in objects if each["kind"] in kinds
    ]
    subnet = {"natGateway": {"id": NAT}, "serviceEndpoints": [{"service": "Microsoft.Storage", "locations": ["*"]}]}
    cluster = compose(named("base"), {"change": renamed, **resources(**subnet)})
    found = diagnosed(cluster, question(cluster, "team-egress/egw", store), catalogue()).finish(0.0)
    assert hop(found).cause == "service-endpoint"
    assert found.route is not None
    (request,) = (each for each in found.route.requests if each.meant)
    assert request.address == "a private address of subnet gw"
