"""The effect of EnvoyFilters on the configuration of a proxy.

Simple patches are applied. Any other patch makes unknown what it changes, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import replace

from checks.facts.istio_networking import EnvoyFilter
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.proxies import Proxy
from checks.istio.proxy.clusters import ClusterName
from checks.istio.proxy.envoy_patches import EnvoyPatch, patches_of
from checks.istio.proxy.listeners import UNMATCHED, EnvoyListener, FilterChain, HttpManager
from checks.istio.proxy.patched_routes import patched_routes
from checks.istio.proxy.routes import RouteConfiguration
from checks.model.raw_values import Raw, mapping, number, text

VIRTUAL_OUTBOUND = "virtualOutbound"
"""The listener that accepts all connections that a sidecar intercepts."""
_OUTBOUND_PORT = 15001
_MANAGER, _TCP = "envoy.filters.network.http_connection_manager", "envoy.filters.network.tcp_proxy"
_ROUTES = ("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE")
_OF_CHAINS = ("LISTENER_FILTER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER")


class Patches:
    """The patches of the EnvoyFilters that apply to a proxy."""

    def __init__(self, mesh: Mesh, proxy: Proxy) -> None:
        self._gateway = proxy.gateway
        self._patches = [each for each in patches_of(mesh, proxy) if not each.harmless]
        self.applied_filters: dict[EnvoyFilter, None] = {
            each.source: None for each in self._patches if each.new_cluster or _removes(each)
        }
        """The EnvoyFilters whose patches are applied, and can change routes."""

    def _of(self, *kinds: str) -> list[EnvoyPatch]:
        return [each for each in self._patches if each.kind in kinds] if self._patches else []

    def removes(self, name: ClusterName) -> bool:
        """Whether a patch removes the cluster."""
        return any(each.removes and _is_cluster(each.match("cluster"), name) for each in self._of("CLUSTER"))

    def changing_cluster(self, name: ClusterName) -> EnvoyFilter | None:
        """The EnvoyFilter that changes the cluster in a way that is not modelled, or adds it."""
        for each in self._of("CLUSTER"):
            if each.operation in ("ADD", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST"):
                if text(each.value, "name") == str(name):
                    return each.source
            elif not each.removes and _is_cluster(each.match("cluster"), name):
                return each.source
        return None

    def removes_listener(self, name: str, port: int) -> bool:
        """Whether a patch removes the listener of a port."""
        return any(each.removes and _is_listener(each.match("listener"), name, port) for each in self._of("LISTENER"))

    def accepts_nothing(self) -> bool:
        """Whether a patch removes the listener that accepts a sidecar's connections."""
        return not self._gateway and self.removes_listener(VIRTUAL_OUTBOUND, _OUTBOUND_PORT)

    def without_removed_chains(self, listener: EnvoyListener, port: int) -> EnvoyListener:
        """A listener without the filter chains that patches remove; Envoy refuses one without any."""
        virtual = listener.name == VIRTUAL_OUTBOUND
        if not self._patches:
            return listener
        removed = [
            each.match("listener", "filterChain")
            for each in self._of("FILTER_CHAIN")
            if each.removes and self._is_at(each, listener, port)
        ]
        kept = [each for each in _chains(listener) if not any(_is_chain(m, listener, each) for m in removed)]
        if virtual or not kept or not removed:
            return listener
        default = listener.default if listener.default in kept else None
        return replace(listener, chains=tuple(each for each in kept if each is not default), default=default)

    @staticmethod
    def _is_at(patch: EnvoyPatch, listener: EnvoyListener, port: int) -> bool:
        """Whether a patch of chains or filters is for a listener."""
        match = patch.match("listener")
        if listener.name == VIRTUAL_OUTBOUND:  # its chains are for no port of their own
            return text(match, "name") in ("", VIRTUAL_OUTBOUND) and not number(match, "portNumber")
        return _is_listener(match, listener.name, port)

    def changing_connection(self, listener: EnvoyListener, port: int, chain: FilterChain | None) -> EnvoyFilter | None:
        """The EnvoyFilter whose change of the listener or chain of a connection is not modelled."""
        own = _OUTBOUND_PORT if listener.name == VIRTUAL_OUTBOUND else port
        for each in self._of("BOOTSTRAP", "LISTENER", *_OF_CHAINS):
            if each.kind == "BOOTSTRAP":
                return each.source
            if each.kind != "LISTENER":
                if self._is_at(each, listener, port) and _is_of_chain(each, listener, chain):
                    return each.source
            elif each.operation in ("REMOVE", "MERGE", "MERGE_AND_REPLACE_LIST"):
                if not each.removes and _is_listener(each.match("listener"), listener.name, own):
                    return each.source
            elif _port_of(each.value) in (None, port):
                return each.source
        return None

    def applied(self, routes: RouteConfiguration, ports: Sequence[int]) -> RouteConfiguration:
        """A route configuration after its patches.

        `ports` are those of the servers of a gateway that share it.
        """
        return patched_routes(routes, self._of(*_ROUTES), self._gateway, ports)


