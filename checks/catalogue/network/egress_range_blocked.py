"""EG204: something in Azure's network keeps the gateway's traffic from the Internet, or gives it another address."""

from collections.abc import Iterator

from checks.azure.default_route import WayOut, way_out
from checks.azure.network import (
    Unseen,
    allow,
    arm,
    configuration_of,
    decision,
    gateway_pool,
    list_rules,
    place_of,
    rule_evidence,
    show_pool,
    show_subnet,
    subnet_of,
)
from checks.azure.security_rules import INTERNET, Decision, Flow
from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.istio_networking import ServiceEntry
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import NetworkSecurityGroup, RouteTable, SecurityRule, Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge import network
from checks.model.commands import FW, OUTBOUND, az_aks, change, look
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, unknown, warn
from checks.model.question import split_host

PLACES = "every firewall, network security group and allow-list in front of the destinations"


@check(
    code="EG204",
    title="The network blocks or redirects the gateway's egress range",
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
        ServiceEntry,
    ),
    explains={
        "source-address-wrong": "where a route takes the traffic through an appliance, destinations see the appliance's address"
    },
)
def egress_range_blocked(facts: Facts) -> Iterator[Observation]:
    """What it checks: the security group and the route table of the gateway pool's subnet, and the cluster's outbound type.
    A rule that denies TCP 443 or 80 (or the port that was asked about) from the subnet to the Internet fails, unless earlier
    rules allow part of it: that warns, as does a denied port 80 that no ServiceEntry uses. A route for 0.0.0.0/0 that drops
    traffic fails, one to an appliance or gateway warns, and so does an outbound type that leaves the way out to you. Where the
    network is not looked at, the check is yours to make. Allow-lists of the destinations can never be seen.

    Why it matters: destinations know the gateway by its egress range. What blocks that range, or changes the address on the
    way, makes requests time out or be refused while everything in the cluster is well.

    What usually fixes it: allowing the range, which is always shown here, in every firewall and allow-list on the way.

    Source: article NET-1; AKS docs, outbound types and limit egress traffic; Azure docs, network security groups
    """
    configuration = configuration_of(facts)
    if configuration is None:
        yield skip(
            "There is no gateway configuration whose egress range could be blocked (gateway-configuration-missing)."
        )
        return
    if not configuration.egress_prefix:
        yield skip(f"{configuration.ref} has no egress range yet that could be blocked (egress-prefix-unassigned).")
        return
    subnet = _subnet(facts, configuration)
    group, table = _group(facts, subnet), _table(facts, subnet)
    found = []
    if isinstance(group, NetworkSecurityGroup) and isinstance(subnet, Subnet):
        found += list(_denied(facts, configuration, subnet, group))
    found += list(_redirected(facts, configuration, subnet, table))
    yield from found
    unseen = [each for each in (subnet, group, table) if isinstance(each, Unseen)]
    yield from _rest(facts, configuration, subnet, unseen, bool(found))


def _subnet(facts: Facts, configuration: StaticGatewayConfiguration) -> Subnet | Unseen:
    pool = gateway_pool(facts, configuration)
    return pool if isinstance(pool, Unseen) else subnet_of(facts, pool)


def _group(facts: Facts, subnet: Subnet | Unseen) -> NetworkSecurityGroup | Unseen | None:
    if isinstance(subnet, Unseen) or not subnet.security_group_id:
        return None
    return arm(facts, NetworkSecurityGroup, subnet.security_group_id)


def _table(facts: Facts, subnet: Subnet | Unseen) -> RouteTable | Unseen | None:
    if isinstance(subnet, Unseen) or not subnet.route_table_id:
        return None
    return arm(facts, RouteTable, subnet.route_table_id)


def _denied(
    facts: Facts, configuration: StaticGatewayConfiguration, subnet: Subnet, group: NetworkSecurityGroup
) -> Iterator[Observation]:
    """One observation for each rule that denies any of the ports."""
    denials: dict[str, tuple[SecurityRule, Decision, list[int]]] = {}
    for port in _asked_ports(facts):
        flow = Flow("Outbound", "TCP", range(port, port + 1), place_of(facts, subnet), INTERNET)
        decided = decision(facts, group, flow)
        if not decided.allowed and decided.rule is not None:
            denials.setdefault(decided.rule.name, (decided.rule, decided, []))[2].append(port)
    for rule, decided, ports in denials.values():
        yield _denial(facts, configuration, subnet, group, rule, decided, ports)


def _denial(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet,
    group: NetworkSecurityGroup,
    rule: SecurityRule,
    decided: Decision,
    ports: list[int],
) -> Observation:
    flow = Flow("Outbound", "TCP", range(ports[0], ports[0] + 1), place_of(facts, subnet), INTERNET)
    shown = " and ".join(str(port) for port in sorted(ports))
    evidence = [
        _range(configuration),
        Evidence(subnet.ref, "networkSecurityGroup.id", subnet.security_group_id),
        rule_evidence(group, rule, f"outbound TCP {shown} to the Internet allowed"),
    ]
    actions = [
        list_rules(group),
        allow(group, rule, flow, "allow-egress-gateway", ports=" ".join(map(str, sorted(ports)))),
    ]
    summary = (
        f"Rule {rule.name} of {group.ref} denies TCP {shown} from {subnet.ref} of the gateway nodes to the Internet"
    )
    if decided.exceptions:
        evidence += [rule_evidence(group, each, "all that the gateway's hosts need") for each in decided.exceptions]
        names = ", ".join(each.name for each in decided.exceptions)
        return warn(
            f"{summary}, except for what {names} allows.", subject=group.ref, evidence=evidence, actions=actions
        )
    if ports == [80] and not facts.question.host and not _plain_http_leaves(facts):
        return warn(f"{summary}; no ServiceEntry uses port 80.", subject=group.ref, evidence=evidence, actions=actions)
    return fail(f"{summary}.", subject=group.ref, evidence=evidence, actions=actions)


