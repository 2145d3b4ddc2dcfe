"""Network security groups on the network interfaces of gateway nodes.

Azure applies them in addition to the group of the subnet: both must allow a connection.

Source: Azure documentation, "How network security groups filter network traffic".
"""

from dataclasses import dataclass

from checks.azure.network import NotRead, arm_resource, gateway_pool
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Fact, Gap
from checks.facts.network_interfaces import MachineInterface, NetworkInterface
from checks.facts.nodes import Node
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Evidence

INTERFACE_READS: tuple[type[Fact], ...] = (
    AgentPool,
    Node,
    GatewayVMConfiguration,
    NetworkInterface,
    MachineInterface,
    NetworkSecurityGroup,
)
"""The kinds that show the network interfaces of a gateway node pool and their groups."""


@dataclass(frozen=True, slots=True)
class InterfaceGroup:
    """A group, and the first of the network interfaces that have it."""

    owner: Evidence
    group: NetworkSecurityGroup


@dataclass(frozen=True, slots=True)
class InterfaceGroups:
    """The groups of a pool's network interfaces.

    `not_read` is a sentence after a space if interfaces or groups were not read, otherwise "".
    """

    groups: tuple[InterfaceGroup, ...]
    not_read: str


def interface_groups(facts: Facts, configuration: StaticGatewayConfiguration) -> InterfaceGroups:
    """The groups of the network interfaces of a configuration's gateway nodes.

    Requires INTERFACE_READS declared.
    """
    pool = gateway_pool(facts, configuration)
    single = isinstance(pool, AgentPool) and pool.has_single_machines
    interfaces = gateway_interfaces(facts, configuration, single_machines=single)
    if not interfaces:
        return InterfaceGroups((), _sentence(facts.gap(MachineInterface if single else NetworkInterface)))
    found: dict[str, InterfaceGroup] = {}
    unread: NotRead | None = None
    for each in interfaces:
        if not each.security_group_id:
            continue
        group = arm_resource(facts, NetworkSecurityGroup, each.security_group_id)
        if isinstance(group, NotRead):
            unread = group
        else:
            owner = Evidence(each.ref, "networkSecurityGroup.id", each.security_group_id)
            found.setdefault(group.id.lower(), InterfaceGroup(owner, group))
    return InterfaceGroups(tuple(found.values()), _sentence(unread.gap) if unread is not None else "")


def gateway_interfaces(
    facts: Facts, configuration: StaticGatewayConfiguration, *, single_machines: bool
) -> tuple[NetworkInterface | MachineInterface, ...]:
    """The readable network interfaces of the configuration's gateway nodes.

    `single_machines`: the node pool is of type VirtualMachines.
    """
    if single_machines:
        listed = facts.readable(GatewayVMConfiguration, configuration.namespace)
        names = {
            name.lower()
            for one in listed
            if one.pool.lower() == configuration.pool.lower()
            for name, _ in one.addresses
        }
        return tuple(each for each in facts.readable(MachineInterface) if each.name.lower() in names)
    pool = configuration.pool.lower()
    machines = {n.scale_set_machine.lower() for n in facts.readable(Node) if n.pool.lower() == pool}
    return tuple(each for each in facts.readable(NetworkInterface) if each.machine in machines)


def _sentence(gap: Gap | None) -> str:
    why = f": {str(gap).replace(gap.resource, gap.resource.rsplit('/', 1)[-1])}" if gap is not None else ""
    return f" NSGs on network interfaces are not read{why}."
