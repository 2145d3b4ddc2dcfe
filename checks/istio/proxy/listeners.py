"""Listeners and filter chains, as Envoy selects them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address, ip_network

from checks.facts.fact import KubernetesObject
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.proxy.clusters import ClusterName
from checks.model.value_types import value

UNMATCHED = "outboundTrafficPolicy.mode"
"""The field that decides about connections that match no service of a sidecar."""
_LIST_ENTRY = re.compile(r"spec\.(\w+)\[(\d+)\]")


@value(frozen=True, slots=True)
class Provenance:
    """The object and field that a part of the configuration comes from."""

    source: KubernetesObject | None
    field: str = ""

    @property
    def entry(self) -> "ListEntry | None":
        """The entry of a list in the spec that the field is or belongs to; None for another field."""
        found = _LIST_ENTRY.match(self.field)
        return ListEntry(found[1], int(found[2])) if found is not None else None


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An entry of a list in the spec: of `http`, `tls`, `tcp` or `servers`."""

    name: str
    index: int


@dataclass(frozen=True, slots=True)
class DownstreamTls:
    """The TLS context with which a filter chain terminates TLS."""

    mode: str
    """`SIMPLE`, `MUTUAL`, `OPTIONAL_MUTUAL` or `ISTIO_MUTUAL`."""
    secrets: tuple[str, ...] = ()
    """The names of its certificates; the first one also names the authority of clients."""
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
    rule: Provenance | None = None
    """The rule that names the clusters; None if no VirtualService or route does."""


@dataclass(frozen=True, slots=True)
class HttpManager:
    """Reads HTTP requests and routes them by a route configuration."""

    route: str


@dataclass(frozen=True)
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
        return not (self.plain_http or self.names or self.networks)

    @cached_property
    def criteria(self) -> tuple[bool, frozenset[str], frozenset[str]]:
        """All that it matches by: istiod keeps the first of several chains with the same criteria."""
        return self.plain_http, frozenset(self.server_names) - {"*"}, self.networks

    @cached_property
    def networks(self) -> frozenset[str]:
        """The ranges of addresses that select it; empty if any does."""
        found = set()
        for each in self.ranges:
            try:
                network = ip_network(each, strict=False)
            except ValueError:
                continue
            if str(network.network_address) != "0.0.0.0":  # noqa: S104 - a range, not a socket
                found.add(str(network))
        return frozenset(found)

    @cached_property
    def names(self) -> frozenset[str]:
        """The server names that select it, in lower case; empty if any does."""
        return frozenset() if "*" in self.server_names else frozenset(each.lower() for each in self.server_names)

    def range_length(self, address: str) -> int | None:
        """The longest prefix that contains the address; None if no range does."""
        if not is_address(address):
            return None
        networks = [ip_network(each) for each in self.networks]
        return max((each.prefixlen for each in networks if ip_address(address) in each), default=None)


@dataclass(frozen=True)
class EnvoyListener:
    """A listener: chains in order, and the chain for connections that match none."""

    name: str
    chains: tuple[FilterChain, ...]
    default: FilterChain | None
    inspects_tls: bool
    inspects_http: bool
    origin: Provenance

    @cached_property
    def _ranged(self) -> list[FilterChain]:
        return [each for each in self.chains if each.networks]

    @cached_property
    def _everywhere(self) -> "_ByName":
        return _ByName(each for each in self.chains if not each.networks)

    def chain_for(self, address: str, server_name: str, *, tls: bool, plain_http: bool) -> FilterChain | None:
        """The filter chain of a connection: by destination range, then server name, then protocol.

        Envoy does not go back: if the most specific range or name has no chain for the rest, the default chain applies.
        """
        tls, server_name = tls and self.inspects_tls, server_name.lower() if self.inspects_tls else ""
        chains = self._within_range(address).chains(server_name if tls else "")
        return _by_protocol(chains, tls=tls, plain_http=plain_http and self.inspects_http) or self.default

    def _within_range(self, address: str) -> "_ByName":
        """The chains of the most specific range that contains the address.

        Without such a range, they are the chains for any address.
        """
        lengths = [(each.range_length(address), each) for each in self._ranged]
        best = max((length for length, _ in lengths if length is not None), default=None)
        return self._everywhere if best is None else _ByName(each for length, each in lengths if length == best)


class _ByName:
    """Filter chains by server name."""

    def __init__(self, chains: Iterable[FilterChain]) -> None:
        self._named: dict[str, list[FilterChain]] = {}
        self._unnamed: list[FilterChain] = []
        for each in chains:
            for name in each.names:
                self._named.setdefault(name, []).append(each)
            if not each.names:
                self._unnamed.append(each)

    def chains(self, server_name: str) -> list[FilterChain]:
        """The chains of the name, else of the most specific wildcard, else those for any name."""
        labels = server_name.split(".")
        wildcards = ("*." + ".".join(labels[at:]) for at in range(1, len(labels)))
        for name in (server_name, *wildcards) if server_name else ():
            if name in self._named:
                return self._named[name]
        return self._unnamed


def _by_protocol(chains: Sequence[FilterChain], *, tls: bool, plain_http: bool) -> FilterChain | None:
    if not tls:
        plain = [each for each in chains if each.plain_http]
        if plain:  # chains for the transport raw_buffer hide those for any transport
            return plain[0] if plain_http else None
    return next((each for each in chains if not each.plain_http), None)
