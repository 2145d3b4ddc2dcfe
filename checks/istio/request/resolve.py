"""Resolves a request through the configuration of each proxy that it passes.

The order of decisions is Envoy's: listener, filter chain, TLS, authorization, virtual host, route, cluster, endpoint."""

from collections.abc import Callable
from dataclasses import dataclass

from checks.facts.istio_networking import ServiceEntry
from checks.facts.pods import Pod
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.proxy.listeners import FilterChain
from checks.istio.request.address_dependence import address_decides
from checks.istio.request.address_ranges import address_in, public_ranges
from checks.istio.request.client_dns import client_addresses
from checks.istio.request.filter_chains import selected_chain
from checks.istio.request.hops import Hops, RouteQuery, outbound_listener
from checks.istio.request.interception import is_intercepted
from checks.istio.request.outcome import AddressDependence, End, RequestOutcome, Result, outcome
from checks.istio.request.proxy_configuration import ProxyConfiguration, ProxyConfigurations
from checks.istio.request.wire import Connection


class Router:
    """The resolver of requests in a mesh.

    `mesh_of` returns the mesh of a revision, `gateway_of` the gateway of a pod.
    """

    def __init__(self, mesh_of: Callable[[str], Mesh], gateway_of: Callable[[Pod], str]) -> None:
        self._mesh_of, self.gateway_of = mesh_of, gateway_of
        self.configurations = ProxyConfigurations(mesh_of)

    def configuration(self, mesh: Mesh, pod: Pod) -> ProxyConfiguration | None:
        """The configuration of a pod's proxy; None if the pod has no proxy.

        Pods whose configurations cannot differ share one.
        """
        return self.configurations.of(mesh, pod)

    def send(self, client: Pod, connection: Connection, gateway: str, host: str) -> RequestOutcome:
        """The outcome of a connection from a client's pod.

        Its address is an IP address or a name outside the mesh.
        """
        mesh = self._mesh_of(client.revision)
        query = RouteQuery(host.lower(), gateway, client.ip)
        hops = Hops(mesh, self.configurations, self.gateway_of, query)
        configuration = self.configuration(mesh, client)
        if configuration is None or configuration.proxy.gateway:
            return outcome(hops.directly(connection))
        return _Sending(hops, configuration, client, connection).outcome()


@dataclass(frozen=True, slots=True)
class _Sending:
    """A connection of a client with a sidecar to an address, or to a name without a known one."""

    hops: Hops
    configuration: ProxyConfiguration
    client: Pod
    connection: Connection

    def outcome(self) -> RequestOutcome:
        """The outcome for every address that DNS may return; unknown if it is not the same."""
        host, port = self.connection.address, self.connection.port
        first, *others = client_addresses(self.configuration, host)
        found = self._at(first)
        differing = {each: each for each in others if self._differs(first, each, found)}
        if not is_address(first):
            ranges = public_ranges(self.configuration, self.client, first, port)
            inside = {each: address_in(each, ranges) for each in ranges if each not in others}
            differing |= {each: address for each, address in inside.items() if self._differs(first, address, found)}
        if not differing:
            return found
        shown = tuple(self._listed(each) for each in list(differing)[:3])
        reason = f"depends on the address that DNS returns for {host}: other rules apply to {', '.join(shown)}"
        dependence = AddressDependence(shown, found, tuple(self._at(each) for each in differing.values()))
        return RequestOutcome(Result.UNKNOWN, (End(Result.UNKNOWN, reason),), dependence)

    def _listed(self, range_: str) -> str:
        """A range of addresses with the object that lists it, if that is a ServiceEntry."""
        mesh = self.configuration.mesh
        for services in mesh.exports.by_host.values():
            for each in services.values():
                if each.address == range_ and isinstance(each.source, ServiceEntry):
                    return f"{range_} ({each.source.ref})"
        return range_

    def _differs(self, one: str, other: str, found: RequestOutcome) -> bool:
        """Whether another address has another outcome than the one that was found for an address.

        It has not if the sidecar selects the same filter chain for both, and no cluster keeps the address.
        """
        intercepted = all(is_intercepted(self.client.annotations, each, self.connection.port) for each in (one, other))
        if (
            intercepted
            and self._chain(one) is self._chain(other)
            and not address_decides(self.configuration, found.ends)
        ):
            return False
        return _answer(self._at(other)) != _answer(found)

    def _chain(self, address: str) -> FilterChain | None:
        connection = self.connection.to(address)
        return selected_chain(outbound_listener(self.configuration, connection), connection)

    def _at(self, address: str) -> RequestOutcome:
        connection = self.connection.to(address)
        if is_intercepted(self.client.annotations, address, connection.port):
            return outcome(self.hops.from_sidecar(self.configuration, connection))
        return outcome(self.hops.directly(connection))


def _answer(found: RequestOutcome) -> tuple[Result, int | None]:
    return found.result, found.status
