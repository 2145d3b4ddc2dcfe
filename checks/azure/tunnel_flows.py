"""The flows between nodes and gateway nodes that static egress needs, with their NSGs."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from checks.azure.flow_ends import BALANCER, FlowEnd
from checks.azure.interface_groups import InterfaceGroups, interface_groups
from checks.azure.network import NotRead, flow_end, security_group_of, subnet_of
from checks.azure.security_rules import Flow
from checks.azure.used_addresses import UsedAddress, gateway_addresses, node_addresses, tunnel_network
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Gap
from checks.facts.network_resources import Subnet
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.network_requirements import PROBE_PORT, TUNNEL_PORTS


@dataclass(frozen=True, slots=True)
class RequiredFlow:
    """A flow that the gateway needs, and a security group that applies to it."""

    group: NetworkSecurityGroup
    flow: Flow
    """The flow between the whole subnets."""
    name: str
    """The name for a rule that allows it."""
    nodes: Subnet | None = None
    """The subnet of the nodes whose tunnels it is; None for the probes."""


@dataclass(frozen=True, slots=True)
class NodeFlow:
    """The part of a required flow that is about one node, between the addresses in use."""

    node: UsedAddress
    flow: Flow


def node_flows(
    facts: Facts, configuration: StaticGatewayConfiguration, required: RequiredFlow
) -> tuple[NodeFlow, ...] | Gap | None:
    """A required flow by node, None if the addresses of the nodes are not known.

    A failed read, if it hides them. Probes go to each gateway node, and tunnels from each other node to the address of the
    load balancer.
    """
    flow = required.flow
    nodes = gateway_addresses(facts, configuration) if required.nodes is None else node_addresses(facts, required.nodes)
    if nodes is None or isinstance(nodes, Gap):
        return nodes
    if required.nodes is None:
        return tuple(NodeFlow(each, replace(flow, destination=_end(each.network))) for each in nodes)
    tunnel = tunnel_network(configuration)
    there = _end(tunnel) if tunnel is not None else flow.destination
    return tuple(NodeFlow(each, replace(flow, source=_end(each.network), destination=there)) for each in nodes)


def _end(network: IPv4Network) -> FlowEnd:
    return FlowEnd(str(network.network_address), networks=(network,))


def required_flows(
    facts: Facts, configuration: StaticGatewayConfiguration, own_subnet: Subnet
) -> tuple[list[RequiredFlow], list[NotRead]]:
    """The flows with the security groups that apply to them.

    The second value contains the resources that were not read.
    """
    port = configuration.server.port
    of_pool = (configuration.namespace, configuration.pool.lower())
    interfaces = facts.once(
        "groups of network interfaces",
        lambda window: interface_groups(window, configuration),
        configuration.pool.lower(),
    )
    about = (own_subnet.id, port, of_pool)
    return facts.once("required flows", lambda window: _required_flows(window, port, own_subnet, interfaces), about)


def _required_flows(
    facts: Facts, port: int, own_subnet: Subnet, interfaces: InterfaceGroups
) -> tuple[list[RequiredFlow], list[NotRead]]:
    """The flows of every gateway with this port and subnet."""
    there = flow_end(facts, own_subnet)
    ports = range(port, port + 1) if port in TUNNEL_PORTS else TUNNEL_PORTS
    wanted: list[tuple[Subnet, Flow, str, Subnet | None]] = [
        (own_subnet, Flow("Inbound", "TCP", range(PROBE_PORT, PROBE_PORT + 1), BALANCER, there), "probes", None)
    ]
    not_read: list[NotRead] = []
    for subnet in node_subnets(facts):
        if isinstance(subnet, NotRead):
            not_read.append(subnet)
            continue
        here = flow_end(facts, subnet)
        wanted.append((own_subnet, Flow("Inbound", "UDP", ports, here, there), f"tunnels-from-{subnet.name}", subnet))
        wanted.append((subnet, Flow("Outbound", "UDP", ports, here, there), "tunnels", subnet))
    required: list[RequiredFlow] = []
    for owner, flow, name, nodes in wanted:
        group = security_group_of(facts, owner)
        if isinstance(group, NotRead):
            not_read.append(group)
        elif group is not None:
            required.append(RequiredFlow(group, flow, f"allow-static-egress-{name}", nodes))
    for each in interfaces.groups:
        required += [
            RequiredFlow(each.group, flow, f"allow-static-egress-{name}", nodes)
            for owner, flow, name, nodes in wanted
            if owner is own_subnet and flow.direction == "Inbound"
        ]
    return required, not_read


def node_subnets(facts: Facts) -> list[Subnet | NotRead]:
    """The subnets of all node pools except gateway node pools.

    Their nodes can run gateway pods.
    """
    pools = {pool.subnet_id.lower(): pool for pool in facts.all(AgentPool) if not pool.is_gateway}
    return [subnet_of(facts, pools[each]) for each in sorted(pools)]
