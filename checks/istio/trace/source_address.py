"""Source addresses that a destination sees.

A request through the gateway has its egress IP prefix; one that bypasses it has the address of its pod or node.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.static_egress.prefixes import parse_egress_prefix

_OUTBOUND = {
    "loadbalancer": "the cluster's load balancer",
    "userassignednatgateway": "the subnet's NAT gateway",
    "managednatgateway": "the cluster's NAT gateway",
    "userdefinedrouting": "the next hop of the subnet's route table",
    "block": "none: outbound type block blocks all traffic",
    "none": "none: outbound type none sets up no outbound access",
}
"""The meaning of the cluster's outbound type for a node's source address.

Source: AKS documentation, "Customize cluster egress with outbound types in Azure Kubernetes Service (AKS)".
"""


@dataclass(frozen=True, slots=True)
class EgressAddress:
    """An address of an egress IP prefix.

    `prefix` is "" if none is assigned. `owner` names the StaticGatewayConfiguration, "" for the gateway's own.
    """

    prefix: str
    owner: str = ""

    def __str__(self) -> str:
        prefix = self.prefix or "an unassigned prefix"
        return f"{prefix} of {self.owner}" if self.owner else prefix

    @property
    def seen(self) -> str:
        """The source address that the destination sees: one, even if the prefix has several."""
        several = sum(each.num_addresses for each in parse_egress_prefix(self.prefix)) > 1
        return f"an address of {self}" if several else str(self)


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """The outbound address of a node, by the cluster's outbound type ("" if it is not known)."""

    outbound: str = ""
    public_ips: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.outbound:
            return "the node's outbound address"
        public = f": public IP {', '.join(self.public_ips)}" if self.public_ips else ""
        return f"the node's outbound address ({self.outbound}{public})"

    @property
    def seen(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class PodAddress:
    """The gateway pod's own address, for destinations in the cluster."""

    def __str__(self) -> str:
        return "the gateway pod's own address"

    @property
    def seen(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class SubnetAddress:
    """The address that the gateway node pool's subnet gives to traffic.

    It replaces that of the egress IP prefix: it is that of a NAT gateway or an appliance, or the private address of a
    gateway node.
    """

    seen: str

    def __str__(self) -> str:
        return self.seen


PRIVATE_ADDRESS = SubnetAddress("a private address of a gateway node")
"""The source address at destinations with a private address.

A public IP applies only to the Internet.
"""

SourceAddress = EgressAddress | NodeAddress | PodAddress | SubnetAddress


def client_address(facts: Facts, pods: Iterable[Pod]) -> SourceAddress:
    """The source address of requests that leave directly from clients' pods.

    It is that of their own static egress gateway, or of their node. Reads ManagedCluster and
    StaticGatewayConfiguration.
    """
    named = {(pod.namespace, pod.static_gateway_configuration) for pod in pods if pod.static_gateway_configuration}
    for namespace, name in sorted(named):
        known = facts.readable(StaticGatewayConfiguration, namespace)
        prefix = next((each.egress_prefix for each in known if each.name == name), "")
        return EgressAddress(prefix, f"the client's own StaticGatewayConfiguration {namespace}/{name}")
    return node_source(facts)


def node_source(facts: Facts) -> NodeAddress:
    """The source address of a node. Reads ManagedCluster."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is None or not cluster.outbound_type:
        return NodeAddress()
    kind = _OUTBOUND.get(cluster.outbound_type.lower(), f"outbound type {cluster.outbound_type}")
    return NodeAddress(kind, tuple(each.rpartition("/")[2] for each in cluster.outbound_ip_ids))
