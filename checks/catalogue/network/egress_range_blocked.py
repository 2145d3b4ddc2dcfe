"""EG204: an NSG blocks traffic from the egress IP prefix, or a route drops or redirects it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from checks.azure.allow_lists import allow_prefix, allowed_prefix
from checks.azure.denied_flows import denied_flows
from checks.azure.interface_groups import INTERFACE_READS, InterfaceGroup, interface_groups
from checks.azure.nat_gateways import SubnetNatGateway, nat_gateway
from checks.azure.network import NotRead, gateway_subnet, route_table_of, security_group_of
from checks.azure.outbound_destinations import OutboundDestination, internet, ipv4_address, port_80_is_used
from checks.azure.outbound_routes import follows_azure_routes, may_override_nat, redirections, translated
from checks.azure.security_rules import denies_outbound
from checks.azure.subnet_service_endpoints import ServiceEndpoint, service_endpoint_of
from checks.azure.user_routes import sends_to_the_internet
from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.logs import ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.public_addresses import NatGateway, PublicIPAddress, PublicIPPrefix
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.istio.faults.reached_addresses import reached_destinations
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.traffic.recent_access import recent_upstreams
from checks.model.commands import FW
from checks.model.findings import Evidence, Observation, Severity, healthy, skip, unknown
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration
from checks.static_egress.prefixes import containing


@check(
    code="EG204",
    title="An NSG or route blocks or redirects the gateway's traffic",
    severity=Severity.BLOCKS,
    hop="internet",
    article=("NET-1",),
    reads=(
        StaticGatewayConfiguration,
        ManagedCluster,
        AgentPool,
        Subnet,
        NetworkSecurityGroup,
        RouteTable,
        *INTERFACE_READS,
        NatGateway,
        PublicIPAddress,
        PublicIPPrefix,
        *ROUTER_READS,
        ProxyLog,
    ),
    explains={
        "source-address-wrong": "a route sends the traffic through an appliance, whose address destinations see",
        "uninjected-pod-fails": "a rule or a route of the subnet blocks the traffic, or sends it through an appliance",
        "traffic-failing": "a rule or a route of the gateway subnet blocks the requests",
    },
)
def egress_range_blocked(facts: Facts) -> Iterator[Observation]:
    """What it checks: the NSGs of the gateway node pool's subnet and, if they can be read, of its nodes'
    network interfaces, the route table of the subnet, and the cluster's outbound type.
    The traffic is that of each host that is routed through the gateway, with the port and, if objects give it, the
    address that is really used, otherwise that in recent access logs; if no host is, it is TCP 443 and 80 (or the port
    in the question) to the Internet. It fails if a rule denies this traffic, and warns if an earlier rule can allow part
    of it, or if a rule is for a service tag that can contain the address. If they are known, the nodes' private
    addresses are the source. The most specific
    route for each destination fails if it drops the traffic and warns if it sends it to an appliance or gateway. An
    outbound type without direct outbound access warns, unless a route leads straight to the Internet;
    userDefinedRouting does not warn if the subnet's route table has no default route either. A NAT gateway on the subnet
    warns, because destinations see its address, and so does a service endpoint for a service of a routed host, because
    the service sees a private address. If Azure network resources are
    not read, it does not apply and offers the commands to check by hand. Allow-lists of destinations are not visible.

    Why it matters: destinations allow the egress IP prefix. If the network blocks it or replaces it with another
    address, requests time out or are refused although everything in the cluster is healthy.

    What usually fixes it: allowing the egress IP prefix in every firewall, NSG and allow-list before the destinations.

    Source: article NET-1; AKS documentation, "Customize cluster egress with outbound types in Azure Kubernetes
    Service (AKS)" and "Limit network traffic with Azure Firewall in Azure Kubernetes Service (AKS)"; Azure
    documentation, "Network security groups"."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    if not configuration.egress_prefix:
        yield skip(f"{configuration.ref} has no egress IP prefix yet (egress-prefix-unassigned).")
        return
    subnet = gateway_subnet(facts, configuration)
    group, table = security_group_of(facts, subnet), route_table_of(facts, subnet)
    attached, seen = nat_gateway(facts, configuration), allowed_prefix(configuration)
    # Rules and routes need the destinations, of which a failed read may hide one.
    overridden = isinstance(subnet, Subnet) and may_override_nat(subnet, table)
    found = [] if attached is None or overridden else [attached.observation(configuration.egress_prefix, seen)]
    yield from found
    found += (denied := list(_denied(facts, configuration, subnet, group)))
    yield from denied
    destinations = partial(_destinations, facts, configuration)
    found += (
        redirected := list(redirections(facts, configuration, subnet, table, destinations, partial(_observed, facts)))
    )
    yield from redirected
    if attached is not None and overridden:
        found += (by_nat := list(_translated(configuration, attached, table, destinations())))
        yield from by_nat
    found += (endpoints := list(_service_endpoints(facts, configuration, subnet)))
    yield from endpoints
    not_read = [each for each in (subnet, group, table) if isinstance(each, NotRead)]
    yield from _without_fault(facts, configuration, subnet, not_read, bool(found))


