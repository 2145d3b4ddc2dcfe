"""The subnet, security group and route table of a gateway node pool.

The module also has the az commands that show or change them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from checks.azure.flow_ends import FlowEnd, networks_of
from checks.azure.security_rules import Flow, FlowDecision, decide, free_priority
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Gap
from checks.facts.network_resources import ArmFact, RouteTable, Subnet
from checks.facts.security_groups import NetworkSecurityGroup, SecurityRule
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import FW, az_aks, change, inspect, quoted
from checks.model.findings import Action, Evidence

_A = TypeVar("_A", bound=ArmFact)


@dataclass(frozen=True, slots=True)
class NotRead:
    """A network resource that was not read, and why.

    The failed read is None if the configuration does not read it (docs/rulings.md#ruling-3).
    """

    why: str
    gap: Gap | None = None


def gateway_pool(facts: Facts, configuration: StaticGatewayConfiguration) -> AgentPool | NotRead:
    """The node pool of a StaticGatewayConfiguration."""
    name = configuration.pool
    if (gap := facts.gap(AgentPool)) is not None:
        return NotRead(str(gap), gap)
    if not facts.configured(AgentPool):
        return NotRead("reading Azure is not configured")
    found = facts.get(AgentPool, name.lower()) if name else None
    return found or NotRead(f"node pool {name or '(not set)'} does not exist")


def subnet_of(facts: Facts, pool: AgentPool) -> Subnet | NotRead:
    """The subnet of a node pool."""
    if not pool.subnet_id:
        return NotRead(f"Azure returns no subnet for {pool.ref}, as in a virtual network that AKS manages")
    return arm_resource(facts, Subnet, pool.subnet_id)


def gateway_subnet(facts: Facts, configuration: StaticGatewayConfiguration) -> Subnet | NotRead:
    """The subnet of a StaticGatewayConfiguration's node pool."""
    pool = gateway_pool(facts, configuration)
    return pool if isinstance(pool, NotRead) else subnet_of(facts, pool)


def security_group_of(facts: Facts, subnet: Subnet | NotRead) -> NetworkSecurityGroup | NotRead | None:
    """The security group of a subnet, None if it has none or the subnet was not read."""
    if isinstance(subnet, NotRead) or not subnet.security_group_id:
        return None
    return arm_resource(facts, NetworkSecurityGroup, subnet.security_group_id)


def route_table_of(facts: Facts, subnet: Subnet | NotRead) -> RouteTable | NotRead | None:
    """The route table of a subnet, None if it has none or the subnet was not read."""
    if isinstance(subnet, NotRead) or not subnet.route_table_id:
        return None
    return arm_resource(facts, RouteTable, subnet.route_table_id)


def arm_resource(facts: Facts, kind: type[_A], resource_id: str) -> _A | NotRead:
    """The ARM resource with this ID."""
    found = facts.with_id(kind, resource_id)
    if isinstance(found, Gap):
        return NotRead(str(found).replace(found.resource, resource_id.rsplit("/", 1)[-1]), found)
    return found if found is not None else NotRead("reading the network is not configured")


def flow_decision(facts: Facts, group: NetworkSecurityGroup, flow: Flow) -> FlowDecision:
    """The decision of a security group about a flow.

    It is computed once for all gateways of the cluster.
    """
    return facts.once("security group", lambda _: decide(group, flow), (group.id.lower(), flow))


def flow_end(facts: Facts, subnet: Subnet) -> FlowEnd:
    """The subnet as source or destination of a flow."""
    named = ", ".join(subnet.prefixes) or subnet.name
    return facts.once(
        "subnet as a flow end", lambda _: FlowEnd(named, networks=networks_of(subnet.prefixes)), subnet.id.lower()
    )


def show_pool(facts: Facts, pool: str) -> Action:
    """The action that shows the subnet of a node pool, or of all node pools if it has no name."""
    words = (
        ("show", "--nodepool-name", pool, "--query", "vnetSubnetId")
        if pool
        else ("list", "--query", "[].{n:name,s:vnetSubnetId}")
    )
    return inspect("Show the subnet of the gateway node pool", az_aks(facts.cluster, "nodepool", *words))


def show_subnet(subnet_id: str) -> Action:
    """The action that shows the security group and the route table of a subnet."""
    query = "{prefix:addressPrefix,securityGroup:networkSecurityGroup.id,routeTable:routeTable.id}"
    command = quoted("az", "network", "vnet", "subnet", "show", "--ids", subnet_id, "--query", query)
    return inspect("Show the security group and the route table of the subnet", command, FW)


def list_rules(group: NetworkSecurityGroup) -> Action:
    """The action that lists the rules of a security group, default rules included."""
    command = quoted("az", "network", "nsg", "rule", "list", *_named(group), "--include-default", "--output", "table")
    return inspect(f"List the rules of {group.ref}", command, FW)


def allow_flow(
    group: NetworkSecurityGroup,
    rule: SecurityRule,
    flow: Flow,
    name: str,
    *,
    ports: str = "",
    after: int = 0,
    tags: Sequence[str] = (),
) -> Action:
    """The action that allows a flow, or these `ports` of it.

    It adds a rule before the one that denies the flow. If no priority is free before that rule, the action moves the
    rule instead. `after` is the number of actions for the same group that come before this one. `tags` are the service tags
    that contain the destination, if fewer than the whole Internet are needed.
    """
    priority = free_priority(group, rule, after)
    moved, later = "", 0
    if priority is None:
        # The rule is moved, and the new one gets its priority.
        priority = rule.priority
        later = next(n for n in range(priority + 1, 65000) if all(each.priority != n for each in group.rules))
        update = ("update", *_named(group), "--name", rule.name, "--priority", str(later))
        moved = f"{quoted('az', 'network', 'nsg', 'rule', *update)} && "
    words = [
        *("--name", name, "--priority", str(priority), "--direction", flow.direction, "--access", "Allow"),
        *("--protocol", flow.protocol.capitalize(), "--source-address-prefixes", *_prefixes(flow.source)),
        *("--destination-address-prefixes", *(tags or _prefixes(flow.destination))),
        *("--destination-port-ranges", *(ports or flow.port_range).split()),
    ]
    shown = f"TCP {' and '.join(ports.split())}" if ports else flow.shown
    return change(
        f"Allow {shown} before rule {rule.name}" + (f", which gets priority {later}" if moved else ""),
        moved + quoted("az", "network", "nsg", "rule", "create", *_named(group), *words),
        FW,
        "the rule applies within a minute; diagnose again",
    )


def remove_rule(group: NetworkSecurityGroup, rule: SecurityRule, expect: str) -> Action:
    """The action that deletes a rule; its undo command creates the rule with the same values."""
    named = (*_named(group), "--name", rule.name)
    values = [
        *("--priority", str(rule.priority), "--direction", rule.direction, "--access", rule.access),
        *("--protocol", rule.protocol or "*"),
        *("--source-address-prefixes", *(rule.sources or ("*",))),
        *("--source-port-ranges", *(rule.source_ports or ("*",))),
        *("--destination-address-prefixes", *(rule.destinations or ("*",))),
        *("--destination-port-ranges", *(rule.destination_ports or ("*",))),
    ]
    return change(
        f"Delete rule {rule.name} of {group.ref}",
        quoted("az", "network", "nsg", "rule", "delete", *named),
        FW,
        expect,
        undo=quoted("az", "network", "nsg", "rule", "create", *named, *values),
    )


def _rule_line(rule: SecurityRule) -> str:
    return (
        f"priority {rule.priority}: {rule.access} {rule.protocol or '*'} from {', '.join(rule.sources) or '*'} "
        f"to {', '.join(rule.destinations) or '*'} port {', '.join(rule.destination_ports) or '*'}"
    )


def rule_evidence(group: NetworkSecurityGroup, rule: SecurityRule, expected: str) -> Evidence:
    """A rule of a security group as evidence."""
    return Evidence(group.ref, f"securityRules[{rule.name}]", _rule_line(rule), expected)


def _named(resource: ArmFact) -> list[str]:
    where = ["--subscription", resource.subscription] if resource.subscription else []
    return ["--resource-group", resource.resource_group, "--nsg-name", resource.name, *where]


def _prefixes(end: FlowEnd) -> list[str]:
    tags = {"internet": "Internet", "azureloadbalancer": "AzureLoadBalancer"}
    return [str(each) for each in end.networks] if end.has_addresses else [tags[end.tag]]
