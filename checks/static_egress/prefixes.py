"""Address ranges as the static egress gateway reads them.

They are routes and egress IP prefixes, with the number of nodes that a prefix serves.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

Network = IPv4Network | IPv6Network
ALL_IPV4 = IPv4Network("0.0.0.0/0")


@lru_cache(maxsize=10_000)
def parse_cidr(written: str) -> Network | None:
    """A CIDR by the rules of Go's ParseCIDR, which the cni-manager uses; None if it is not one.

    It needs a mask in bits; host bits may be set. The API server accepts a bare address, but pod network setup then
    fails for every pod.
    """
    address, slash, mask = written.partition("/")
    if not (slash and address and mask.isascii() and mask.isdigit()):
        return None
    try:
        return ip_network(written, strict=False)
    except ValueError:
        return None


def covers_everything(networks: Iterable[Network]) -> bool:
    """Whether the IPv4 ranges together are 0.0.0.0/0, for example as its two halves."""
    own = [each for each in networks if isinstance(each, IPv4Network)]
    # As many addresses as 0.0.0.0/0 has: without them, which is usual, the ranges need not be combined.
    return sum(each.num_addresses for each in own) >= ALL_IPV4.num_addresses and ALL_IPV4 in collapse_addresses(own)


def containing(written: Iterable[str], address: str) -> str:
    """The first of these ranges that contains an IP address; "" if none does, or for a name."""
    try:
        wanted = ip_address(address)
    except ValueError:
        return ""
    return next((each for each in written if (found := parse_cidr(each)) is not None and wanted in found), "")


def is_within(written: str, others: Iterable[str]) -> bool:
    """Whether an IPv4 range is part of one of the other ranges; False if it is not a CIDR."""
    own = parse_cidr(written)
    networks = (found for each in others if isinstance(found := parse_cidr(each), IPv4Network))
    return isinstance(own, IPv4Network) and any(own.subnet_of(each) for each in networks)


def parse_egress_prefix(written: str) -> tuple[Network, ...]:
    """`status.egressIpPrefix`: one CIDR, or in private IP mode addresses separated by commas.

    () if any part is neither.
    """
    parts = [part.strip() for part in written.split(",")]
    try:
        return tuple(ip_network(part, strict=False) for part in parts)
    except ValueError:
        return ()


def capacity(size: int) -> int:
    """The number of gateway nodes for which a public IP prefix of this length has addresses.

    A /31 has addresses for two nodes, a /28 for sixteen.
    """
    return int(2 ** (32 - size)) if 0 <= size <= 32 else 0