def _removes(patch: EnvoyPatch) -> bool:
    return patch.removes and patch.kind in ("CLUSTER", "LISTENER", "FILTER_CHAIN", "VIRTUAL_HOST", "HTTP_ROUTE")


def _is_cluster(match: Raw, name: ClusterName) -> bool:
    if wanted := text(match, "name"):
        return wanted == str(name)
    host = "" if name.own else name.host
    return (
        text(match, "service") in ("", host)
        and number(match, "portNumber") in (None, 0, name.port)
        and text(match, "subset") in ("", name.subset)
    )


def _is_listener(match: Raw, name: str, port: int) -> bool:
    return text(match, "name") in ("", name) and number(match, "portNumber") in (None, 0, port)


def _port_of(listener: Raw) -> int | None:
    """The port of a listener that a patch adds."""
    address = mapping(listener, "address")
    socket = mapping(address, "socket_address") or mapping(address, "socketAddress")
    return number(socket, "port_value") or number(socket, "portValue")


def _is_of_chain(patch: EnvoyPatch, listener: EnvoyListener, chain: FilterChain | None) -> bool:
    """Whether a patch of filter chains or filters changes a chain.

    It does too if it changes which chain a connection gets.
    """
    match = patch.match("listener", "filterChain")
    if patch.kind == "LISTENER_FILTER":
        return True
    if patch.kind == "FILTER_CHAIN":
        return patch.operation == "ADD" or any(_is_chain(match, listener, each) for each in _chains(listener))
    if chain is None or not _is_chain(match, listener, chain):
        return False
    reads_http = isinstance(chain.target, HttpManager)
    if patch.kind == "HTTP_FILTER":
        return reads_http
    name, own = text(match, "filter", "name"), _MANAGER if reads_http else _TCP
    return name not in (_TCP, _MANAGER) or name == own


def _chains(listener: EnvoyListener) -> list[FilterChain]:
    return [*listener.chains, *((listener.default,) if listener.default is not None else ())]


def _is_chain(match: Raw, listener: EnvoyListener, chain: FilterChain) -> bool:
    """Whether a match includes a chain; istiod names only the chains for unknown destinations."""
    name = ""
    if chain.origin.field == UNMATCHED:
        name = "virtualOutbound-catchall-tcp" if listener.name == VIRTUAL_OUTBOUND else "PassthroughFilterChain"
    transport, protocols = ("raw_buffer", {"http/1.1", "h2c"}) if chain.plain_http else ("", set[str]())
    wanted = {each for each in text(match, "applicationProtocols").split(",") if each}
    return (
        text(match, "name") in ("", name)
        and text(match, "sni") in ("", *chain.server_names)
        and text(match, "transportProtocol") in ("", transport)
        and wanted <= protocols
        and not number(match, "destinationPort")
    )
