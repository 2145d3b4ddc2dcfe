"""The outbound listeners of a sidecar.

Source: Istio `pilot/pkg/networking/core/listener.go`, `tls.go`."""

from collections.abc import Iterator, Sequence

from checks.istio.mesh.egress_listeners import EgressListener
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.names import is_address
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import UNSPECIFIED, MeshPort, MeshService, Resolution
from checks.istio.proxy.clusters import BLACK_HOLE, PASSTHROUGH, ClusterName, Clusters
from checks.istio.proxy.listener_entries import ListenerEntry
from checks.istio.proxy.listeners import EnvoyListener, FilterChain, HttpManager, Provenance, TcpProxy
from checks.istio.proxy.service_chains import ServiceChains
from checks.model.raw_values import number, text


class OutboundListeners:
    """The listeners that a sidecar has for intercepted connections, built by port."""

    def __init__(self, mesh: Mesh, proxy: Proxy, clusters: Clusters) -> None:
        self._mesh, self._proxy, self._clusters = mesh, proxy, clusters
        self._scope = mesh.scope(proxy)
        self._chains = ServiceChains(proxy, self._scope, clusters)
        self._built: dict[int, dict[str, ListenerEntry]] = {}
        self._finished: dict[tuple[int, str], EnvoyListener] = {}

    def listener_for(self, address: str, port: int) -> EnvoyListener:
        """The listener of a connection to an address; the one for unknown destinations if no other applies."""
        entries = self._entries(port)
        found = entries.get(address) or entries.get(UNSPECIFIED)
        if found is None:
            return self.fallback()
        key = (port, found.bind)
        if key not in self._finished:
            self._finished[key] = self._listener(found)
        return self._finished[key]

    def fallback(self) -> EnvoyListener:
        """`virtualOutbound`: connections to addresses and ports that no service has."""
        return EnvoyListener("virtualOutbound", (), self._unmatched(), False, False, Provenance(self._scope.sidecar))

    def _unmatched(self) -> FilterChain:
        """The chain for connections that match no service: by the outbound traffic policy."""
        origin = Provenance(self._scope.sidecar, "outboundTrafficPolicy.mode")
        policy = self._scope.outbound_policy
        if policy in ("ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"):
            proxy = self._scope.egress_proxy
            name = ClusterName(PASSTHROUGH)
            if policy == "ALLOW_ANY" and proxy is not None:
                name = ClusterName(text(proxy, "host"), number(proxy, "port", "number") or 0, text(proxy, "subset"))
            return FilterChain(TcpProxy(((name, 100),)), origin=origin)
        return FilterChain(TcpProxy(((ClusterName(BLACK_HOLE), 100),)), origin=origin)

    def _listener(self, entry: ListenerEntry) -> EnvoyListener:
        chains = [each for each in entry.chains if not each.matches_all]
        default = next((each for each in reversed(entry.chains) if each.matches_all), None)
        return EnvoyListener(
            f"{entry.bind}_{entry.port.number}",
            tuple(chains),
            default or self._unmatched(),
            any(each.server_names for each in entry.chains)
            or any(isinstance(each.target, TcpProxy) and each.target.dynamic for each in entry.chains),
            any(each.plain_http for each in entry.chains),
            Provenance(entry.service.source),
        )

    def _entries(self, port: int) -> dict[str, ListenerEntry]:
        if port not in self._built:
            entries: dict[str, ListenerEntry] = {}
            for each in self._scope.listeners:
                self._add(entries, each, port)
            self._built[port] = entries
        return self._built[port]

    def _add(self, entries: dict[str, ListenerEntry], egress: EgressListener, wanted: int) -> None:
        if egress.port:
            # A listener without interception has a socket of its own: intercepted connections do not reach it.
            if egress.port != wanted or not egress.captured or egress.bind.startswith("unix:"):
                return
            port = MeshPort(egress.port, text(egress.raw, "port", "name"), egress.protocol, egress.port)
            for service in egress.services:
                self._service(entries, egress, service, port, egress.bind)
            return
        for entry in entries.values():
            entry.locked = True
        for service in egress.services:
            found = service.port(wanted)
            if found is not None:
                for bind in self._binds(service, found, egress.bind):
                    self._service(entries, egress, service, found, bind)

    def _binds(self, service: MeshService, port: MeshPort, bind: str) -> Iterator[str]:
        """The addresses to which a service's listener is bound: "" for its own address."""
        headless = service.resolution is Resolution.ORIGINAL_DESTINATION
        unbound = not bind and self._proxy.address_of(service) == UNSPECIFIED
        if not (headless and unbound and (port.protocol.is_tcp or port.protocol is Protocol.UNSUPPORTED)):
            yield bind
            return
        found = self._clusters.instances(service, port)
        if not service.kubernetes and not found and not service.selector:
            yield bind
        for endpoint in found:
            if is_address(endpoint.address) and endpoint.address != self._proxy.pod.ip:
                yield endpoint.address

    def _service(
        self, entries: dict[str, ListenerEntry], egress: EgressListener, service: MeshService, port: MeshPort, bind: str
    ) -> None:
        if service.resolution is Resolution.ALIAS or port.protocol is Protocol.UDP:
            return
        ranges: tuple[str, ...] = ()
        http = port.protocol.is_http
        if not bind:
            address = UNSPECIFIED if http else self._proxy.address_of(service)
            if "/" in address:
                address, ranges = UNSPECIFIED, (address,)
            bind = address
        entry = entries.get(bind)
        if entry is not None and entry.locked:
            return
        if http:
            self._http(entries, entry, service, port, bind)
        elif port.protocol.is_tcp:
            chains = self._chains.chains(egress, service, port, bind, ranges)
            self._merge(entries, entry, chains, ListenerEntry(bind, port, chains, Protocol.TCP, service))
        else:
            self._detected(entries, entry, egress, service, port, bind, ranges)

    def _http(
        self,
        entries: dict[str, ListenerEntry],
        entry: ListenerEntry | None,
        service: MeshService,
        port: MeshPort,
        bind: str,
    ) -> None:
        if entry is not None and not entry.protocol.is_tcp:
            return
        shared = bind == UNSPECIFIED and port.protocol is not Protocol.HTTP_PROXY
        chain = FilterChain(HttpManager(str(port.number)), plain_http=shared, origin=Provenance(service.source))
        kind = Protocol.UNSUPPORTED if shared else Protocol.HTTP
        self._merge(entries, entry, [chain], ListenerEntry(bind, port, [chain], kind, service))

    def _detected(
        self,
        entries: dict[str, ListenerEntry],
        entry: ListenerEntry | None,
        egress: EgressListener,
        service: MeshService,
        port: MeshPort,
        bind: str,
        ranges: tuple[str, ...],
    ) -> None:
        chains = self._chains.chains(egress, service, port, bind, ranges)
        if entry is not None and entry.protocol is Protocol.UNSUPPORTED:
            self._merge(entries, entry, chains, None)
            return
        route = str(port.number) if bind == UNSPECIFIED else f"{service.host}:{port.number}"
        chains.append(FilterChain(HttpManager(route), plain_http=True, origin=Provenance(service.source)))
        made = ListenerEntry(bind, port, chains, Protocol.UNSUPPORTED, service)
        if entry is not None and entry.protocol.is_http:
            entries[bind] = made
        else:
            self._merge(entries, entry, chains, made)

    def _merge(
        self,
        entries: dict[str, ListenerEntry],
        entry: ListenerEntry | None,
        chains: Sequence[FilterChain],
        new: ListenerEntry | None,
    ) -> None:
        if entry is not None:
            entry.merge(chains, new)
        elif new is not None:
            entries[new.bind] = new