def _asked_ports(facts: Facts) -> tuple[int, ...]:
    """The port that was asked about, else those of the web."""
    _, port = split_host(facts.question.host or "")
    return network.WEB_PORTS if port is None else (port,)


def _plain_http_leaves(facts: Facts) -> bool:
    """Whether a registered external host is reached on port 80 at all; where that cannot be read, it counts as reached."""
    if facts.gap(ServiceEntry) is not None:
        return True
    return facts.once("external services on port 80", _port_80_is_registered)


def _port_80_is_registered(facts: Facts) -> bool:
    entries = (entry for entry in facts.all(ServiceEntry) if entry.location == "MESH_EXTERNAL")
    return any((port.target or port.number) == 80 for entry in entries for port in entry.ports)


def _redirected(
    facts: Facts, configuration: StaticGatewayConfiguration, subnet: Subnet | Unseen, table: RouteTable | Unseen | None
) -> Iterator[Observation]:
    if not configuration.provisions_public_ips:
        # A private range has no way out but a route of yours: gateways in that mode need what warns here.
        return
    if isinstance(table, RouteTable) and isinstance(subnet, Subnet) and (way := way_out(table)):
        yield _by_route(configuration, subnet, way)
        return
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    meaning = network.OUTBOUND_TYPES.get(cluster.outbound_type.lower()) if cluster else None
    if cluster is not None and meaning:
        kind, prefix = cluster.outbound_type, configuration.egress_prefix
        yield warn(
            f"With outbound type {kind} of {cluster.ref}, traffic from {prefix} {meaning}.",
            subject=cluster.ref,
            evidence=[
                _range(configuration),
                Evidence(cluster.ref, "networkProfile.outboundType", kind, "loadBalancer"),
            ],
            actions=[
                look("See the outbound type", az_aks(facts.cluster, "show", "--query", "networkProfile.outboundType")),
                *_by_hand(facts, configuration, subnet, OUTBOUND),
            ],
        )


def _by_route(configuration: StaticGatewayConfiguration, subnet: Subnet, way: WayOut) -> Observation:
    prefix = configuration.egress_prefix
    evidence = [_range(configuration), Evidence(subnet.ref, "routeTable.id", subnet.route_table_id), way.evidence]
    subject = way.table.ref
    if way.drops:
        summary = f"Route {way.name} of {subject} drops {way.prefix} from {subnet.ref} of the gateway nodes."
        return fail(summary, subject=subject, evidence=evidence, actions=[way.show(), way.straighten(prefix)])
    return warn(
        f"Route {way.name} of {subject} sends {way.prefix} from {subnet.ref} to {way.hop}: destinations see the address of "
        f"{way.through} instead of {prefix}.",
        subject=subject,
        evidence=evidence,
        actions=[
            way.show(),
            change(f"Allow {prefix} there, and the address that it gives to traffic at the destinations", url=FW),
            way.straighten(prefix),
        ],
    )


def _rest(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet | Unseen,
    unseen: list[Unseen],
    found: bool,
) -> Iterator[Observation]:
    """What is to be said of what was not found, or could not be seen."""
    subject, actions = configuration.ref, _by_hand(facts, configuration, subnet, FW)
    question = f"Whether the network lets {configuration.egress_prefix} through"
    refused = next((each for each in unseen if each.gap is not None), None)
    lost = facts.gap(ManagedCluster)
    if refused is not None:
        summary, evidence = f"{question} could not be seen: {refused.why}.", [_range(configuration)]
        yield unknown(summary, subject=subject, evidence=evidence, actions=actions)
    elif found:
        return
    elif unseen:
        yield skip(f"{question} is to be checked by hand: {unseen[0].why}.", actions=actions, subject=subject)
    elif lost is not None:
        summary = f"{question} depends on the cluster's outbound type, which could not be read: {lost}."
        yield unknown(summary, subject=subject, evidence=[_range(configuration)], actions=actions)
    else:
        yield _nothing_blocks(configuration, subnet)


def _by_hand(
    facts: Facts, configuration: StaticGatewayConfiguration, subnet: Subnet | Unseen, url: str
) -> list[Action]:
    """Article NET-1: the range to allow, and where, whatever could be read."""
    return [
        show_subnet(subnet.id) if isinstance(subnet, Subnet) else show_pool(facts, configuration.pool),
        change(f"Allow {configuration.egress_prefix} as a source in {PLACES}", "", url, "requests are answered"),
    ]


def _nothing_blocks(configuration: StaticGatewayConfiguration, subnet: Subnet | Unseen) -> Observation:
    evidence = [_range(configuration)]
    if isinstance(subnet, Subnet):
        evidence.append(Evidence(subnet.ref, "networkSecurityGroup.id", subnet.security_group_id or "(none)"))
        evidence.append(Evidence(subnet.ref, "routeTable.id", subnet.route_table_id or "(none)"))
    prefix = configuration.egress_prefix
    return healthy(
        f"Nothing that can be seen blocks {prefix}; allow-lists of destinations cannot be seen.", evidence=evidence
    )


def _range(configuration: StaticGatewayConfiguration) -> Evidence:
    return Evidence(configuration.ref, "status.egressIpPrefix", configuration.egress_prefix, f"allowed in {PLACES}")
