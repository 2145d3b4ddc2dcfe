"""The services of a sidecar's listeners on one port, by bind address.

Source: Istio `buildSidecarOutboundListeners` in `pilot/pkg/networking/core/listener.go`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.istio.mesh.egress_listeners import EgressListener
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import UNSPECIFIED, MeshPort, MeshService, Resolution
from checks.istio.proxy.clusters import Clusters
from checks.model.raw_values import text


@dataclass(frozen=True, slots=True)
class BoundService:
    """A service in a listener; `ranges` select its chains if its address is a range."""

    egress: EgressListener
    service: MeshService
    port: MeshPort
    ranges: tuple[str, ...] = ()


class BoundServices:
    """The services of one sidecar's egress entries on a port, in their order."""

    def __init__(self, proxy: Proxy, clusters: Clusters, egress: tuple[EgressListener, ...], port: int) -> None:
        self._proxy, self._clusters, self._port = proxy, clusters, port
        self.by_address: dict[str, list[BoundService]] = {}
        for each in egress:
            for service, own, bind in self._services(each):
                if service.resolution is not Resolution.ALIAS and own.protocol is not Protocol.UDP:
                    self._place(each, service, own, bind)

    def _services(self, egress: EgressListener) -> Iterator[tuple[MeshService, MeshPort, str]]:
        """(service, port, address) of an entry; "" for the service's own address."""
        if egress.port:
            # A listener without interception has a socket of its own: intercepted connections do not reach it.
            if egress.port != self._port or not egress.captured or egress.bind.startswith("unix:"):
                return
            port = MeshPort(egress.port, text(egress.raw, "port", "name"), egress.protocol, egress.port)
            yield from ((service, port, egress.bind) for service in egress.services)
            return
        for service, found in egress.imported.on_port(self._port):
            if service.resolution is not Resolution.ORIGINAL_DESTINATION or egress.bind:
                yield service, found, egress.bind
            else:
                yield from ((service, found, bind) for bind in self._unresolved_binds(service, found))

    def _unresolved_binds(self, service: MeshService, port: MeshPort) -> Iterator[str]:
        """The addresses of a service without resolution.

        They are its endpoints' if it has none and its protocol needs one.
        """
        unbound = self._proxy.address_of(service) == UNSPECIFIED
        if not (unbound and (port.protocol.is_tcp or port.protocol is Protocol.UNSUPPORTED)):
            yield ""
            return
        found = self._clusters.instances(service, port)
        if not service.kubernetes and not found and not service.selector:
            yield ""
        for endpoint in found:
            if is_address(endpoint.address) and endpoint.address != self._proxy.pod.ip:
                yield endpoint.address

    def _place(self, egress: EgressListener, service: MeshService, port: MeshPort, bind: str) -> None:
        ranges: tuple[str, ...] = ()
        if not bind:
            bind = UNSPECIFIED if port.protocol.is_http else self._proxy.address_of(service)
            if "/" in bind:
                bind, ranges = UNSPECIFIED, (bind,)
        self.by_address.setdefault(bind, []).append(BoundService(egress, service, port, ranges))
