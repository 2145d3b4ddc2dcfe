"""Which security rules deny a gateway's traffic to its destinations.

The private addresses from which the gateway nodes send the configuration's connections decide; only if they are not known, the
whole subnet does (docs/rulings.md#ruling-39).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from checks.azure.flow_ends import INTERNET, FlowEnd, Match, is_tag, prefixes_match, tag_match
from checks.azure.network import allow_flow, flow_decision, list_rules, rule_evidence
from checks.azure.outbound_destinations import OutboundDestination, names_of
from checks.azure.security_rules import Flow, FlowDecision, decide, unclear_value
from checks.azure.service_tag_actions import show_tags
from checks.azure.used_addresses import egress_addresses
from checks.facts.fact import Gap
from checks.facts.network_resources import Subnet
from checks.facts.security_groups import NetworkSecurityGroup, SecurityRule
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.network_requirements import NODES_PORT
from checks.model.commands import PRIVATE_ENDPOINT, alternatives, change
from checks.model.findings import Action, Evidence, Observation, fail, unknown, warn


@dataclass(frozen=True, slots=True)
class OutboundDecision:
    """The decision of a group about connections from some of the gateway nodes."""

    decision: FlowDecision
    addresses: tuple[str, ...] = ()
    """The addresses, () for all of the subnet."""
    total: int = 0
    hidden: Gap | None = None
    """The failed read that hides the addresses, if the rule is for a part of the subnet."""

    @property
    def denied(self) -> bool:
        """Whether all of these connections are denied."""
        found = self.decision
        return not (found.allowed or found.exceptions or found.unclear or self.hidden) and found.rule is not None

    @property
    def share(self) -> str:
        """The addresses in a sentence, "" for all."""
        return f" ({len(self.addresses)} of {self.total} addresses)" if len(self.addresses) < self.total else ""


def outbound_decisions(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet,
    group: NetworkSecurityGroup,
    destination: OutboundDestination,
) -> tuple[OutboundDecision, ...]:
    """The decisions about a destination, by the addresses of gateway nodes.

    () if all connections are allowed. Requires GatewayVMConfiguration declared.
    """
    flow = destination.flow_from(facts, subnet)
    decided = flow_decision(facts, group, flow)
    if decided.allowed and not decided.exceptions and not decided.unclear:
        return ()
    concerned = (*decided.exceptions, *decided.unclear, *((decided.rule,) if decided.rule is not None else ()))
    if all(prefixes_match(rule.sources, flow.source) is Match.FULL for rule in concerned):
        return (OutboundDecision(decided),)
    if (gap := facts.gap(GatewayVMConfiguration, configuration.namespace)) is not None:
        return (OutboundDecision(decided, hidden=gap),)
    used = egress_addresses(facts, configuration)
    by_decision: dict[FlowDecision, list[str]] = {}
    for each in used:
        source = FlowEnd(str(each.address), networks=(each.network,))
        by_decision.setdefault(flow_decision(facts, group, replace(flow, source=source)), []).append(str(each.address))
    found = (OutboundDecision(one, tuple(some), len(used)) for one, some in by_decision.items())
    relevant = (
        each for each in found if not each.decision.allowed or each.decision.exceptions or each.decision.unclear
    )
    return tuple(relevant) if used else (OutboundDecision(decided),)


@dataclass(frozen=True, slots=True)
class DeniedFlows:
    """TCP flows from a subnet to destinations that one rule denies, or may deny."""

    owner: Evidence
    """The subnet or network interface that has the group."""
    group: NetworkSecurityGroup
    rule: SecurityRule
    destinations: tuple[OutboundDestination, ...]
    exceptions: tuple[SecurityRule, ...]
    """Earlier rules that allow a part of the flows."""
    flow: Flow
    """One flow to all destinations whose addresses are known, else to the Internet."""
    source: OutboundDecision
    """The addresses from which the flows are denied."""

    @property
    def ports(self) -> tuple[int, ...]:
        """The denied ports."""
        return tuple(sorted({each.port for each in self.destinations}))

    @property
    def _needed_by_nodes(self) -> str:
        """The port of AKS itself, if the rule denies it to the Internet, too.

        Source: https://learn.microsoft.com/azure/aks/outbound-rules-control-egress.
        """
        if NODES_PORT in self.ports or self.flow.destination != INTERNET:
            return ""
        found = decide(self.group, replace(self.flow, ports=range(NODES_PORT, NODES_PORT + 1)))
        return (
            str(NODES_PORT)
            if (found.rule and found.rule.name) == self.rule.name and not (found.exceptions or found.unclear)
            else ""
        )

    @property
    def _tags(self) -> tuple[str, ...]:
        """The service tags of the rule that can contain an address of the destinations."""
        hosts = [each.host for each in self.destinations if each.host]
        return tuple(tag for tag in self.rule.destinations if any(can_contain(tag, host) for host in hosts))

    @property
    def _opened(self) -> tuple[str, ...]:
        """The denied tags to allow, if they contain every destination.

        Empty if the destinations' addresses are known, or the rule denies more than service tags.
        """
        if self.flow.destination != INTERNET or self._needed_by_nodes:
            return ()
        if not all(is_tag(each) and each.lower() not in ("*", "any") for each in self.rule.destinations):
            return ()
        covered = all(
            each.host and any(can_contain(tag, each.host) for tag in self.rule.destinations)
            for each in self.destinations
        )
        return self._tags if covered else ()

    def _private_endpoint(self) -> Iterator[Action]:
        """A private address for a service whose public addresses are denied."""
        if not self._opened or self.source.decision.allowed:
            return
        names = names_of(self.destinations)
        yield change(
            f"Create a private endpoint for {names} in the virtual network, with its private DNS zone, if the owner of rule "
            f"{self.rule.name} does not agree",
            "",
            PRIVATE_ENDPOINT,
            f"{names} resolves to a private address, to which no rule for a service tag applies. Destinations then see the "
            "private addresses of the nodes",
            undo="delete the private endpoint and the record of the private DNS zone",
        )

    def observation(self, seen: Evidence, unused: str = "") -> Observation:
        """The finding, with `seen` as evidence.

        It warns if a part is allowed or not known, or if `unused` gives a reason.
        """
        shown, names = " and ".join(map(str, self.ports)), names_of(self.destinations)
        used = [Evidence("gateway nodes", "status.gatewayVMProfiles[].secondaryIP", a) for a in self.source.addresses]
        evidence = [
            seen,
            self.owner,
            rule_evidence(self.group, self.rule, f"outbound TCP {shown} to {names} allowed"),
            *used,
        ]
        ports = " ".join(map(str, self.ports))
        allow = allow_flow(self.group, self.rule, self.flow, "allow-egress-gateway", ports=ports, tags=self._opened)
        if self._opened:
            allow = replace(
                allow,
                expect=f"the rule applies within a minute; diagnose again. The owner of rule {self.rule.name} must agree: it "
                f"opens all of {' and '.join(self._opened)} on this port",
            )
        if nodes := self._needed_by_nodes:
            allow = replace(
                allow_flow(self.group, self.rule, self.flow, "allow-egress-gateway", ports=f"{ports} {nodes}"),
                expect="the rule applies within a minute; diagnose again. The gateway nodes need TCP 443 "
                "for Microsoft's registry and the API server",
            )
        actions = [list_rules(self.group), *alternatives(allow, *self._private_endpoint())]
        packets = f"TCP {shown} from the gateway nodes{self.source.share} to {names}"
        by = f"rule {self.rule.name} of {self.group.ref}, {self.owner.resource}"
        decision, subject = self.source.decision, self.group.ref
        if decision.unclear:
            summary = (
                f"{packets} is not checked: rule {self.rule.name} of {self.group.ref} has {unclear_value(self.rule)}, "
            )
            summary += "which egress-diag does not know."
            return unknown(summary, subject=subject, evidence=evidence, actions=actions[:1])
        if (gap := self.source.hidden) is not None:
            summary = f"{packets} is not checked: {by} is for a part of the subnet; {gap}."
            return unknown(summary, subject=subject, evidence=evidence, actions=actions, reason=str(gap))
        if decision.allowed:
            tags, one = self._tags, len({each.host for each in self.destinations}) == 1
            where = f" if {'its address is' if one else 'their addresses are'} in {' or '.join(tags)}" if tags else ""
            summary = f"{packets} is denied{where} ({by})." if tags else f"Part of {packets} is denied ({by})."
            actions[1:1] = show_tags(self.group, tags, names)
            return warn(summary, subject=subject, evidence=evidence, actions=actions)
        if excepted := self.exceptions:
            evidence += [rule_evidence(self.group, each, "all that the gateway's hosts need") for each in excepted]
            summary = f"{packets} is denied except what {', '.join(each.name for each in excepted)} allows ({by})."
            return warn(summary, subject=subject, evidence=evidence, actions=actions)
        if unused:
            return warn(f"{packets} is denied; {unused} ({by}).", subject=subject, evidence=evidence, actions=actions)
        return fail(f"{packets} is denied ({by}).", subject=subject, evidence=evidence, actions=actions)


def denied_flows(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet,
    owner: Evidence,
    group: NetworkSecurityGroup,
    destinations: Sequence[OutboundDestination],
    observed: Callable[[OutboundDestination], Sequence[OutboundDestination]],
) -> Iterator[DeniedFlows]:
    """The flows from the subnet that a security group denies or may deny, by the rule.

    `owner` is the subnet or network interface that has the group. `observed` returns a destination with the addresses that
    the access log shows; it is called if a rule denies addresses, and the destination's is not known.

    Flows that it denies completely are separate from those that an earlier rule allows in part.
    """
    found: dict[tuple[object, ...], list[tuple[OutboundDestination, OutboundDecision, SecurityRule]]] = {}
    for each, one in _decisions(facts, configuration, subnet, group, destinations, observed):
        decision = one.decision
        rules = decision.unclear or (decision.exceptions if decision.allowed else (decision.rule,))
        for rule in rules[:1] if decision.unclear else rules:
            if rule is not None and (not decision.allowed or decision.unclear or _concerns(rule, each)):
                key = (
                    rule.name,
                    decision.allowed,
                    bool(decision.exceptions),
                    bool(decision.unclear),
                    one.addresses,
                )
                found.setdefault(key, []).append((each, one, rule))
    for some in found.values():
        denied = tuple(each for each, _, _ in some)
        _, source, rule = some[0]
        excepted = dict.fromkeys(chain.from_iterable(one.decision.exceptions for _, one, _ in some))
        exceptions = () if source.decision.allowed else tuple(excepted)
        yield DeniedFlows(owner, group, rule, denied, exceptions, _joined(facts, subnet, denied), source)


def _decisions(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet,
    group: NetworkSecurityGroup,
    destinations: Sequence[OutboundDestination],
    observed: Callable[[OutboundDestination], Sequence[OutboundDestination]],
) -> Iterator[tuple[OutboundDestination, OutboundDecision]]:
    for each in destinations:
        found = outbound_decisions(facts, configuration, subnet, group, each)
        rules = [rule for one in found if one.decision.allowed for rule in one.decision.exceptions]
        by_address = bool(each.host) and each.address is None and any(not _concerns(rule, each) for rule in rules)
        yield from ((each, one) for one in found)
        for other in observed(each) if by_address else ():
            yield from ((other, one) for one in outbound_decisions(facts, configuration, subnet, group, other))


def can_contain(tag: str, host: str) -> bool:
    """Whether a prefix is a service tag that can contain an address of a host."""
    return is_tag(tag) and tag.lower() != INTERNET.tag and tag_match(tag, host) is not Match.NONE


def _concerns(rule: SecurityRule, destination: OutboundDestination) -> bool:
    """Whether more is known than that the rule denies some addresses.

    The destination's address is known, or the rule is for all addresses or for a service tag that can contain the host.
    """
    if prefixes_match(rule.destinations, destination.end) is Match.FULL or destination.address is not None:
        return True
    return bool(destination.host) and any(can_contain(each, destination.host) for each in rule.destinations)


def _joined(facts: Facts, subnet: Subnet, destinations: tuple[OutboundDestination, ...]) -> Flow:
    first = destinations[0].flow_from(facts, subnet)
    if any(each.address is None for each in destinations):
        return replace(first, destination=INTERNET)
    networks = tuple(dict.fromkeys(network for each in destinations for network in each.end.networks))
    return replace(first, destination=replace(first.destination, networks=networks))
