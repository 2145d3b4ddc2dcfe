"""Listeners and filter chains, as Envoy selects them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from checks.facts.fact import KubernetesObject
from checks.istio.mesh.names import is_address, is_public
from checks.istio.proxy.clusters import ClusterName


@dataclass(frozen=True, slots=True)
class Provenance:
    """The object and field that a part of the configuration comes from."""

    source: KubernetesObject | None
    field: str = ""


@dataclass(frozen=True, slots=True)
class DownstreamTls:
    """The TLS context with which a filter chain terminates TLS."""

    mode: str
    """`SIMPLE`, `MUTUAL`, `OPTIONAL_MUTUAL` or `ISTIO_MUTUAL`."""
    secret: str = ""
    files: bool = False


@dataclass(frozen=True, slots=True)
class TcpProxy:
    """Forwards bytes to weighted clusters."""

    clusters: tuple[tuple[ClusterName, int], ...]
    tunnel: str = ""
    """The authority of a CONNECT request around the bytes, "" without a tunnel."""
    tunnel_post: bool = False
    dynamic: bool = False
    """Resolves the SNI itself (dynamic forward proxy)."""


@dataclass(frozen=True, slots=True)
class HttpManager:
    """Reads HTTP requests and routes them by a route configuration."""

    route: str


@dataclass(frozen=True, slots=True)
class FilterChain:
    """A filter chain with its match criteria."""

    target: TcpProxy | HttpManager
    server_names: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    plain_http: bool = False
    """Only for bytes that the HTTP inspector recognises as plain HTTP."""
    tls: DownstreamTls | None = None
    origin: Provenance = field(default_factory=lambda: Provenance(None))

    @property
    def matches_all(self) -> bool:
        """Whether it has no criterion."""
        return not (self.plain_http or self._names() or self.networks())

    def _names(self) -> frozenset[str]:
        if "*" in self.server_names:
            return frozenset()
        return frozenset(self.server_names)

    def networks(self) -> frozenset[str]:
        found = set()
        for each in self.ranges:
            try:
                network = ip_network(each, strict=False)
            except ValueError:
                continue
            if str(network.network_address) != "0.0.0.0":  # noqa: S104 - a range, not a socket
                found.add(str(network))
        return frozenset(found)

    def conflicts_with(self, other: "FilterChain") -> bool:
        """Whether both have the same criteria: istiod keeps the first one."""
        own, others = frozenset(self.server_names) - {"*"}, frozenset(other.server_names) - {"*"}
        return self.plain_http == other.plain_http and own == others and self.networks() == other.networks()

    def range_length(self, address: str) -> int | None:
        """The longest prefix that contains the address; -1 without ranges, None if no range contains it."""
        if not self.networks():
            return -1
        if not is_address(address):
            return None
        lengths = [ip_network(each).prefixlen for each in self.networks() if ip_address(address) in ip_network(each)]
        return max(lengths, default=None)

    def names(self) -> frozenset[str]:
        """The server names that select it, in lower case; empty if any does."""
        return frozenset(each.lower() for each in self._names())


@dataclass(frozen=True, slots=True)
class EnvoyListener:
    """A listener: chains in order, and the chain for connections that match none."""

    name: str
    chains: tuple[FilterChain, ...]
    default: FilterChain | None
    inspects_tls: bool
    inspects_http: bool
    origin: Provenance

    @property
    def selects_public_ranges(self) -> bool:
        """Whether a chain is selected by addresses outside the private ranges."""
        return any(is_public(each) for chain in self.chains for each in chain.networks())

    def chain_for(self, address: str, server_name: str, *, tls: bool, plain_http: bool) -> FilterChain | None:
        """The filter chain of a connection: by destination range, then server name, then protocol. Envoy does not go
        back: if the most specific range or name has no chain for the rest, the default chain applies."""
        tls, server_name = tls and self.inspects_tls, server_name.lower() if self.inspects_tls else ""
        chains = _longest_range(self.chains, address)
        chains = _by_name(chains, server_name if tls else "")
        return _by_protocol(chains, tls=tls, plain_http=plain_http and self.inspects_http) or self.default


def _longest_range(chains: Sequence[FilterChain], address: str) -> list[FilterChain]:
    lengths = [(each.range_length(address), each) for each in chains]
    known = [(length, each) for length, each in lengths if length is not None]
    best = max((length for length, _ in known), default=-1)
    return [each for length, each in known if length == best]


def _by_name(chains: Sequence[FilterChain], server_name: str) -> list[FilterChain]:
    labels = server_name.split(".")
    for name in [server_name, *("*." + ".".join(labels[at:]) for at in range(1, len(labels)))] if server_name else []:
        found = [each for each in chains if name in each.names()]
        if found:
            return found
    return [each for each in chains if not each.names()]


def _by_protocol(chains: Sequence[FilterChain], *, tls: bool, plain_http: bool) -> FilterChain | None:
    if not tls:
        plain = [each for each in chains if each.plain_http]
        if plain:  # chains for the transport raw_buffer hide those for any transport
            return plain[0] if plain_http else None
    return next((each for each in chains if not each.plain_http), None)
