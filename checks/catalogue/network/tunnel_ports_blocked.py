"""EG205: an NSG denies tunnel packets or load balancer probes to the gateway nodes."""

from collections.abc import Iterator

from checks.azure.interface_groups import INTERFACE_READS, interface_groups
from checks.azure.network import (
    NotRead,
    allow_flow,
    flow_decision,
    gateway_subnet,
    list_rules,
    rule_evidence,
    show_pool,
    show_subnet,
)
from checks.azure.security_rules import FlowDecision
from checks.azure.tunnel_flows import RequiredFlow, node_subnets, required_flows
from checks.azure.tunnel_routes import tunnel_routes
from checks.engine.check import check
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.security_groups import SecurityRule
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, unknown, warn
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration


@check(
    code="EG205",
    title="An NSG or route blocks tunnels or load balancer probes to the gateway nodes",
    severity=Severity.BLOCKS,
    article=("NET-1",),
    reads=(StaticGatewayConfiguration, Subnet, RouteTable, *INTERFACE_READS),
    explains={
        "gateway-dataplane-not-ready": "without tunnel packets no pod reaches a gateway node; without answers to its "
        "probes the load balancer sends the node no traffic",
        "traffic-failing": "the packets of the gateway pods do not reach a gateway node",
    },
)
def tunnel_ports_blocked(facts: Facts) -> Iterator[Observation]:
    """What it checks: the NSGs of the gateway node pool's subnet and of the other node pools' subnets. They must allow
    tunnel packets (UDP, the port of the StaticGatewayConfiguration, else 6000 to 6999) from the nodes to the gateway
    nodes, and probes (TCP 8082) from the service tag AzureLoadBalancer. It fails if a rule denies one of these flows
    and warns if a rule denies part of one. The user-defined routes between these subnets, in both directions: it fails
    if one drops tunnel packets, and warns if one sends them through an appliance in one direction only. NSGs on the
    network interfaces of the gateway nodes count if they can be read, otherwise the result states that they were not.
    Those of other nodes are not read.

    Why it matters: gateway pods reach the gateway nodes through WireGuard tunnels that start on their own node and end
    behind an internal load balancer. NetworkPolicies do not apply to these packets, NSGs do.

    What usually fixes it: a rule that allows the flow, with a lower priority number than the rule that denies it; a
    direct route (next hop VnetLocal) for the other subnet, or removing the route that drops the packets.

    Source: article NET-1; kube-egress-gateway design (ports, probes); Azure documentation, "Network security
    groups"."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    subnet = gateway_subnet(facts, configuration)
    if isinstance(subnet, NotRead):
        yield from _not_checked(facts, configuration, [subnet], subnet)
        return
    required, not_read = required_flows(facts, configuration, subnet)
    nodes = [each for each in node_subnets(facts) if isinstance(each, Subnet)]
    routes, tables_not_read = tunnel_routes(facts, nodes, subnet)
    found = [*_denials(facts, required), *(each.observation() for each in routes)]
    yield from found
    unread = [*not_read, *tables_not_read]
    yield from _not_checked(facts, configuration, unread, subnet, bool(found))
    if not found and not unread:
        interfaces = interface_groups(facts, configuration)
        of_others = interfaces.not_read or " NSGs on network interfaces of other nodes are not read."
        which = "NSG of a subnet" if interfaces.not_read else "NSG of a subnet or gateway node"
        yield healthy(
            f"No {which} and no route blocks tunnels or probes to the gateway nodes ({subnet.ref}).{of_others}",
            evidence=[Evidence(each.group.ref, "securityRules", f"allow {each.flow.shown}") for each in required],
        )


def _denials(facts: Facts, required: list[RequiredFlow]) -> Iterator[Observation]:
    """One observation for each rule that denies any of the flows."""
    blocked: dict[tuple[str, str], tuple[SecurityRule, list[tuple[RequiredFlow, FlowDecision]]]] = {}
    partly: list[tuple[RequiredFlow, FlowDecision]] = []
    for each in required:
        decided = flow_decision(facts, each.group, each.flow)
        if not decided.allowed and decided.rule is not None:
            blocked.setdefault((each.group.id, decided.rule.name), (decided.rule, []))[1].append((each, decided))
        elif decided.exceptions:
            partly.append((each, decided))
    for rule, flows in blocked.values():
        yield _denial(rule, flows)
    for each, decided in partly:
        rules = decided.exceptions
        yield warn(
            f"Part of {each.flow.shown} is denied (rule {rules[0].name} of {each.group.ref}).",
            subject=each.group.ref,
            evidence=[rule_evidence(each.group, rule, f"{each.flow.shown} allowed") for rule in rules],
            actions=[list_rules(each.group), allow_flow(each.group, rules[0], each.flow, each.name)],
            severity=Severity.DEGRADES,
        )


def _denial(rule: SecurityRule, blocked: list[tuple[RequiredFlow, FlowDecision]]) -> Observation:
    group = blocked[0][0].group
    flows = " and ".join(each.flow.shown for each, _ in blocked)
    evidence = [rule_evidence(group, rule, f"{flows} allowed")]
    excepted = {other.name: other for _, decided in blocked for other in decided.exceptions}
    evidence += [rule_evidence(group, other, "all of the flow") for other in excepted.values()]
    actions = [list_rules(group)]
    actions += [allow_flow(group, rule, each.flow, each.name, after=n) for n, (each, _) in enumerate(blocked)]
    by = f"rule {rule.name} of {group.ref}"
    if excepted:
        summary = f"An NSG denies {flows}, except what {', '.join(excepted)} allows ({by})."
        return warn(summary, subject=group.ref, evidence=evidence, actions=actions, severity=Severity.DEGRADES)
    return fail(f"An NSG denies {flows} ({by}).", subject=group.ref, evidence=evidence, actions=actions)


def _not_checked(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    not_read: list[NotRead],
    subnet: Subnet | NotRead,
    found: bool = False,
) -> Iterator[Observation]:
    if not not_read:
        return
    actions: list[Action] = [
        show_pool(facts, configuration.pool) if isinstance(subnet, NotRead) else show_subnet(subnet.id)
    ]
    question = "UDP 6000-6999 from the nodes and TCP 8082 from AzureLoadBalancer to the gateway nodes are"
    failed = next((each for each in not_read if each.gap is not None), None)
    if failed is not None:
        summary = f"{question} not checked: {failed.why}."
        yield unknown(summary, subject=configuration.ref, actions=actions, reason=str(failed.gap))
    elif not found:
        yield skip(f"{question} not checked: {not_read[0].why}.", subject=configuration.ref, actions=actions)
