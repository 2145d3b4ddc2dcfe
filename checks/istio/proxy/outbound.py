"""The outbound listeners of a sidecar.

Source: Istio `pilot/pkg/networking/core/listener.go`, `tls.go`."""

from collections.abc import Mapping, Sequence

from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_address, is_public
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import UNSPECIFIED, MeshPort, MeshService
from checks.istio.proxy.bound_services import BoundService, BoundServices
from checks.istio.proxy.clusters import BLACK_HOLE, PASSTHROUGH, ClusterName, Clusters
from checks.istio.proxy.listener_entries import ListenerEntry
from checks.istio.proxy.listeners import UNMATCHED, EnvoyListener, FilterChain, HttpManager, Provenance, TcpProxy
from checks.istio.proxy.service_chains import ServiceChains
from checks.model.raw_values import number, text


class OutboundListeners:
    """The listeners that a sidecar has for intercepted connections, built by port."""

    def __init__(self, mesh: Mesh, proxy: Proxy, clusters: Clusters) -> None:
        self._mesh, self._proxy, self._clusters = mesh, proxy, clusters
        self._scope = mesh.scope(proxy)
        self._chains = ServiceChains(proxy, self._scope, clusters)
        self._services: dict[int, BoundServices] = {}
        self._public: dict[int, Sequence[str]] = {}
        self._listeners: dict[tuple[str, int], EnvoyListener | None] = {}

    def listener_for(self, address: str, port: int) -> EnvoyListener:
        """The listener of a connection to an address.

        Unknown destinations have a listener of their own, which is used when no other applies.
        """
        bound = self._bound(port)
        for bind in (address, UNSPECIFIED):
            if (bind, port) not in self._listeners:
                entry = self._entry(bind, bound.get(bind, ()))
                self._listeners[bind, port] = self._listener(entry) if entry is not None else None
            if (found := self._listeners[bind, port]) is not None:
                return found
        return self.fallback()

    def public_addresses(self, port: int) -> Sequence[str]:
        """The addresses of public hosts that have a listener of their own on a port."""
        if port not in self._public:
            bound = (each for each in self._bound(port) if each != UNSPECIFIED and is_address(each))
            self._public[port] = [each for each in bound if is_public(each)]
        return self._public[port]

    def _bound(self, port: int) -> Mapping[str, Sequence[BoundService]]:
        if port not in self._services:
            self._services[port] = BoundServices(self._proxy, self._clusters, self._scope.listeners, port)
        return self._services[port].by_address

    def fallback(self) -> EnvoyListener:
        """`virtualOutbound`: connections to addresses and ports that no service has."""
        return EnvoyListener("virtualOutbound", (), self._unmatched(), False, False, Provenance(self._scope.sidecar))

    def _unmatched(self) -> FilterChain:
        """The chain for connections that match no service: by the outbound traffic policy."""
        origin = Provenance(self._scope.sidecar, UNMATCHED)
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

    def _entry(self, bind: str, services: Sequence[BoundService]) -> ListenerEntry | None:
        """The listener that services share, in the order of the egress entries.

        An egress entry without a port changes no listener of an earlier entry.
        """
        entry: ListenerEntry | None = None
        for egress in self._scope.listeners if services else ():
            if entry is not None and not egress.port:
                return entry
            for each in services:
                if each.egress is egress:
                    entry = self._with_service(entry, each, bind)
        return entry

    def _with_service(self, entry: ListenerEntry | None, bound: BoundService, bind: str) -> ListenerEntry | None:
        service, port = bound.service, bound.port
        if port.protocol.is_http:
            return self._with_http(entry, service, port, bind)
        chains = self._chains.chains(bound.egress, service, port, bind, bound.ranges)
        if port.protocol.is_tcp:
            return _merged(entry, chains, ListenerEntry(bind, port, chains, Protocol.TCP, service))
        return self._with_detected(entry, chains, service, port, bind)

    @staticmethod
    def _with_http(
        entry: ListenerEntry | None, service: MeshService, port: MeshPort, bind: str
    ) -> ListenerEntry | None:
        if entry is not None and not entry.protocol.is_tcp:
            return entry
        shared = bind == UNSPECIFIED and port.protocol is not Protocol.HTTP_PROXY
        chain = FilterChain(HttpManager(str(port.number)), plain_http=shared, origin=Provenance(service.source))
        kind = Protocol.UNSUPPORTED if shared else Protocol.HTTP
        return _merged(entry, [chain], ListenerEntry(bind, port, [chain], kind, service))

    @staticmethod
    def _with_detected(
        entry: ListenerEntry | None, chains: list[FilterChain], service: MeshService, port: MeshPort, bind: str
    ) -> ListenerEntry | None:
        if entry is not None and entry.protocol is Protocol.UNSUPPORTED:
            return entry  # it detects already, with the chains of the earlier service
        route = str(port.number) if bind == UNSPECIFIED else f"{service.host}:{port.number}"
        chains.append(FilterChain(HttpManager(route), plain_http=True, origin=Provenance(service.source)))
        made = ListenerEntry(bind, port, chains, Protocol.UNSUPPORTED, service)
        return made if entry is not None and entry.protocol.is_http else _merged(entry, chains, made)


def _merged(
    entry: ListenerEntry | None, chains: Sequence[FilterChain], new: ListenerEntry | None
) -> ListenerEntry | None:
    if entry is None:
        return new
    entry.merge(chains, new)
    return entry
