"""EG205: a security group keeps the tunnels from the gateway nodes, or the load balancer's probes."""

from collections.abc import Iterator
from dataclasses import dataclass

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
from checks.azure.security_rules import BALANCER, Decision, Flow
from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.network_resources import NetworkSecurityGroup, SecurityRule, Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.network import PROBE_PORT, TUNNEL_PORTS
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, unknown, warn


@dataclass(frozen=True, slots=True)
class Guarded:
    """A flow that a gateway needs, and the security group that it must pass."""

    group: NetworkSecurityGroup
    flow: Flow
    name: str
    """The name of a rule that would allow it."""


@check(
    code="EG205",
    title="A security group blocks the way to the gateway nodes",
    severity=Severity.BLOCKS,
    article=("NET-1",),
    reads=(StaticGatewayConfiguration, AgentPool, Subnet, NetworkSecurityGroup),
    explains={
        "gateway-dataplane-not-ready": "without the tunnel's packets no pod reaches a gateway node, and without answers to its "
        "probes the load balancer sends none there"
    },
)
def tunnel_ports_blocked(facts: Facts) -> Iterator[Observation]:
    """What it checks: the security groups of the gateway pool's subnet and of the other pools' subnets. Packets of the
    tunnels (UDP, the configuration's port, else 6000 to 6999) must pass from the nodes to the gateway nodes, and probes
    (TCP 8082) from the service tag AzureLoadBalancer to them. A rule that denies one of these fails, one that denies a part
    of it warns.

    Why it matters: gateway pods reach the gateway nodes through WireGuard tunnels that start on their own node, behind an
    internal load balancer. Network policies do not see them, security groups do.

    What usually fixes it: a rule that allows the flow before the rule that denies it.

    Source: article NET-1; kube-egress-gateway design (ports, probes); Azure docs, network security groups
    """
    configuration = configuration_of(facts)
    if configuration is None:
        yield skip("There is no gateway configuration whose tunnels could be blocked (gateway-configuration-missing).")
        return
    pool = gateway_pool(facts, configuration)
    subnet = pool if isinstance(pool, Unseen) else subnet_of(facts, pool)
    if isinstance(subnet, Unseen):
        yield from _not_seen(facts, configuration, [subnet], subnet)
        return
    guarded, unseen = _guarded(facts, configuration, subnet)
    found = list(_denials(facts, guarded))
    yield from found
    yield from _not_seen(facts, configuration, unseen, subnet, bool(found))
    if not found and not unseen:
        yield healthy(
            f"Security groups let the tunnels and the probes through to {subnet.ref} of the gateway nodes.",
            evidence=[Evidence(each.group.ref, "securityRules", f"allow {each.flow.shown}") for each in guarded],
        )


def _guarded(
    facts: Facts, configuration: StaticGatewayConfiguration, gateway_subnet: Subnet
) -> tuple[list[Guarded], list[Unseen]]:
    """Every flow with the group it must pass, and what could not be seen of them."""
    there = place_of(facts, gateway_subnet)
    port = configuration.server.port
    ports = range(port, port + 1) if port in TUNNEL_PORTS else TUNNEL_PORTS
    wanted = [(gateway_subnet, Flow("Inbound", "TCP", range(PROBE_PORT, PROBE_PORT + 1), BALANCER, there), "probes")]
    unseen: list[Unseen] = []
    for subnet in _node_subnets(facts):
        if isinstance(subnet, Unseen):
            unseen.append(subnet)
            continue
        here = place_of(facts, subnet)
        wanted.append((gateway_subnet, Flow("Inbound", "UDP", ports, here, there), f"tunnels-from-{subnet.name}"))
        wanted.append((subnet, Flow("Outbound", "UDP", ports, here, there), "tunnels"))
    guarded: list[Guarded] = []
    for owner, flow, name in wanted:
        if not owner.security_group_id:
            continue
        group = arm(facts, NetworkSecurityGroup, owner.security_group_id)
        if isinstance(group, Unseen):
            unseen.append(group)
        else:
            guarded.append(Guarded(group, flow, f"allow-static-egress-{name}"))
    return guarded, unseen


def _node_subnets(facts: Facts) -> list[Subnet | Unseen]:
    """The subnets of the pools whose nodes may run gateway pods: all but gateway pools."""
    pools = {pool.subnet_id.lower(): pool for pool in facts.all(AgentPool) if not pool.is_gateway}
    return [subnet_of(facts, pools[each]) for each in sorted(pools)]


def _denials(facts: Facts, guarded: list[Guarded]) -> Iterator[Observation]:
    """One observation for each rule that denies any of the flows."""
    blocked: dict[tuple[str, str], tuple[SecurityRule, list[tuple[Guarded, Decision]]]] = {}
    partly: list[tuple[Guarded, Decision]] = []
    for each in guarded:
        decided = decision(facts, each.group, each.flow)
        if not decided.allowed and decided.rule is not None:
            blocked.setdefault((each.group.id, decided.rule.name), (decided.rule, []))[1].append((each, decided))
        elif decided.exceptions:
            partly.append((each, decided))
    for rule, flows in blocked.values():
        yield _denial(rule, flows)
    for each, decided in partly:
        rules = decided.exceptions
        yield warn(
            f"Rule {rules[0].name} of {each.group.ref} denies a part of {each.flow.shown}.",
            subject=each.group.ref,
            evidence=[rule_evidence(each.group, rule, f"{each.flow.shown} allowed") for rule in rules],
            actions=[list_rules(each.group), allow(each.group, rules[0], each.flow, each.name)],
            severity=Severity.DEGRADES,
        )


def _denial(rule: SecurityRule, blocked: list[tuple[Guarded, Decision]]) -> Observation:
    group = blocked[0][0].group
    flows = ", ".join(each.flow.shown for each, _ in blocked)
    evidence = [rule_evidence(group, rule, f"{flows} allowed")]
    excepted = {other.name: other for _, decided in blocked for other in decided.exceptions}
    evidence += [rule_evidence(group, other, "all of the flow") for other in excepted.values()]
    actions = [list_rules(group)]
    actions += [allow(group, rule, each.flow, each.name, after=n) for n, (each, _) in enumerate(blocked)]
    summary = f"Rule {rule.name} of {group.ref} denies {flows}"
    if excepted:
        summary += f", except for what {', '.join(excepted)} allows."
        return warn(summary, subject=group.ref, evidence=evidence, actions=actions, severity=Severity.DEGRADES)
    return fail(f"{summary}.", subject=group.ref, evidence=evidence, actions=actions)


def _not_seen(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    unseen: list[Unseen],
    subnet: Subnet | Unseen,
    found: bool = False,
) -> Iterator[Observation]:
    if not unseen:
        return
    actions: list[Action] = [
        show_pool(facts, configuration.pool) if isinstance(subnet, Unseen) else show_subnet(subnet.id)
    ]
    question = "Whether UDP 6000-6999 from the nodes and TCP 8082 from AzureLoadBalancer reach the gateway nodes"
    refused = next((each for each in unseen if each.gap is not None), None)
    if refused is not None:
        yield unknown(f"{question} could not be seen: {refused.why}.", subject=configuration.ref, actions=actions)
    elif not found:
        yield skip(f"{question} is to be checked by hand: {unseen[0].why}.", subject=configuration.ref, actions=actions)
