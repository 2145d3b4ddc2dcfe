"""The steps for machines that do not reach Azure's metadata service, before new machines.

New machines do not end a cause that all of them share. A security group denies this address only with the service tag
AzurePlatformIMDS (https://learn.microsoft.com/azure/virtual-network/service-tags-overview).
"""

from collections.abc import Iterator, Sequence

from checks.azure.network import NotRead, remove_rule, security_group_of, subnet_of
from checks.facts.agent_pools import AgentPool
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

    Requires Node, AgentPool, Subnet and NetworkSecurityGroup declared.
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
    return [test, *_unread_rules(facts)]


def is_denied(facts: Facts, nodes: Sequence[str]) -> bool:
    """Whether a rule that was read denies the metadata service to these nodes."""
    return next(_denying_rules(facts, nodes), None) is not None


def _denying_rules(facts: Facts, nodes: Sequence[str]) -> Iterator[tuple[NetworkSecurityGroup, SecurityRule]]:
    """The rules of the nodes' subnets that deny the service tag."""
    pools = {each.pool.lower() for each in facts.readable(Node) if each.name in nodes}
    known = [each for each in facts.readable(AgentPool) if each.name.lower() in pools]
    groups = {}
    for pool in known:
        subnet = subnet_of(facts, pool)
        group = None if isinstance(subnet, NotRead) else security_group_of(facts, subnet)
        if isinstance(group, NetworkSecurityGroup):
            groups[group.id.lower()] = group
    for group in groups.values():
        for rule in group.rules:
            outbound = rule.direction.lower() == "outbound" and rule.access.lower() == "deny"
            if outbound and any(each.lower() == _TAG.lower() for each in rule.destinations):
                yield group, rule


def _unread_rules(facts: Facts) -> list[Action]:
    """List such rules in every group of the subscription, such as those of network interfaces."""
    where = ("--subscription", facts.cluster.subscription) if facts.cluster.subscription else ()
    query = f"[].securityRules[?destinationAddressPrefix=='{_TAG}' && access=='Deny'][].id"
    listed = quoted("az", "network", "nsg", "list", *where, "--query", query, "-o", "tsv")
    return [
        inspect(
            "List the rules of network security groups that deny the metadata service",
            listed,
            KEGTS,
            "a rule of these nodes: the next step deletes it. No rule: a program on the machines blocks the address, and the "
            "last step gives machines without its settings",
        ),
        change(
            "Delete the listed rules (only if one is listed)",
            f"az network nsg rule delete --ids $({listed})",
            FW,
            _STARTS,
            undo="create the rule again with the values that `az network nsg list` showed",
        ),
    ]
