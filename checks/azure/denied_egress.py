"""Which security rules deny outbound ports from a subnet to the Internet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.azure.network import allow_flow, flow_decision, flow_end, list_rules, rule_evidence
from checks.azure.security_rules import INTERNET, Flow, FlowDecision
from checks.facts.network_resources import NetworkSecurityGroup, SecurityRule, Subnet
from checks.facts.view import Facts
from checks.model.findings import Evidence, Observation, fail, warn


@dataclass(frozen=True, slots=True)
class DeniedPorts:
    """TCP ports from a subnet to the Internet that one rule denies."""

    subnet: Subnet
    group: NetworkSecurityGroup
    rule: SecurityRule
    decision: FlowDecision
    ports: tuple[int, ...]
    flow: Flow

    def observation(self, seen: Evidence, unused: str = "") -> Observation:
        """The finding, with `seen` as evidence.

        It warns if a part is allowed or if `unused` gives a reason.
        """
        shown = " and ".join(map(str, self.ports))
        evidence = [
            seen,
            Evidence(self.subnet.ref, "networkSecurityGroup.id", self.subnet.security_group_id),
            rule_evidence(self.group, self.rule, f"outbound TCP {shown} to the Internet allowed"),
        ]
        ports = " ".join(map(str, self.ports))
        actions = [
            list_rules(self.group),
            allow_flow(self.group, self.rule, self.flow, "allow-egress-gateway", ports=ports),
        ]
        denied = f"TCP {shown} from the gateway nodes to the Internet is denied"
        by = f"rule {self.rule.name} of {self.group.ref}, {self.subnet.ref}"
        if excepted := self.decision.exceptions:
            evidence += [rule_evidence(self.group, each, "all that the gateway's hosts need") for each in excepted]
            summary = f"{denied} except what {', '.join(each.name for each in excepted)} allows ({by})."
            return warn(summary, subject=self.group.ref, evidence=evidence, actions=actions)
        if unused:
            summary = f"{denied}; {unused} ({by})."
            return warn(summary, subject=self.group.ref, evidence=evidence, actions=actions)
        return fail(f"{denied} ({by}).", subject=self.group.ref, evidence=evidence, actions=actions)


def denied_ports(
    facts: Facts, subnet: Subnet, group: NetworkSecurityGroup, ports: Sequence[int]
) -> Iterator[DeniedPorts]:
    """The ports that the security group denies, grouped by the rule that denies them."""
    denials: dict[str, tuple[SecurityRule, FlowDecision, list[int]]] = {}
    for port in ports:
        decided = flow_decision(facts, group, _flow(facts, subnet, port))
        if not decided.allowed and decided.rule is not None:
            denials.setdefault(decided.rule.name, (decided.rule, decided, []))[2].append(port)
    for rule, decided, found in denials.values():
        first = _flow(facts, subnet, found[0])
        yield DeniedPorts(subnet, group, rule, decided, tuple(sorted(found)), first)


def _flow(facts: Facts, subnet: Subnet, port: int) -> Flow:
    return Flow("Outbound", "TCP", range(port, port + 1), flow_end(facts, subnet), INTERNET)
