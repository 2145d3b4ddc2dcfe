"""The Azure network around a gateway's node pool, as far as it could be read, and the commands that look at it by hand."""

from dataclasses import dataclass
from typing import TypeVar

from checks.azure.security_rules import Decision, Flow, Place, decide, free_priority, networks_of
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Gap
from checks.facts.network_resources import ArmFact, NetworkSecurityGroup, SecurityRule, Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import FW, az_aks, change, look, quoted
from checks.model.findings import Action, Evidence

A = TypeVar("A", bound=ArmFact)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something of the network that was not read: `gap` is the failed read, None where it is not looked at (Ruling 3)."""

    why: str
    gap: Gap | None = None


def configuration_of(facts: Facts) -> StaticGatewayConfiguration | None:
    """The gateway's StaticGatewayConfiguration, None where there is none."""
    gateway = facts.gateway
    return (
        facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
        if gateway.configuration
        else None
    )


def gateway_pool(facts: Facts, configuration: StaticGatewayConfiguration) -> AgentPool | Unseen:
    """The configuration's node pool."""
    name = configuration.pool
    if (gap := facts.gap(AgentPool)) is not None:
        return Unseen(str(gap), gap)
    if not facts.configured(AgentPool):
        return Unseen("Azure is not looked at by configuration")
    found = facts.get(AgentPool, name.lower()) if name else None
    return found or Unseen(f"node pool {name or '(none named)'} is not there")


def subnet_of(facts: Facts, pool: AgentPool) -> Subnet | Unseen:
    """The pool's subnet."""
    if not pool.subnet_id:
        return Unseen(f"Azure names no subnet of {pool.ref}, as with a virtual network that AKS manages")
    return arm(facts, Subnet, pool.subnet_id)


def arm(facts: Facts, kind: type[A], resource_id: str) -> A | Unseen:
    """The resource with this id."""
    wanted = resource_id.lower()
    found = next((each for each in facts.readable(kind) if each.id.lower() == wanted), None)
    if found is not None:
        return found
    name = resource_id.rsplit("/", 1)[-1]
    gap = facts.gap(kind)
    if gap is not None and (gap.resource.lower() == wanted or facts.configured(kind)):
        return Unseen(str(gap).replace(gap.resource, name), gap)
    return Unseen("the network is not looked at")


def decision(facts: Facts, group: NetworkSecurityGroup, flow: Flow) -> Decision:
    """What the group does with the flow, worked out once for all gateways of the cluster."""
    return facts.once("security group", lambda _: decide(group, flow), (group.id.lower(), flow))


def place_of(facts: Facts, subnet: Subnet) -> Place:
    """The subnet as an end of a flow."""
    named = ", ".join(subnet.prefixes) or subnet.name
    return facts.once(
        "subnet as a place", lambda _: Place(named, networks=networks_of(subnet.prefixes)), subnet.id.lower()
    )


def show_pool(facts: Facts, pool: str) -> Action:
    """Looks up the subnet of a pool, or of all where none is named."""
    words = (
        ("show", "--nodepool-name", pool, "--query", "vnetSubnetId")
        if pool
        else ("list", "--query", "[].{n:name,s:vnetSubnetId}")
    )
    return look("See the subnet of the gateway pool", az_aks(facts.cluster, "nodepool", *words))


def show_subnet(subnet_id: str) -> Action:
    """Looks up the security group and the route table of a subnet."""
    query = "{prefix:addressPrefix,securityGroup:networkSecurityGroup.id,routeTable:routeTable.id}"
    command = quoted("az", "network", "vnet", "subnet", "show", "--ids", subnet_id, "--query", query)
    return look("See the security group and the route table of the subnet", command, FW)


def list_rules(group: NetworkSecurityGroup) -> Action:
    """Lists the rules of a group, the default ones with them."""
    command = quoted("az", "network", "nsg", "rule", "list", *_named(group), "--include-default", "--output", "table")
    return look(f"List the rules of {group.ref}", command, FW)


def allow(
    group: NetworkSecurityGroup, rule: SecurityRule, flow: Flow, name: str, *, ports: str = "", after: int = 0
) -> Action:
    """Adds a rule that lets the flow (or these `ports` of it) through before the rule that denies it; where there is no
    number left before it, moves that rule first. `after`: how many such actions of the same group come before this one."""
    priority = free_priority(group, rule, after)
    if priority is None:
        later = next(n for n in range(rule.priority + 1, 65000) if all(each.priority != n for each in group.rules))
        words = ["update", *_named(group), "--name", rule.name, "--priority", str(later)]
        return change(
            f"Give rule {rule.name} a higher number; then a rule that allows {flow.shown} fits before it",
            quoted("az", "network", "nsg", "rule", *words),
            FW,
            f"rule {rule.name} has priority {later}",
        )
    words = [
        *("--name", name, "--priority", str(priority), "--direction", flow.direction, "--access", "Allow"),
        *("--protocol", flow.protocol.capitalize(), "--source-address-prefixes", *_prefixes(flow.source)),
        *("--destination-address-prefixes", *_prefixes(flow.destination)),
        *("--destination-port-ranges", *(ports or flow.port_range).split()),
    ]
    return change(
        f"Allow {flow.shown} before rule {rule.name}"
        if not ports
        else f"Allow TCP {' and '.join(ports.split())} before rule {rule.name}",
        quoted("az", "network", "nsg", "rule", "create", *_named(group), *words),
        FW,
        "the flow passes within a minute; diagnose again",
    )


def shown(rule: SecurityRule) -> str:
    """A rule in one line, for evidence."""
    return (
        f"priority {rule.priority}: {rule.access} {rule.protocol or '*'} from {', '.join(rule.sources) or '*'} "
        f"to {', '.join(rule.destinations) or '*'} port {', '.join(rule.destination_ports) or '*'}"
    )


def rule_evidence(group: NetworkSecurityGroup, rule: SecurityRule, expected: str) -> Evidence:
    """What a rule says."""
    return Evidence(group.ref, f"securityRules[{rule.name}]", shown(rule), expected)


def _named(resource: ArmFact) -> list[str]:
    where = ["--subscription", resource.subscription] if resource.subscription else []
    return ["--resource-group", resource.resource_group, "--nsg-name", resource.name, *where]


def _prefixes(place: Place) -> list[str]:
    tags = {"internet": "Internet", "azureloadbalancer": "AzureLoadBalancer"}
    return [tags[place.tag]] if place.tag else [str(each) for each in place.networks]
