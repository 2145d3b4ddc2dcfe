"""The effect of the gateway node pool's subnet on connections to one destination.

A service endpoint overrides user-defined routes, and these override a NAT gateway. Sources: Azure documentation, "Virtual
network traffic routing", "What is Azure NAT Gateway?" and "Azure virtual network service endpoints".
"""

from dataclasses import dataclass
from enum import Enum, auto

from checks.azure.denied_flows import outbound_decisions
from checks.azure.nat_gateways import nat_gateway
from checks.azure.network import gateway_subnet, route_table_of, rule_evidence, security_group_of
from checks.azure.outbound_destinations import OutboundDestination
from checks.azure.subnet_service_endpoints import service_endpoint_of
from checks.azure.user_routes import route_to
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Evidence


class EffectKind(Enum):
    """The kinds of effects: no connection arrives, or it arrives with another source address."""

    DENIED = auto()
    DROPPED = auto()
    SERVICE_ENDPOINT = auto()
    APPLIANCE = auto()
    NAT_GATEWAY = auto()


@dataclass(frozen=True, slots=True)
class SubnetEffect:
    """An effect of a security rule, a route, a NAT gateway or a service endpoint.

    `by` names it. `seen` is the source address that the destination sees, "" if no connection arrives.
    """

    kind: EffectKind
    by: str
    evidence: Evidence
    seen: str = ""


def subnet_effect(
    facts: Facts, configuration: StaticGatewayConfiguration, destination: OutboundDestination
) -> SubnetEffect | None:
    """The effect on connections to this destination.

    None if there is none or the subnet was not read.

    Requires AgentPool, Subnet, NetworkSecurityGroup, RouteTable, NatGateway, PublicIPAddress, PublicIPPrefix and
    GatewayVMConfiguration declared.
    """
    subnet = gateway_subnet(facts, configuration)
    if not isinstance(subnet, Subnet):
        return None
    group, table = security_group_of(facts, subnet), route_table_of(facts, subnet)
    if isinstance(group, NetworkSecurityGroup):
        decided = outbound_decisions(facts, configuration, subnet, group, destination)
        rule = decided[0].decision.rule if decided else None
        if rule is not None and all(each.denied and not each.share for each in decided):
            by = f"rule {rule.name} of {group.ref}"
            return SubnetEffect(EffectKind.DENIED, by, rule_evidence(group, rule, "allowed"))
    if (endpoint := service_endpoint_of(subnet, destination)) is not None and configuration.provisions_public_ips:
        return SubnetEffect(EffectKind.SERVICE_ENDPOINT, endpoint.name, endpoint.evidence, endpoint.seen)
    route = route_to(table, destination) if isinstance(table, RouteTable) else None
    if route is not None and route.drops:
        return SubnetEffect(EffectKind.DROPPED, f"route {route.name} of {route.table.ref}", route.evidence)
    if not configuration.provisions_public_ips or not destination.is_public:
        return None
    if route is not None:
        seen = f"the address of {route.through} ({route.hop})"
        return SubnetEffect(EffectKind.APPLIANCE, f"{route.through} ({route.hop})", route.evidence, seen)
    if (attached := nat_gateway(facts, configuration)) is not None:
        return SubnetEffect(EffectKind.NAT_GATEWAY, attached.name, attached.evidence, attached.seen)
    return None
