"""Whether a network security group allows a flow.

By priority, the first rule that matches decides.

A rule that matches only some addresses or ports of a flow does not decide; if it decides the opposite for that part, it is an
exception.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, collapse_addresses, ip_network
from itertools import islice

from checks.facts.security_groups import NetworkSecurityGroup, SecurityRule
from checks.knowledge.network_requirements import EVERYWHERE, LOAD_BALANCER, PRIVATE, SERVICE_TAG_DOMAINS
from checks.model.raw_values import items


class Match(IntEnum):
    """How much of a flow a rule, or one field of it, matches."""

    NONE = 0
    PART = 1
    FULL = 2


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """Source or destination of a flow.

    It is a service tag (lower case), or addresses in the virtual network.
    """

    name: str
    tag: str = ""
    networks: tuple[IPv4Network, ...] = ()
    host: str = ""
    """The host at this end, "" if it is none or not known."""

    @property
    def has_addresses(self) -> bool:
        """Whether its addresses are known, so that the tag says only where they lie."""
        return not self.tag or (bool(self.host) and self.networks != (EVERYWHERE,))


_FIRST_DEFAULT = 65000
"""The first priority of the rules that Azure adds to each group."""
INTERNET = FlowEnd("the Internet", "internet", (EVERYWHERE,))
BALANCER = FlowEnd("AzureLoadBalancer", "azureloadbalancer", (LOAD_BALANCER,))


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


def decide(group: NetworkSecurityGroup, flow: Flow) -> FlowDecision:
    """The decision of a security group about a flow.

    If no rule matches, Azure's default rules apply: they allow traffic in the virtual network, to the Internet and from
    the load balancer."""
    partly: list[SecurityRule] = []
    for rule in group.rules:
        if rule.direction.lower() != flow.direction.lower():
            continue
        match matches(rule, flow):
            case Match.FULL:
                allowed = _allows(rule)
                return FlowDecision(allowed, rule, tuple(each for each in partly if _allows(each) is not allowed))
            case Match.PART:
                partly.append(rule)
            case Match.NONE:
                pass
    return FlowDecision(True, None, tuple(each for each in partly if not _allows(each)))


def denies_outbound(group: NetworkSecurityGroup) -> bool:
    """Whether a rule of the user denies some outbound traffic.

    Azure's own rules allow all traffic to the Internet.
    """
    return any(
        not _allows(rule) and rule.direction.lower() == "outbound" and rule.priority < _FIRST_DEFAULT
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


def networks_of(prefixes: Iterable[str]) -> tuple[IPv4Network, ...]:
    """The IPv4 networks among address prefixes; service tags and IPv6 prefixes are left out."""
    found = (_network(each) for each in prefixes)
    return tuple(each for each in found if each is not None)


def _allows(rule: SecurityRule) -> bool:
    return rule.access.lower() == "allow"


def _addresses(prefixes: tuple[str, ...], end: FlowEnd, grouped: bool) -> Match:
    if grouped and not prefixes:
        # The members of an application security group are not read, so it matches a part of the flow.
        return Match.PART
    if not prefixes or any(each.lower() in ("*", "any", "0.0.0.0/0") for each in prefixes):
        return Match.FULL
    tags = {each.lower() for each in prefixes if _network(each) is None and ":" not in each}
    if (end.tag or "virtualnetwork") in tags:
        return Match.FULL
    if end.tag == "internet":
        return _of_the_internet(end, tags, networks_of(prefixes))
    return _of_networks(end.networks, networks_of(prefixes))


def _of_the_internet(end: FlowEnd, tags: set[str], networks: tuple[IPv4Network, ...]) -> Match:
    """A service tag can contain only hosts under the domains of its service.

    Source: docs/rulings.md#ruling-26.
    """
    if end.has_addresses and (by_address := _of_networks(end.networks, networks)) is not Match.NONE:
        return by_address
    if EVERYWHERE in collapse_addresses(networks):
        return Match.FULL
    public = any(not any(each.subnet_of(private) for private in PRIVATE) for each in networks)
    part = (public and not end.has_addresses) or any(_can_contain(tag, end.host) for tag in tags)
    return Match.PART if part else Match.NONE


def _can_contain(tag: str, host: str) -> bool:
    service = tag.partition(".")[0]
    if service in ("virtualnetwork", "azureloadbalancer"):
        return False
    domains = SERVICE_TAG_DOMAINS.get(service)
    return not host or domains is None or any(f".{host}".endswith(f".{each}") for each in domains)


def _of_networks(wanted: tuple[IPv4Network, ...], given: tuple[IPv4Network, ...]) -> Match:
    merged = tuple(collapse_addresses(given))
    if wanted and all(any(each.subnet_of(covering) for covering in merged) for each in wanted):
        return Match.FULL
    overlap = any(each.overlaps(other) for each in wanted for other in merged)
    return Match.PART if overlap else Match.NONE


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


def _network(written: str) -> IPv4Network | None:
    try:
        found = ip_network(written.strip(), strict=False)
    except ValueError:
        return None
    return found if isinstance(found, IPv4Network) else None
