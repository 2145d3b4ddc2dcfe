"""The addresses that nodes, tunnels and connections of a static egress gateway use now.

A rule or a route for a part of a subnet matters only if such an address is in it.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from checks.azure.flow_ends import networks_of
from checks.azure.outbound_destinations import ipv4_address
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Gap
from checks.facts.network_resources import Subnet
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.findings import Evidence


@dataclass(frozen=True, slots=True)
class UsedAddress:
    """A node and its address in the virtual network."""

    node: str
    address: IPv4Address

    @property
    def network(self) -> IPv4Network:
        """The address alone."""
        return IPv4Network(self.address)

    @property
    def evidence(self) -> Evidence:
        """The address, as `kubectl get nodes -o wide` shows it."""
        return Evidence(f"node {self.node}", "status.addresses[InternalIP]", str(self.address))


@dataclass(frozen=True, slots=True)
class RunningNodes:
    """The nodes with pods of the gateway, and the failed read that hides them, if there is one."""

    names: frozenset[str] = frozenset()
    gap: Gap | None = None
    pods: tuple[Pod, ...] = ()
    """The pods of the gateway that have a node."""


def running_nodes(facts: Facts) -> RunningNodes:
    """The nodes with pods of the gateway. Requires Pod and Deployment declared."""
    for kind in (Pod, Deployment):
        if (gap := facts.gap(kind, facts.gateway.namespace)) is not None:
            return RunningNodes(gap=gap)
    pods = tuple(pod for pod in facts.pods() if pod.node)
    return RunningNodes(frozenset(pod.node for pod in pods), pods=pods)


def node_addresses(facts: Facts, subnet: Subnet) -> tuple[UsedAddress, ...] | Gap | None:
    """The addresses of the nodes in a subnet that can run gateway pods.

    They are Linux nodes outside gateway node pools. A failed read, or None if no address is known. Requires AgentPool and
    Node declared.
    """
    if (gap := facts.gap(Node)) is not None:
        return gap
    if not _addresses(facts):
        return None
    gateway_pools = {each.name.lower() for each in facts.readable(AgentPool) if each.is_gateway}
    networks = networks_of(subnet.prefixes)
    return tuple(
        each
        for node, each in _addresses(facts)
        if node.mode != "gateway" and node.pool.lower() not in gateway_pools and node.os != "windows"
        if any(each.address in network for network in networks)
    )


def gateway_addresses(facts: Facts, configuration: StaticGatewayConfiguration) -> tuple[UsedAddress, ...] | Gap | None:
    """The addresses of the nodes in a configuration's node pool.

    A failed read, or None if no address is known. Requires Node declared.
    """
    if (gap := facts.gap(Node)) is not None:
        return gap
    pool = configuration.pool.lower()
    return tuple(each for node, each in _addresses(facts) if node.pool.lower() == pool) or None


def tunnel_network(configuration: StaticGatewayConfiguration) -> IPv4Network | None:
    """The address to which nodes send tunnel packets; None if it is not known.

    It is that of the gateway nodes' load balancer, which does not translate it (floating IP): it is the destination at the
    gateway nodes, too.
    Source: kube-egress-gateway controllers/manager/gatewaylbconfiguration_controller.go.
    """
    found = ipv4_address(configuration.server.ip)
    return None if found is None else IPv4Network(found)


def egress_addresses(facts: Facts, configuration: StaticGatewayConfiguration) -> tuple[UsedAddress, ...]:
    """The private addresses from which gateway nodes send a configuration's connections.

    () if one is not known. Requires GatewayVMConfiguration declared.
    """
    listed = facts.readable(GatewayVMConfiguration, configuration.namespace)
    own = next((each for each in listed if each.name == configuration.name), None)
    found = [(name, ipv4_address(written)) for name, written in (own.addresses if own is not None else ())]
    known = tuple(UsedAddress(name, address) for name, address in found if address is not None)
    return known if len(known) == len(found) else ()


def _addresses(facts: Facts) -> tuple[tuple[Node, UsedAddress], ...]:
    return facts.once("addresses of nodes", _read)


def _read(facts: Facts) -> tuple[tuple[Node, UsedAddress], ...]:
    found = ((node, ipv4_address(node.internal_ip)) for node in facts.readable(Node))
    return tuple((node, UsedAddress(node.name, address)) for node, address in found if address is not None)
