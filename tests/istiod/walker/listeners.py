"""Which listener takes a connection, and which of its filter chains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address, ip_network

from tests.istiod.walker.matching import Json, NotModelledError
from tests.istiod.walker.wire import Connect, Connection, Http, Tls

TLS_INSPECTOR = "envoy.filters.listener.tls_inspector"
HTTP_INSPECTOR = "envoy.filters.listener.http_inspector"
_NEUTRAL = (
    TLS_INSPECTOR,
    HTTP_INSPECTOR,
    "envoy.filters.listener.original_dst",
    "envoy.filters.listener.original_src",
    "envoy.listener.metadata_to_peer_node",
)
_WILDCARDS = ("0.0.0.0", "::")


def _bound(listener: Json) -> Iterable[tuple[str, int]]:
    for address in (listener["address"], *(each["address"] for each in listener.get("additional_addresses", ()))):
        socket = address.get("socket_address")
        if socket:
            yield socket["address"], int(socket.get("port_value", 0))


def listening(listeners: Sequence[Json], address: str, port: int) -> Json | None:
    """The listener whose socket accepts a connection to an address of the pod.

    None means that the connection is refused.
    """
    open_sockets = [each for each in listeners if each.get("bind_to_port", True)]
    return _by_address(open_sockets, address, port)


def for_original_destination(listeners: Sequence[Json], entry: Json, address: str, port: int) -> Json:
    """The listener that takes over an intercepted connection.

    It is the entry itself if there is no other.
    """
    if not entry.get("use_original_dst"):
        return entry
    return _by_address(listeners, address, port) or entry


def _by_address(listeners: Sequence[Json], address: str, port: int) -> Json | None:
    exact = [each for each in listeners if (address, port) in _bound(each)]
    if exact:
        return exact[0]
    any_address = [each for each in listeners if any((wildcard, port) in _bound(each) for wildcard in _WILDCARDS)]
    return any_address[0] if any_address else None


def _holds_port(rule: Json, port: int) -> bool:
    """Whether a ListenerFilterChainMatchPredicate matches the port.

    A predicate that matches disables its listener filter.
    """
    if rule.get("any_match"):
        return True
    if "destination_port_range" in rule:
        return (
            int(rule["destination_port_range"].get("start", 0))
            <= port
            < int(rule["destination_port_range"].get("end", 0))
        )
    if "or_match" in rule:
        return any(_holds_port(each, port) for each in rule["or_match"]["rules"])
    if "and_match" in rule:
        return all(_holds_port(each, port) for each in rule["and_match"]["rules"])
    if "not_match" in rule:
        return not _holds_port(rule["not_match"], port)
    raise NotModelledError(f"filter_disabled {sorted(rule)}")


class Seen:
    """The properties of a connection that the listener filters detected."""

    def __init__(self, listener: Json, connection: Connection) -> None:
        names = [
            each["name"]
            for each in listener.get("listener_filters", ())
            if not ("filter_disabled" in each and _holds_port(each["filter_disabled"], connection.port))
        ]
        unknown = [name for name in names if name not in _NEUTRAL]
        if unknown:
            raise NotModelledError(f"listener filter {unknown[0]}")
        first = connection.layers[0]
        self.transport, self.server_name, self.protocols = "raw_buffer", "", ()
        if isinstance(first, Tls):
            if TLS_INSPECTOR in names:
                self.transport, self.server_name, self.protocols = "tls", first.sni.lower(), first.alpn
        elif HTTP_INSPECTOR in names and isinstance(first, Http | Connect):
            self.protocols = ("h2c",) if first.version == "h2" else (first.version,)

    transport: str
    server_name: str
    protocols: tuple[str, ...]


def filter_chain(listener: Json, connection: Connection) -> Json | None:
    """The filter chain for a connection, else the default one; None if the listener closes it.

    The criteria apply in Envoy's order and without backtracking: the most specific value of each decides alone. Envoy
    counts a connection that it closes as `filter_chain_not_found`.
    """
    if listener.get("filter_chain_matcher"):
        raise NotModelledError("filter_chain_matcher")
    seen = Seen(listener, connection)
    chains: list[Json] = list(listener.get("filter_chains", ()))
    for narrow in (
        _by_port(connection),
        _by_prefix(connection),
        _by_server_name(seen),
        _by_transport(seen),
        _by_protocols(seen),
    ):
        chains = narrow(chains)
    chains = [chain for chain in chains if _any_source(chain)]
    return chains[0] if chains else listener.get("default_filter_chain")


Narrowing = Callable[[list[Json]], list[Json]]


def _match(chain: Json) -> Json:
    found: Json = chain.get("filter_chain_match") or {}
    return found


def _by_port(connection: Connection) -> Narrowing:
    def narrow(chains: list[Json]) -> list[Json]:
        exact = [chain for chain in chains if int(_match(chain).get("destination_port", 0)) == connection.port]
        return exact or [chain for chain in chains if not _match(chain).get("destination_port")]

    return narrow


def _by_prefix(connection: Connection) -> Narrowing:
    def longest(chain: Json) -> int:
        lengths = [
            int(each.get("prefix_len", 0))
            for each in _match(chain).get("prefix_ranges", ())
            if ip_address(connection.address)
            in ip_network(f"{each['address_prefix']}/{each.get('prefix_len', 0)}", strict=False)
        ]
        return max(lengths, default=-1)

    def narrow(chains: list[Json]) -> list[Json]:
        best = max((longest(chain) for chain in chains), default=-1)
        if best >= 0:
            return [chain for chain in chains if longest(chain) == best]
        return [chain for chain in chains if not _match(chain).get("prefix_ranges")]

    return narrow


def _by_server_name(seen: Seen) -> Narrowing:
    labels = seen.server_name.split(".")
    wanted = [seen.server_name] if seen.server_name else []
    wanted += ["*." + ".".join(labels[at:]) for at in range(1, len(labels))]

    def narrow(chains: list[Json]) -> list[Json]:
        for name in wanted:
            found = [chain for chain in chains if name in [n.lower() for n in _match(chain).get("server_names", ())]]
            if found:
                return found
        return [chain for chain in chains if not _match(chain).get("server_names")]

    return narrow


def _by_transport(seen: Seen) -> Narrowing:
    def narrow(chains: list[Json]) -> list[Json]:
        exact = [chain for chain in chains if _match(chain).get("transport_protocol") == seen.transport]
        return exact or [chain for chain in chains if not _match(chain).get("transport_protocol")]

    return narrow


def _by_protocols(seen: Seen) -> Narrowing:
    def narrow(chains: list[Json]) -> list[Json]:
        for protocol in seen.protocols:
            found = [chain for chain in chains if protocol in _match(chain).get("application_protocols", ())]
            if found:
                return found
        return [chain for chain in chains if not _match(chain).get("application_protocols")]

    return narrow


def _any_source(chain: Json) -> bool:
    fields = ("source_type", "source_prefix_ranges", "source_ports", "direct_source_prefix_ranges")
    narrowed = [field for field in fields if _match(chain).get(field) not in (None, "ANY", [])]
    if narrowed:
        raise NotModelledError(f"filter chain match on {narrowed[0]}")
    return True
