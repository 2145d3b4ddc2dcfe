"""The two ends of a flow, and how much of an end address prefixes and service tags contain."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, collapse_addresses, ip_network

from checks.knowledge.network_requirements import EVERYWHERE, LOAD_BALANCER, PRIVATE
from checks.knowledge.service_tags import LOCAL_TAGS, service_tag


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
    observed: bool = False
    """Whether the host's name resolves to these addresses now."""

    @property
    def has_addresses(self) -> bool:
        """Whether its addresses are known, so that the tag says only where they lie."""
        return not self.tag or (bool(self.host) and self.networks != (EVERYWHERE,))


INTERNET = FlowEnd("the Internet", "internet", (EVERYWHERE,))
BALANCER = FlowEnd("AzureLoadBalancer", "azureloadbalancer", (LOAD_BALANCER,))


def prefixes_match(prefixes: tuple[str, ...], end: FlowEnd) -> Match:
    """How much of an end the prefixes and service tags of a rule contain; no prefix is all."""
    if not prefixes or any(each.lower() in ("*", "any", "0.0.0.0/0") for each in prefixes):
        return Match.FULL
    tags = {each.lower() for each in prefixes if is_tag(each)}
    if (end.tag or "virtualnetwork") in tags:
        return Match.FULL
    if end.tag == "internet":
        return _of_the_internet(end, tags, networks_of(prefixes))
    return _of_networks(end.networks, networks_of(prefixes))


def tag_match(tag: str, host: str, *, address_known: bool = False) -> Match:
    """How much of a host's public addresses a service tag contains.

    All of them if every host of its domain belongs to the service. A part if only some hosts do, if the tag is limited to
    a region, or if the host is not known. Source: docs/rulings.md#ruling-26.
    """
    name, _, region = tag.lower().partition(".")
    if name in LOCAL_TAGS:
        return Match.NONE
    if not host:
        return Match.PART
    known = service_tag(name)
    if known is None:
        return Match.PART
    if _under(host, known.hosts):
        return Match.PART if region or address_known else Match.FULL
    if known.any_host or _under(host, known.others) or _above(host, (*known.hosts, *known.others)):
        return Match.PART
    return Match.NONE


def networks_of(prefixes: Iterable[str]) -> tuple[IPv4Network, ...]:
    """The IPv4 networks among address prefixes; service tags and IPv6 prefixes are left out."""
    found = (_network(each) for each in prefixes)
    return tuple(each for each in found if each is not None)


def is_tag(prefix: str) -> bool:
    """Whether a prefix of a rule or a route is a service tag."""
    return bool(prefix) and _network(prefix) is None and ":" not in prefix


def _of_the_internet(end: FlowEnd, tags: set[str], networks: tuple[IPv4Network, ...]) -> Match:
    if end.has_addresses and (by_address := _of_networks(end.networks, networks)) is not Match.NONE:
        return by_address
    if EVERYWHERE in collapse_addresses(networks):
        return Match.FULL
    public = any(not any(each.subnet_of(private) for private in PRIVATE) for each in networks)
    by_tag = max(
        (tag_match(each, end.host, address_known=end.has_addresses and not end.observed) for each in tags),
        default=Match.NONE,
    )
    return max(by_tag, Match.PART if public and not end.has_addresses else Match.NONE)


def _under(host: str, domains: tuple[str, ...]) -> bool:
    return any(f".{host.lower().rstrip('.')}".endswith(f".{each}") for each in domains)


def _above(host: str, domains: tuple[str, ...]) -> bool:
    """Whether a wildcard contains hosts of one of the domains."""
    if not host.startswith("*"):
        return False
    return any(f".{each}".endswith(host[1:].lower() or ".") for each in domains) or host == "*"


def _of_networks(wanted: tuple[IPv4Network, ...], given: tuple[IPv4Network, ...]) -> Match:
    merged = tuple(collapse_addresses(given))
    if wanted and all(any(each.subnet_of(covering) for covering in merged) for each in wanted):
        return Match.FULL
    overlap = any(each.overlaps(other) for each in wanted for other in merged)
    return Match.PART if overlap else Match.NONE


def _network(written: str) -> IPv4Network | None:
    try:
        found = ip_network(written.strip(), strict=False)
    except ValueError:
        return None
    return found if isinstance(found, IPv4Network) else None
