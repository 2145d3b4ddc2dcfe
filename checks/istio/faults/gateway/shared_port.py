"""TCP destinations that share a port: all connections go to one.

Source: docs/domain/istiod-behaviour.md#plain-tcp-port.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry, VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import gateway_hop, is_bound
from checks.istio.fixes.dns_proxy import capture_dns
from checks.istio.fixes.fields import appended, name_for_host
from checks.istio.fixes.gateways import moved_rules, moved_server, new_server, with_own_server
from checks.istio.fixes.rules import gateway_servers, has_host, kind_of_server
from checks.istio.fixes.service_ports import ports_for
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.request.outcome import ConfigurationPart, Step
from checks.model.findings import Evidence
from checks.model.route import HopName

_BY_HOST = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS", "TLS"})
"""Protocols whose connections proxies distinguish by host."""
_PORTS = (80, 443)
"""The ports that the add-on's Service has."""


def at_shared_port(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The first TCP rule or service of another host that takes the connection."""
    client = broken.client.name if broken.client is not None else ""
    for step in broken.end.steps:
        if step.part is not ConfigurationPart.CLUSTER or not _is_tcp(broken, step):
            continue
        if not _is_for(broken, step):
            yield (TcpAtSidecar if step.proxy == client else TcpAtGateway)(step, broken)
            return


def _is_tcp(broken: BrokenRequest, step: Step) -> bool:
    if isinstance(step.origin.source, ServiceEntry):
        entry, port = step.origin.source, broken.request.port
        opaque = any(each.number == port and each.protocol not in _BY_HOST for each in entry.ports)
        return broken.request.scheme == "tcp" or (opaque and not entry.addresses)
    return step.origin.entry is not None and step.origin.entry.name == "tcp"


def _is_for(broken: BrokenRequest, step: Step) -> bool:
    """Whether the object that decided is for the host of the request."""
    source = step.origin.source
    if not isinstance(source, VirtualService | ServiceEntry):
        return True
    own = {each.source for each in broken.routes}
    return source in own or any(is_subset(broken.request.host, each.lower()) for each in source.hosts)


@dataclass(frozen=True, slots=True)
class TcpCollision(RouteFault):
    """A TCP port on which another destination gets all connections."""

    name: ClassVar[str] = "tcp-destinations-collide"
    check: ClassVar[str] = "tcp-destinations-collide"
    certain: ClassVar[bool] = True
    step: Step
    broken: BrokenRequest

    @property
    def _source(self) -> VirtualService | ServiceEntry | None:
        source = self.step.origin.source
        return source if isinstance(source, VirtualService | ServiceEntry) else None

    @property
    def _hosts(self) -> str:
        return ", ".join(self._source.hosts[:3]) if self._source is not None else "another host"

    def evidence(self) -> tuple[Evidence, ...]:
        source, field = self._source, self.step.origin.field or "spec.ports"
        return (Evidence(source.ref, field, f"for {self._hosts}", self.broken.request.host),) if source else ()

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self._source,) if self._source is not None else ()


class TcpAtSidecar(TcpCollision):
    """The sidecar's listener of the port sends every connection to another host's destination."""

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.MESH_ROUTE

    def evidence(self) -> tuple[Evidence, ...]:
        return (*TcpCollision.evidence(self), *self._without_addresses())

    def _without_addresses(self) -> Iterator[Evidence]:
        """ServiceEntries without addresses for the host and the one that gets the connections."""
        for each in self.broken.facts.readable(ServiceEntry):
            hosts = {host.lower() for host in each.hosts}
            shares = any(port.number == self.broken.request.port for port in each.ports)
            if shares and not each.addresses and hosts & self._contested:
                yield Evidence(each.ref, "spec.addresses", "(none)", "an address that distinguishes it")

    @property
    def _contested(self) -> frozenset[str]:
        """The requested host, and the hosts of the object that gets the connections."""
        taken = self._source.hosts if self._source is not None else ()
        return frozenset(each.lower() for each in (self.broken.request.host, *taken))

    def sentence(self) -> str:
        request, source = self.broken.request, self._source
        by = source.ref if source is not None else "Another destination"
        return (
            f"{by} for {self._hosts} gets all TCP connections from sidecars to port {request.port}, also those to "
            f"{request.host}, because no addresses distinguish them"
        )

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        title = "Add addresses to both ServiceEntries, or use another port for one of them"
        clients = broken.request.clients
        yield Fix(title, steps=capture_dns(clients.pods or (clients.pod,), sorted(self._contested)))


class TcpAtGateway(TcpCollision):
    """The gateway's server sends every connection by the first TCP rule.

    Source: docs/domain/istiod-behaviour.md#plain-tcp-port.
    """

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE

    def sentence(self) -> str:
        source, gateway = self._source, self.broken.facts.gateway.ref
        by = f"{self.step.origin.field} of {source.ref}" if source is not None else "Another rule"
        return (
            f"{by} for {self._hosts} gets all TCP connections on its port of {gateway}, also those to "
            f"{self.broken.request.host}"
        )

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        hop, host = gateway_hop(broken), broken.request.host
        for server in hop.on_port if hop is not None else ():
            if server.server.tls is not None:
                yield Fix(f"Give {host} a server of its own", (with_own_server(server, host),))
        for routes in hop.routes if hop is not None else ():
            for server in gateway_servers(broken):
                if (
                    kind_of_server(server) != "tcp"
                    or not is_bound(routes, server)
                    or not has_host(server, broken.request.host)
                ):
                    continue
                for port in (each for each in _PORTS if each != server.server.port.number):
                    added = new_server("tcp", port, [broken.request.host])
                    added["port"]["name"] = f"tcp-{port}-{name_for_host(broken.request.host)}"[:63]
                    opened = appended(server.gateway, "spec.servers", added)
                    moved = moved_rules(routes.source, server, broken.service, port)
                    yield Fix(f"Use port {port} of the gateway for {broken.request.host}", (opened, *moved))
        yield from self._moved(broken)
        yield Fix("Use another port of the gateway's Service for one of the hosts")

    def _moved(self, broken: BrokenRequest) -> Iterator[Fix]:
        """The host's own server, ignored on the shared port, on a port that no server uses."""
        host, every = broken.request.host, list(broken.mesh.virtual_services.all_rules())
        refused = [each for proxy in broken.gateways if proxy.inbound is not None for each in proxy.inbound.refused]
        for server in (each for each in dict.fromkeys(refused) if has_host(each, host)):
            bound = [
                each.source
                for each in (*broken.to_gateway, *every)
                if each in broken.to_gateway or is_bound(each, server)
            ]
            for port in ports_for(broken):
                changes = moved_server(server, bound, broken.service, port)
                yield Fix(f"Use port {port} of the gateway for {host}", changes)
