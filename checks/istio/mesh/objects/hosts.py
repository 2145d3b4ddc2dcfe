"""Host names of the mesh: matching, specificity and short names.

Source: Istio `pkg/config/host`.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

DOMAIN = "cluster.local"


def is_wildcard(host: str) -> bool:
    """Whether the host begins with `*`."""
    return host.startswith("*")


def hosts_overlap(one: str, other: str) -> bool:
    """Whether two hosts, each perhaps a wildcard, have a host in common."""
    if is_wildcard(one) and is_wildcard(other):
        short, long = sorted((one[1:], other[1:]), key=len)
        return long.endswith(short)
    if is_wildcard(one):
        return other.endswith(one[1:])
    if is_wildcard(other):
        return one.endswith(other[1:])
    return one == other


def is_subset(host: str, of: str) -> bool:
    """Whether every host that `host` stands for is one that `of` stands for."""
    if is_wildcard(host) and is_wildcard(of):
        return len(host) >= len(of) and host[1:].endswith(of[1:])
    if is_wildcard(host):
        return False
    return host.endswith(of[1:]) if is_wildcard(of) else host == of


def most_specific(host: str, of: Iterable[str]) -> str | None:
    """The most specific of the hosts that contains `host` completely; None if there is none."""
    found = [each for each in of if is_subset(host, each)]
    exact = [each for each in found if not is_wildcard(each)]
    return max(exact or found, key=len, default=None)


def qualified(host: str, namespace: str) -> str:
    """The fully qualified host: a name without a dot is a Service of the namespace."""
    if not host or "." in host or is_wildcard(host):
        return host
    return f"{host}.{namespace}.svc.{DOMAIN}"


@lru_cache(maxsize=10_000)
def is_address(host: str) -> bool:
    """Whether the host is an IP address."""
    parts = host.split(".")
    if len(parts) == 4 and all(each.isdigit() and each.isascii() and len(each) < 4 for each in parts):
        # The same result as IPv4Address, in a tenth of its time.
        return all(int(each) < 256 and (each == "0" or each[0] != "0") for each in parts)
    if ":" not in host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def without_port(authority: str) -> str:
    """The host of an authority."""
    host, colon, port = authority.rpartition(":")
    return host if colon and port.isdigit() else authority


_PRIVATE = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "240.0.0.0/4",
    )
)


@lru_cache(maxsize=10_000)
def is_public(network: str) -> bool:
    """Whether a range or address can contain addresses of public hosts.

    It cannot if it is in a private or reserved range.
    """
    found: IPv4Network | IPv6Network = ip_network(network, strict=False)
    return not (isinstance(found, IPv4Network) and any(found.subnet_of(each) for each in _PRIVATE))
