"""Which security rules deny tunnels or probes of a gateway, by the addresses in use.

If the addresses are not known, a rule for a part of a subnet only warns (docs/rulings.md#ruling-40).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from checks.azure.network import allow_flow, flow_decision, list_rules, rule_evidence
from checks.azure.security_rules import Flow, FlowDecision, unclear_value
from checks.azure.tunnel_flows import NodeFlow, RequiredFlow, node_flows
from checks.azure.used_addresses import RunningNodes
from checks.facts.fact import Gap
from checks.facts.security_groups import SecurityRule
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.network_requirements import TUNNEL_PORTS
from checks.model.findings import Evidence, Observation, Severity, fail, unknown, warn


@dataclass(frozen=True, slots=True)
class _Denial:
    """A flow, or the part of it between some nodes, that one rule denies."""

    required: RequiredFlow
    rule: SecurityRule
    shown: str
    blocks: bool = True
    """Whether tunnels or probes that exist now are denied, and not only those of future pods."""
    exceptions: tuple[SecurityRule, ...] = ()
    nodes: tuple[Evidence, ...] = ()
    some: bool = False
    """Whether tunnels of other nodes in the subnet are not denied."""


def tunnel_denials(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    required: Sequence[RequiredFlow],
    running: RunningNodes,
) -> Iterator[Observation]:
    """One observation for each rule that denies any of the flows.

    If a failed read hides which nodes are concerned, a rule for some of them is not checked.
    """
    denials: dict[tuple[str, str], list[_Denial]] = {}
    others: list[Observation] = []
    for each in required:
        decided = flow_decision(facts, each.group, each.flow)
        if decided.allowed and not decided.exceptions and not decided.unclear:
            continue
        for found in _judged(facts, each, decided, node_flows(facts, configuration, each), running):
            if isinstance(found, _Denial):
                denials.setdefault((found.required.group.id, found.rule.name), []).append(found)
            else:
                others.append(found)
    yield from map(_denial, denials.values())
    yield from dict.fromkeys(others)


def _judged(
    facts: Facts,
    required: RequiredFlow,
    decided: FlowDecision,
    flows: tuple[NodeFlow, ...] | Gap | None,
    running: RunningNodes,
) -> Iterator[_Denial | Observation]:
    """The denials of a flow, by the addresses in use if they are known."""
    if isinstance(flows, Gap) and (rules := decided.exceptions or decided.unclear):
        yield _hidden(required, rules[0], flows)
        return
    if flows is None or isinstance(flows, Gap):
        yield from _rest(required, [decided])
        return
    by_node = [(one, flow_decision(facts, required.group, one.flow)) for one in flows]
    for denial in _by_node(required, decided, by_node, running):
        yield _hidden(required, denial.rule, running.gap) if running.gap is not None and denial.some else denial
    yield from _rest(required, [each for _, each in by_node if each.exceptions or each.unclear])


def _rest(required: RequiredFlow, decisions: Sequence[FlowDecision]) -> Iterator[_Denial | Observation]:
    """The decisions that are not known, and those about a part of a flow."""
    for each in dict.fromkeys(decisions):
        if each.unclear:
            yield _not_known(required, each.unclear[0])
        elif not each.allowed and each.rule is not None:
            yield _Denial(required, each.rule, required.flow.shown, exceptions=each.exceptions)
        else:
            yield _part_denied(required, each)


def _by_node(
    required: RequiredFlow,
    decided: FlowDecision,
    by_node: Sequence[tuple[NodeFlow, FlowDecision]],
    running: RunningNodes,
) -> Iterator[_Denial]:
    """The denials of a flow by rule; `decided` is the decision about the whole subnet."""
    whole = not decided.allowed and not decided.exceptions and not decided.unclear
    if not by_node and whole and decided.rule is not None:
        yield _Denial(required, decided.rule, f"{required.flow.shown}, where no node runs now", blocks=False)
    by_rule: dict[str, tuple[SecurityRule, list[NodeFlow]]] = {}
    for one, found in by_node:
        if not found.allowed and found.rule is not None and not found.exceptions and not found.unclear:
            by_rule.setdefault(found.rule.name, (found.rule, []))[1].append(one)
    probes = required.nodes is None
    of_pods = frozenset[str]() if probes else running.names
    total = len(of_pods or by_node)
    for rule, flows in by_rule.values():
        used = [one for one in flows if not of_pods or one.node.node in of_pods]
        evidence = tuple(one.node.evidence for one in used or flows)
        count = f"{len(used)} of {total}"
        if not used:
            names = _names([one.node.node for one in flows])
            shown = f"{_packets(required)} from {names}, where no pod of the gateway runs now"
        elif whole and len(used) == total:
            shown, evidence = required.flow.shown, ()
        elif probes:
            shown = f"{required.flow.shown} to {count} gateway nodes"
        else:
            shown = f"{_packets(required)} from {count} nodes{' with pods of the gateway' if of_pods else ''}"
        # The load balancer sends no traffic to a gateway node that does not answer; the others get all of it.
        blocks = bool(used) and (len(used) == total or bool(of_pods))
        yield _Denial(required, rule, shown, blocks, nodes=evidence, some=not probes and len(flows) < len(by_node))


def _packets(required: RequiredFlow) -> str:
    flow = required.flow
    return f"{flow.protocol} {flow.port_range}" + (
        f" to {flow.destination.name}" if flow.direction != "Inbound" else ""
    )


def _names(nodes: Sequence[str]) -> str:
    if len(nodes) > 3:
        return f"{len(nodes)} nodes"
    return f"node{'s' if len(nodes) > 1 else ''} {', '.join(nodes)}"


def _denial(denials: Sequence[_Denial]) -> Observation:
    group, rule = denials[0].required.group, denials[0].rule
    flows = " and ".join(dict.fromkeys(each.shown for each in denials))
    evidence = [rule_evidence(group, rule, f"{flows} allowed")]
    excepted = {other.name: other for each in denials for other in each.exceptions}
    evidence += [rule_evidence(group, other, "all of the flow") for other in excepted.values()]
    evidence += dict.fromkeys(line for each in denials for line in each.nodes)
    actions = [list_rules(group)]
    wanted = list(dict.fromkeys((each.required.flow, each.required.name) for each in denials))
    actions += [allow_flow(group, rule, _with_future(flow), name, after=n) for n, (flow, name) in enumerate(wanted)]
    by = f"rule {rule.name} of {group.ref}"
    if any(each.blocks and not each.exceptions for each in denials):
        return fail(f"An NSG denies {flows} ({by}).", subject=group.ref, evidence=evidence, actions=actions)
    but = f", except what {', '.join(excepted)} allows" if excepted else ""
    summary = f"An NSG denies {flows}{but} ({by})."
    return warn(summary, subject=group.ref, evidence=evidence, actions=actions, severity=Severity.DEGRADES)


def _with_future(flow: Flow) -> Flow:
    """The flow with the ports of all tunnels, also those of later StaticGatewayConfigurations."""
    return replace(flow, ports=TUNNEL_PORTS) if flow.protocol.upper() == "UDP" else flow


def _part_denied(required: RequiredFlow, decided: FlowDecision) -> Observation:
    rules = decided.exceptions
    return warn(
        f"Part of {required.flow.shown} is denied (rule {rules[0].name} of {required.group.ref}).",
        subject=required.group.ref,
        evidence=[rule_evidence(required.group, rule, f"{required.flow.shown} allowed") for rule in rules],
        actions=[
            list_rules(required.group),
            allow_flow(required.group, rules[0], _with_future(required.flow), required.name),
        ],
        severity=Severity.DEGRADES,
    )


def _hidden(required: RequiredFlow, rule: SecurityRule, gap: Gap) -> Observation:
    return unknown(
        f"Part of {required.flow.shown} is denied (rule {rule.name} of {required.group.ref}); whether tunnels of the "
        f"gateway are in it is not checked: {gap}.",
        subject=required.group.ref,
        evidence=[rule_evidence(required.group, rule, f"{required.flow.shown} allowed")],
        actions=[
            list_rules(required.group),
            allow_flow(required.group, rule, _with_future(required.flow), required.name),
        ],
        reason=str(gap),
    )


def _not_known(required: RequiredFlow, rule: SecurityRule) -> Observation:
    return unknown(
        f"{required.flow.shown} is not checked: rule {rule.name} of {required.group.ref} has {unclear_value(rule)}, which "
        "egress-diag does not know.",
        subject=required.group.ref,
        evidence=[rule_evidence(required.group, rule, "access Allow or Deny, direction Inbound or Outbound")],
        actions=[list_rules(required.group)],
    )
