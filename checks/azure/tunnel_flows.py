"""The flows between nodes and gateway nodes that static egress needs, with their NSGs."""

from dataclasses import dataclass

from checks.azure.interface_groups import InterfaceGroups, interface_groups
from checks.azure.network import NotRead, flow_end, security_group_of, subnet_of
from checks.azure.security_rules import BALANCER, Flow
from checks.facts.agent_pools import AgentPool
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
    name: str
    """The name for a rule that allows it."""


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
    wanted: list[tuple[Subnet, Flow, str]] = [
        (own_subnet, Flow("Inbound", "TCP", range(PROBE_PORT, PROBE_PORT + 1), BALANCER, there), "probes")
    ]
    not_read: list[NotRead] = []
    for subnet in node_subnets(facts):
        if isinstance(subnet, NotRead):
            not_read.append(subnet)
            continue
        here = flow_end(facts, subnet)
        wanted.append((own_subnet, Flow("Inbound", "UDP", ports, here, there), f"tunnels-from-{subnet.name}"))
        wanted.append((subnet, Flow("Outbound", "UDP", ports, here, there), "tunnels"))
    required: list[RequiredFlow] = []
    for owner, flow, name in wanted:
        group = security_group_of(facts, owner)
        if isinstance(group, NotRead):
            not_read.append(group)
        elif group is not None:
            required.append(RequiredFlow(group, flow, f"allow-static-egress-{name}"))
    for each in interfaces.groups:
        inbound = [(flow, name) for owner, flow, name in wanted if owner is own_subnet and flow.direction == "Inbound"]
        required += [RequiredFlow(each.group, flow, f"allow-static-egress-{name}") for flow, name in inbound]
    return required, not_read


def node_subnets(facts: Facts) -> list[Subnet | NotRead]:
    """The subnets of all node pools except gateway node pools.

    Their nodes can run gateway pods.
    """
    pools = {pool.subnet_id.lower(): pool for pool in facts.all(AgentPool) if not pool.is_gateway}
    return [subnet_of(facts, pools[each]) for each in sorted(pools)]