def _translated(
    configuration: StaticGatewayConfiguration,
    attached: SubnetNatGateway,
    table: RouteTable | NotRead | None,
    destinations: Sequence[OutboundDestination],
) -> Iterator[Observation]:
    """The finding about destinations that see the NAT gateway's address."""
    rest = translated(attached.subnet, table, destinations)
    if rest:
        named = rest if len(rest) < len(destinations) else ()
        yield attached.observation(configuration.egress_prefix, allowed_prefix(configuration), named)


def _denied(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet | NotRead,
    group: NetworkSecurityGroup | NotRead | None,
) -> Iterator[Observation]:
    """Denials by the groups of the subnet and of the network interfaces."""
    if not isinstance(subnet, Subnet):
        return
    attached = list(interface_groups(facts, configuration).groups)
    if isinstance(group, NetworkSecurityGroup):
        owner = Evidence(subnet.ref, "networkSecurityGroup.id", subnet.security_group_id)
        attached.insert(0, InterfaceGroup(owner, group))
    for one in attached:
        if not denies_outbound(one.group):
            continue
        wanted = _destinations(facts, configuration)
        for each in denied_flows(facts, configuration, subnet, one.owner, one.group, wanted, partial(_observed, facts)):
            general = all(not destination.host for destination in each.destinations)
            unused = general and each.ports == (80,) and not facts.question.host and not port_80_is_used(facts)
            yield each.observation(allowed_prefix(configuration), "no ServiceEntry uses port 80" if unused else "")


def _observed(facts: Facts, destination: OutboundDestination) -> list[OutboundDestination]:
    """A destination with each address to which the proxies connected lately."""
    found = (ipv4_address(each) for each in recent_upstreams(facts, destination.host))
    return [replace(destination, address=each, observed=True) for each in found if each is not None]


def _destinations(facts: Facts, configuration: StaticGatewayConfiguration) -> tuple[OutboundDestination, ...]:
    """The hosts that are routed through the gateway, else the Internet."""
    reached = reached_destinations(facts)
    if not reached:
        return internet(facts)
    return tuple(each for each in reached if not containing(configuration.exclude_cidrs, str(each.address)))


def _service_endpoints(
    facts: Facts, configuration: StaticGatewayConfiguration, subnet: Subnet | NotRead
) -> Iterator[Observation]:
    """The hosts of Azure services that see a private address, by service endpoint."""
    if not isinstance(subnet, Subnet) or not configuration.provisions_public_ips or not subnet.service_endpoints:
        return
    found: dict[ServiceEndpoint, list[OutboundDestination]] = {}
    for each in _destinations(facts, configuration):
        if (endpoint := service_endpoint_of(subnet, each)) is not None:
            found.setdefault(endpoint, []).append(each)
    for endpoint, destinations in found.items():
        yield endpoint.observation(destinations, configuration.egress_prefix, allowed_prefix(configuration))


def _without_fault(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet | NotRead,
    not_read: list[NotRead],
    found: bool,
) -> Iterator[Observation]:
    """The resources that were not read; if all were read, a pass."""
    subject, actions = configuration.ref, allow_prefix(facts, configuration, subnet, FW)
    prefix, evidence = configuration.egress_prefix, [allowed_prefix(configuration)]
    failed = next((each for each in not_read if each.gap is not None), None)
    cluster_gap = facts.gap(ManagedCluster)
    if failed is not None:
        summary = f"The NSG and routes for {prefix} are not checked: {failed.why}."
        yield unknown(summary, subject=subject, evidence=evidence, actions=actions, reason=str(failed.gap))
    elif found:
        return
    elif not_read:
        summary = f"The NSG and routes for {prefix} are not checked: {not_read[0].why}."
        yield skip(summary, actions=actions, subject=subject)
    elif cluster_gap is not None:
        summary = f"The cluster's outbound type is not checked: {cluster_gap}."
        yield unknown(summary, subject=subject, evidence=evidence, actions=actions, reason=str(cluster_gap))
    else:
        if isinstance(subnet, Subnet):
            evidence.append(Evidence(subnet.ref, "networkSecurityGroup.id", subnet.security_group_id or "(none)"))
            evidence.append(Evidence(subnet.ref, "routeTable.id", subnet.route_table_id or "(none)"))
        cluster = next(iter(facts.readable(ManagedCluster)), None)
        table = route_table_of(facts, subnet)
        announced = isinstance(table, RouteTable) and not sends_to_the_internet(table)
        announced = announced and cluster is not None and follows_azure_routes(cluster, table)
        hidden = " and routes that a VPN or ExpressRoute gateway announces" if announced else ""
        summary = f"No NSG or route blocks {prefix}. Allow-lists at destinations{hidden} are not visible from here."
        yield healthy(summary, evidence=evidence)
