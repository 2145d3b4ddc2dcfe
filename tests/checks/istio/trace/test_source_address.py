"""Source addresses in sentences: one address of a range, or the address itself."""

import pytest

from checks.istio.trace.source_address import EgressAddress, NodeAddress, PodAddress, SourceAddress, node_source
from tests.checks.istio.faults.diagnosed import facts_about
from tests.clusters.compose import compose, named

SGC = "StaticGatewayConfiguration team-egress/sgc"


@pytest.mark.parametrize(
    ("address", "shown", "seen"),
    [
        (EgressAddress("20.50.60.0/30"), "20.50.60.0/30", "an address of 20.50.60.0/30"),
        (EgressAddress("10.1.0.4,10.1.0.5"), "10.1.0.4,10.1.0.5", "an address of 10.1.0.4,10.1.0.5"),
        (EgressAddress("10.1.0.4"), "10.1.0.4", "10.1.0.4"),
        (EgressAddress("20.50.60.0/30", SGC), f"20.50.60.0/30 of {SGC}", f"an address of 20.50.60.0/30 of {SGC}"),
        (EgressAddress("", SGC), f"an unassigned prefix of {SGC}", f"an unassigned prefix of {SGC}"),
        (NodeAddress(), "the node's outbound address", "the node's outbound address"),
        (
            NodeAddress("the cluster's load balancer", ("ip1", "ip2")),
            "the node's outbound address (the cluster's load balancer: public IP ip1, ip2)",
            "the node's outbound address (the cluster's load balancer: public IP ip1, ip2)",
        ),
        (PodAddress(), "the gateway pod's own address", "the gateway pod's own address"),
    ],
)
def test_a_destination_sees_one_address_of_a_range(address: SourceAddress, shown: str, seen: str) -> None:
    assert (str(address), address.seen) == (shown, seen)


@pytest.mark.parametrize(
    ("outbound", "profile", "source"),
    [
        ("loadBalancer", "loadBalancerProfile", "the cluster's load balancer"),
        ("managedNATGateway", "natGatewayProfile", "the cluster's NAT gateway"),
    ],
)
def test_a_node_has_the_public_addresses_of_its_outbound_type(outbound: str, profile: str, source: str) -> None:
    address = {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/ip1"}
    network = {"outboundType": outbound, profile: {"effectiveOutboundIPs": [address]}}
    cluster = compose(named("base"), {"azure": {"managed_cluster": {"properties": {"networkProfile": network}}}})
    assert node_source(facts_about(cluster, "edition.cnn.com", None)) == NodeAddress(source, ("ip1",))
