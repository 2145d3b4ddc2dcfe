"""Which security rules deny a gateway's traffic to its destinations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from checks.azure.flow_ends import INTERNET
from checks.azure.network import allow_flow, flow_decision, list_rules, rule_evidence
from checks.azure.outbound_destinations import OutboundDestination, names_of
from checks.azure.security_rules import Flow
from checks.facts.network_resources import Subnet
from checks.facts.security_groups import NetworkSecurityGroup, SecurityRule
from checks.facts.view import Facts
from checks.model.findings import Evidence, Observation, fail, warn


@dataclass(frozen=True, slots=True)
class DeniedFlows:
    """TCP flows from a subnet to destinations that one rule denies."""

    owner: Evidence
    """The subnet or network interface that has the group."""
    group: NetworkSecurityGroup
    rule: SecurityRule
    destinations: tuple[OutboundDestination, ...]
    exceptions: tuple[SecurityRule, ...]
    """Earlier rules that allow a part of the flows."""
    flow: Flow
    """One flow to all destinations whose addresses are known, else to the Internet."""

    @property
    def ports(self) -> tuple[int, ...]:
        """The denied ports."""
        return tuple(sorted({each.port for each in self.destinations}))

    def observation(self, seen: Evidence, unused: str = "") -> Observation:
        """The finding, with `seen` as evidence.

        It warns if a part is allowed or if `unused` gives a reason.
        """
        shown, names = " and ".join(map(str, self.ports)), names_of(self.destinations)
        evidence = [
            seen,
            self.owner,
            rule_evidence(self.group, self.rule, f"outbound TCP {shown} to {names} allowed"),
        ]
        ports = " ".join(map(str, self.ports))
        actions = [
            list_rules(self.group),
            allow_flow(self.group, self.rule, self.flow, "allow-egress-gateway", ports=ports),
        ]
        denied = f"TCP {shown} from the gateway nodes to {names} is denied"
        by = f"rule {self.rule.name} of {self.group.ref}, {self.owner.resource}"
        if excepted := self.exceptions:
            evidence += [rule_evidence(self.group, each, "all that the gateway's hosts need") for each in excepted]
            summary = f"{denied} except what {', '.join(each.name for each in excepted)} allows ({by})."
            return warn(summary, subject=self.group.ref, evidence=evidence, actions=actions)
        if unused:
            summary = f"{denied}; {unused} ({by})."
            return warn(summary, subject=self.group.ref, evidence=evidence, actions=actions)
        return fail(f"{denied} ({by}).", subject=self.group.ref, evidence=evidence, actions=actions)


def denied_flows(
    facts: Facts,
    subnet: Subnet,
    owner: Evidence,
    group: NetworkSecurityGroup,
    destinations: Sequence[OutboundDestination],
) -> Iterator[DeniedFlows]:
    """The flows from the subnet that a security group denies, by the rule that denies them.

    `owner` is the subnet or network interface that has the group.

    Flows that it denies completely are separate from those that an earlier rule allows in part.
    """
    denials: dict[tuple[str, bool], list[tuple[OutboundDestination, SecurityRule, tuple[SecurityRule, ...]]]] = {}
    for each in destinations:
        decided = flow_decision(facts, group, each.flow_from(facts, subnet))
        if not decided.allowed and decided.rule is not None:
            key = decided.rule.name, bool(decided.exceptions)
            denials.setdefault(key, []).append((each, decided.rule, decided.exceptions))
    for found in denials.values():
        denied = tuple(each for each, _, _ in found)
        exceptions = dict.fromkeys(chain.from_iterable(excepted for _, _, excepted in found))
        yield DeniedFlows(owner, group, found[0][1], denied, tuple(exceptions), _joined(facts, subnet, denied))


def _joined(facts: Facts, subnet: Subnet, destinations: tuple[OutboundDestination, ...]) -> Flow:
    first = destinations[0].flow_from(facts, subnet)
    if any(each.address is None for each in destinations):
        return replace(first, destination=INTERNET)
    networks = tuple(dict.fromkeys(network for each in destinations for network in each.end.networks))
    return replace(first, destination=replace(first.destination, networks=networks))
