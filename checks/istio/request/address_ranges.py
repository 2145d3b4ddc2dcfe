"""Ranges of public addresses that change the route of a client's connection to a name.

The address that DNS returns for a name outside the mesh is not known. It matters only if the rules for a range of
addresses, or the listener of one address, lead to another outcome than the rules for all other addresses.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, ip_network

from checks.facts.pods import Pod
from checks.istio.mesh.objects.hosts import is_public
from checks.istio.request.interception import outbound_ranges
from checks.istio.request.proxy_configuration import ProxyConfiguration

_MOST_RANGES = 20


def public_ranges(configuration: ProxyConfiguration, client: Pod, host: str, port: int) -> tuple[str, ...]:
    """The public ranges that decide for a client.

    They are those of the listener for any address, the addresses that have a listener of their own on the port, and
    the ranges of the pod's annotations.
    """
    outbound = configuration.outbound
    listener = outbound.listener_for(host, port) if outbound is not None else None
    written = [each for chain in listener.chains for each in chain.networks] if listener is not None else []
    bound = outbound.public_addresses(port) if outbound is not None else ()
    found = dict.fromkeys(
        str(network).removesuffix("/32")
        for each in (*written, *bound, *outbound_ranges(client.annotations))
        if (network := _network(each)) is not None and is_public(str(network))
    )
    return tuple(sorted(found))[:_MOST_RANGES]


def address_in(range_: str, ranges: Iterable[str]) -> str:
    """An address of a range that is in none of the smaller ranges, if there is one."""
    network = IPv4Network(range_)
    others = [IPv4Network(each) for each in ranges if each != range_]
    smaller = [each for each in others if each.subnet_of(network) and each.prefixlen > network.prefixlen]
    ends = [network[0], *(each[-1] + 1 for each in smaller if each[-1] < network[-1])]
    return str(next((each for each in ends if not _contained(each, smaller)), network[0]))


def _contained(address: IPv4Address, networks: Sequence[IPv4Network]) -> bool:
    return any(address in each for each in networks)


def _network(written: str) -> IPv4Network | None:
    try:
        found = ip_network(written, strict=False)
    except ValueError:
        return None
    return found if isinstance(found, IPv4Network) and found.prefixlen > 0 else None
