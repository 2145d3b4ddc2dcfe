"""Whether a network security group allows a flow.

By priority, the first rule that matches decides.

A rule that matches only some addresses or ports of a flow does not decide; if it decides the opposite for that part, it is an
exception.
"""

from dataclasses import dataclass
from itertools import islice

from checks.azure.flow_ends import FlowEnd, Match, prefixes_match
from checks.facts.security_groups import NetworkSecurityGroup, SecurityRule
from checks.model.raw_values import items

_ACCESS, _DIRECTIONS = frozenset({"allow", "deny"}), frozenset({"inbound", "outbound"})
_FIRST_DEFAULT = 65000
"""The first priority of the rules that Azure adds to each group."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Packets of one kind.

    `direction` is from the point of view of the subnet, `ports` are at the destination.
    """

    direction: str
    protocol: str
    ports: range
    source: FlowEnd
    destination: FlowEnd

    @property
    def port_range(self) -> str:
        """The ports as Azure writes them: `8082` or `6000-6999`."""
        return str(self.ports[0]) if len(self.ports) == 1 else f"{self.ports[0]}-{self.ports[-1]}"

    @property
    def shown(self) -> str:
        """The flow in a message: `UDP 6000-6999 from 10.224.1.0/24`."""
        other = f"from {self.source.name}" if self.direction == "Inbound" else f"to {self.destination.name}"
        return f"{self.protocol} {self.port_range} {other}"


@dataclass(frozen=True, slots=True)
class FlowDecision:
    """Whether a flow is allowed, and by which rule.

    None is Azure's defaults. Earlier rules may decide the opposite for a part of the flow.
    """

    allowed: bool
    rule: SecurityRule | None = None
    exceptions: tuple[SecurityRule, ...] = ()
    unclear: tuple[SecurityRule, ...] = ()
    """Earlier rules with an unknown value; with one, the decision is not known."""


def decide(group: NetworkSecurityGroup, flow: Flow) -> FlowDecision:
    """The decision of a security group about a flow.

    If no rule matches, Azure's default rules apply: they allow traffic in the virtual network, to the Internet and from
    the load balancer."""
    partly: list[SecurityRule] = []
    unclear: list[SecurityRule] = []
    for rule in group.rules:
        if rule.direction.lower() in _DIRECTIONS - {flow.direction.lower()}:
            continue
        matched = matches(rule, flow)
        if matched is not Match.NONE and unclear_value(rule):
            unclear.append(rule)
        elif matched is Match.FULL:
            allowed = _allows(rule)
            exceptions = tuple(each for each in partly if _allows(each) is not allowed)
            return FlowDecision(allowed, rule, exceptions, tuple(unclear))
        elif matched is Match.PART:
            partly.append(rule)
    return FlowDecision(True, None, tuple(each for each in partly if not _allows(each)), tuple(unclear))


def unclear_value(rule: SecurityRule) -> str:
    """A field of a rule with a value that Azure does not document; "" if there is none."""
    if rule.access.lower() not in _ACCESS:
        return f"access {rule.access or '(empty)'}"
    if rule.direction.lower() not in _DIRECTIONS:
        return f"direction {rule.direction or '(empty)'}"
    return ""


def denies_outbound(group: NetworkSecurityGroup) -> bool:
    """Whether a rule of the user denies some outbound traffic, or may deny it.

    Azure's own rules allow all traffic to the Internet.
    """
    return any(
        not _allows(rule) and rule.direction.lower() != "inbound" and rule.priority < _FIRST_DEFAULT
        for rule in group.rules
    )


def matches(rule: SecurityRule, flow: Flow) -> Match:
    """How much of a flow a rule matches, regardless of its direction."""
    fields = (
        Match.FULL if rule.protocol.lower() in ("*", "", flow.protocol.lower()) else Match.NONE,
        _addresses(rule.sources, flow.source, bool(items(rule.raw, "sourceapplicationsecuritygroups"))),
        _addresses(rule.destinations, flow.destination, bool(items(rule.raw, "destinationapplicationsecuritygroups"))),
        _ports(rule.destination_ports, flow.ports),
        # The client's port is not known: a rule for some source ports matches a part of the flow.
        _ports(rule.source_ports, range(1024, 65536)),
    )
    return min(fields)


def free_priority(group: NetworkSecurityGroup, rule: SecurityRule, after: int = 0) -> int | None:
    """An unused priority before the rule, in its direction, without the first `after` of them.

    None if there is none.
    """
    used = {each.priority for each in group.rules if each.direction.lower() == rule.direction.lower()}
    below = min(rule.priority, 4097)
    free = (number for number in range(below - 1, 99, -1) if number not in used)
    return next(islice(free, after, None), None)


def _allows(rule: SecurityRule) -> bool:
    return rule.access.lower() == "allow"


def _addresses(prefixes: tuple[str, ...], end: FlowEnd, grouped: bool) -> Match:
    if grouped and not prefixes:
        # The members of an application security group are not read, so it matches a part of the flow in the network.
        return Match.NONE if end.tag else Match.PART
    return prefixes_match(prefixes, end)


def _ports(given: tuple[str, ...], wanted: range) -> Match:
    if not given or "*" in given:
        return Match.FULL
    ranges = sorted(each for each in map(_range, given) if each is not None)
    first = wanted[0]
    for low, high in ranges:
        if low <= first <= high:
            first = high + 1
    if first > wanted[-1]:
        return Match.FULL
    overlap = any(low <= wanted[-1] and high >= wanted[0] for low, high in ranges)
    return Match.PART if overlap else Match.NONE


def _range(written: str) -> tuple[int, int] | None:
    low, _, high = written.partition("-")
    low, high = low.strip(), (high or low).strip()
    return (int(low), int(high)) if low.isdecimal() and high.isdecimal() else None
