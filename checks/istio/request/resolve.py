"""Resolves a request through the configuration of each proxy that it passes.

The order of decisions is Envoy's: listener, filter chain, TLS, authorization, virtual host, route, cluster, endpoint."""

from collections.abc import Callable
from dataclasses import replace

from checks.facts.pods import Pod
from checks.istio.mesh.mesh import Mesh
from checks.istio.request.client_dns import client_addresses
from checks.istio.request.hops import Hops, RouteQuery
from checks.istio.request.interception import is_intercepted
from checks.istio.request.outcome import End, RequestOutcome, Result, outcome
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
        found = [
            _sent(hops, configuration, client, replace(connection, address=each))
            for each in client_addresses(configuration, connection.address)
        ]
        if len({(each.result, each.status) for each in found}) > 1:
            return _unknown("depends on the address that DNS returns: a ServiceEntry lists addresses for the host")
        return found[0]


def _sent(hops: Hops, configuration: ProxyConfiguration, client: Pod, connection: Connection) -> RequestOutcome:
    taken = is_intercepted(client.annotations, connection.address, connection.port)
    if taken is False:
        return outcome(hops.directly(connection))
    intercepted = outcome(hops.from_sidecar(configuration, connection))
    if taken is None:
        direct = outcome(hops.directly(connection))
        if (direct.result, direct.status) != (intercepted.result, intercepted.status):
            return _unknown("excluded ranges may contain the host's address")
    return intercepted


def _unknown(reason: str) -> RequestOutcome:
    return RequestOutcome(Result.UNKNOWN, (End(Result.UNKNOWN, reason),))
