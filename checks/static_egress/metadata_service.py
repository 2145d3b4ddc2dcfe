"""The steps for machines that do not reach Azure's metadata service, before new machines.

New machines do not end a cause that all of them share. A security group denies this address only with the service tag
AzurePlatformIMDS (https://learn.microsoft.com/azure/virtual-network/service-tags-overview).
"""

from collections.abc import Iterator, Sequence

from checks.azure.network import NotRead, arm_resource, remove_rule, security_group_of, subnet_of
from checks.facts.agent_pools import AgentPool
from checks.facts.network_interfaces import NetworkInterface
from checks.facts.nodes import Node
from checks.facts.security_groups import NetworkSecurityGroup, SecurityRule
from checks.facts.view import Facts
from checks.kubernetes.node_shell import on_node
from checks.model.commands import FW, KEGTS, change, inspect, quoted
from checks.model.findings import Action

IMDS = "169.254.169.254"
_TAG = "AzurePlatformIMDS"
_REQUEST = ("curl", "-sS", "-m", "5", "-H", "Metadata:true")
_INSTANCE = f"http://{IMDS}/metadata/instance/compute/name?api-version=2021-02-01&format=text"
_STARTS = "the daemons start by themselves within five minutes"


def metadata_steps(facts: Facts, nodes: Sequence[str]) -> list[Action]:
    """Request the metadata service from a node, and delete the rule that denies it.

    Requires Node, AgentPool, Subnet, NetworkInterface and NetworkSecurityGroup declared.
    """
    denying = list(_denying_rules(facts, nodes))
    test = change(
        f"Request the metadata service from {nodes[0]}; the command leaves a pod in namespace default",
        on_node(nodes[0], *_REQUEST, _INSTANCE),
        KEGTS,
        f"the name of the machine: the service answers now, and {_STARTS}. A timeout: the next step",
    )
    if denying:
        return [test, *(remove_rule(group, rule, _STARTS) for group, rule in denying)]
    return [test, *_unread_rules(facts, nodes)]


def is_denied(facts: Facts, nodes: Sequence[str]) -> bool:
    """Whether a rule that was read denies the metadata service to these nodes."""
    return next(_denying_rules(facts, nodes), None) is not None


def _denying_rules(facts: Facts, nodes: Sequence[str]) -> Iterator[tuple[NetworkSecurityGroup, SecurityRule]]:
    """The rules that deny the service tag in the groups of these nodes."""
    for group in {each.id.lower(): each for each in _groups(facts, nodes) if not isinstance(each, NotRead)}.values():
        for rule in group.rules:
            outbound = rule.direction.lower() == "outbound" and rule.access.lower() == "deny"
            if outbound and any(each.lower() == _TAG.lower() for each in rule.destinations):
                yield group, rule


def _groups(facts: Facts, nodes: Sequence[str]) -> Iterator[NetworkSecurityGroup | NotRead]:
    """The groups of the nodes' subnets and network interfaces."""
    known = [each for each in facts.readable(Node) if each.name in nodes]
    pools = {each.pool.lower() for each in known}
    for pool in (each for each in facts.readable(AgentPool) if each.name.lower() in pools):
        subnet = subnet_of(facts, pool)
        if isinstance(subnet, NotRead):
            yield subnet
        elif (group := security_group_of(facts, subnet)) is not None:
            yield group
    machines = {each.scale_set_machine.lower() for each in known if each.scale_set_machine}
    interfaces = [each for each in facts.readable(NetworkInterface) if each.machine in machines]
    if not interfaces:
        yield NotRead("their network interfaces")
    for each in interfaces:
        if each.security_group_id:
            yield arm_resource(facts, NetworkSecurityGroup, each.security_group_id)


def _unread_rules(facts: Facts, nodes: Sequence[str]) -> Iterator[Action]:
    """Show the groups of the nodes' subnets and machines, if not all of them were read."""
    if not any(isinstance(each, NotRead) for each in _groups(facts, nodes)):
        return
    known = [each for each in facts.readable(Node) if each.name in nodes]
    pools = {each.pool.lower() for each in known}
    subnets = {each.subnet_id for each in facts.readable(AgentPool) if each.name.lower() in pools and each.subnet_id}
    shown = ("--query", "networkSecurityGroup.id", "-o", "tsv")
    commands = [quoted("az", "network", "vnet", "subnet", "show", "--ids", each, *shown) for each in sorted(subnets)]
    for each in sorted({each.scale_set_machine.rpartition("/virtualMachines/")[0] for each in known} - {""}):
        parts = each.split("/")
        where = ("--subscription", parts[2], "--resource-group", parts[4], "--vmss-name", parts[-1])
        commands.append(
            quoted("az", "vmss", "nic", "list", *where, "--query", "[].networkSecurityGroup.id", "-o", "tsv")
        )
    if commands:
        yield inspect(
            "Show the network security groups of the nodes' subnets and network interfaces",
            " && ".join(commands),
            FW,
            f"the IDs of the groups that apply to these nodes. A rule of one of them that denies {_TAG} is the cause: allow "
            "this tag before it, only in that group. No such rule: a program on the machines blocks the address, and new "
            "machines start without its settings",
        )
