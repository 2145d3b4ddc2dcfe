"""Why no server takes a request on the port of the gateway to which its sidecar sends it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import JsonPatch, ObjectChange
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, gateway_hop, is_bound, rule_field, server_place
from checks.istio.faults.gateway.gateway_server import AT_SERVER
from checks.istio.faults.gateway.server_protocol import servers_of_other_kind
from checks.istio.fixes.fields import appended, name_for_host, set_field
from checks.istio.fixes.gateways import moved_rules, new_server
from checks.istio.fixes.rules import gateway_servers, has_host, kind_of_scheme, kind_of_server
from checks.istio.fixes.tls_settings import policy_place, port_entry
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.findings import Evidence
from checks.model.raw_values import text
from checks.model.route import HopName

_PORTS = (80, 443)
"""The ports that the add-on's Service has."""


def at_server_port(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The reasons in the ports of servers."""
    hop = gateway_hop(broken)
    if hop is None or broken.end.ending not in AT_SERVER:
        return
    refused = (each for proxy in hop.proxies if proxy.inbound is not None for each in proxy.inbound.refused)
    for server in dict.fromkeys(refused):
        older = _winner(hop, server) if has_host(server, hop.host) else None
        if older is not None:
            yield ServerLeftOut(hop, server, older)
    yield from servers_of_other_kind(hop)
    if not hop.on_port or all(kind_of_server(each) != kind_of_scheme(broken.request.scheme) for each in hop.on_port):
        yield NoServer(hop)


def _winner(hop: GatewayHop, server: GatewayServer) -> GatewayServer | None:
    """The server that istiod keeps instead: one with the same host, else the first on the port."""
    same = [each for each in gateway_servers(hop.broken) if each.server.port.number == server.server.port.number]
    shared = [each for each in same if set(each.server.hosts) & set(server.server.hosts)]
    return next(iter((*shared, *same)), None)


@dataclass(frozen=True, slots=True)
class ServerLeftOut(RouteFault):
    """A server that istiod ignores, because an older one on the port conflicts with it.

    Source: docs/domain/istio.md#b24.
    """

    name: ClassVar[str] = "server-left-out"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-server-unreachable"
    at: GatewayHop
    server: GatewayServer
    older: GatewayServer

    def sentence(self) -> str:
        mine, theirs = self.server.server.port.protocol, self.older.server.port.protocol
        reason = f"{self.older.gateway.ref}, which is older, has protocol {theirs} there and not {mine}"
        shared = set(self.server.server.hosts) & set(self.older.server.hosts)
        if mine == theirs and not shared:
            reason = (
                f"{self.older.gateway.ref}, which is older, has a {theirs} server there, and the port can have only one"
            )
        elif mine == theirs:
            reason = f"{self.older.gateway.ref}, which is older, has a server for the same hosts there"
        return f"Istiod ignores {server_place(self.server)} on port {self.server.server.port.number}: {reason}"

    def evidence(self) -> tuple[Evidence, ...]:
        field = self.server.field("port.protocol")
        theirs = self.older.field("port.protocol")
        mine, other = self.server.written, self.older.written
        return (
            Evidence(mine.ref, field, self.server.server.port.protocol, self.older.server.port.protocol),
            Evidence(other.ref, theirs, self.older.server.port.protocol),
            Evidence(mine.ref, "metadata.creationTimestamp", _created(mine), f"before {_created(other)}"),
        )

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for port in _PORTS:
            if port != self.server.server.port.number:
                title = f"Move the server to port {port}, which no other Gateway uses with another protocol"
                yield Fix(title, (self._moved(port), *self._rules(port), *self._tls(port)))

    def _moved(self, port: int) -> JsonPatch:
        return set_field(self.server.written, self.server.field("port.number"), port)

    def _rules(self, port: int) -> Iterator[JsonPatch]:
        for source in _sources(self.at, self.server):
            yield from moved_rules(source, self.server, self.at.broken.service, port)

    def _tls(self, port: int) -> Iterator[JsonPatch]:
        """The port-level TLS settings of sidecars, for the new port."""
        place = policy_place(self.at.sent) if self.at.sent is not None else None
        entry = port_entry(place[2], self.at.name.port) if place is not None else None
        if place is not None and entry is not None:
            yield set_field(place[0], f"{place[1]}.portLevelSettings[{entry}].port.number", port)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.server.written, self.older.written)


def _sources(hop: GatewayHop, server: GatewayServer) -> Iterator[VirtualService]:
    """The VirtualServices that are bound to a server's Gateway."""
    every = hop.broken.mesh.virtual_services.all_rules()
    bound = dict.fromkeys(each.source for each in every if is_bound(each, server))
    yield from (each for each in bound if isinstance(each, VirtualService))


def _created(thing: KubernetesObject) -> str:
    return text(thing.raw, "metadata", "creationTimestamp") or "(unknown)"


@dataclass(frozen=True, slots=True)
class NoServer(RouteFault):
    """No server has the host on the port to which the sidecar sends the request.

    Source: docs/domain/istio.md#b30.
    """

    name: ClassVar[str] = "no-server"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-server-unreachable"
    at: GatewayHop

    def sentence(self) -> str:
        kind, gateway = kind_of_scheme(self.at.broken.request.scheme), self.at.broken.facts.gateway.ref
        servers = "server" if not self.at.on_port else f"server for {kind} rules"
        where = f"on port {self.at.name.port}, to which {rule_field(self.at.step)} routes it"
        return f"No {servers} of {gateway} has {self.at.host} {where}"

    def evidence(self) -> tuple[Evidence, ...]:
        port, source = self.at.name.port, self.at.step.origin.source
        servers = (
            Evidence(each.written.ref, each.field("port.number"), _port(each), str(port))
            for each in self.at.servers[:3]
        )
        field = f"{self.at.step.origin.field}.route[*].destination.port.number"
        return (*servers, *((Evidence(source.ref, field, str(port)),) if source is not None else ()))

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for server in self.at.servers:
            for source, path, _ in self.at.destination_paths():
                number = server.server.port.number
                yield Fix(
                    f"Route to port {number} of the gateway's Service",
                    (set_field(source, f"{path}.port", {"number": number}),),
                )
        for server in self.at.servers:
            path = server.field("port.number")
            title = f"Open port {self.at.name.port}, which the gateway's Service has"
            yield Fix(title, (set_field(server.written, path, self.at.name.port),))
        yield from self._added()

    def _added(self) -> Iterator[Fix]:
        """An additional server, in a Gateway that a VirtualService for the host names."""
        kind, host = kind_of_scheme(self.at.broken.request.scheme), self.at.host
        mesh_tls = self.at.tls is not None and self.at.tls.mode == "ISTIO_MUTUAL"
        for gateway in dict.fromkeys(self.at.existing[each] for each in self.at.named if each in self.at.existing):
            for port in dict.fromkeys((self.at.name.port, *_PORTS)):
                server = new_server(kind, port, [host], mesh_tls=mesh_tls)
                server["port"]["name"] = f"{server['port']['name']}-{name_for_host(host)}"[:63]
                changes: list[ObjectChange] = [appended(gateway, "spec.servers", server)]
                for source, path, _ in self.at.destination_paths() if port != self.at.name.port else ():
                    changes.append(set_field(source, f"{path}.port", {"number": port}))
                yield Fix(f"Open port {port} for {host}", tuple(changes))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return tuple(dict.fromkeys(each.written for each in self.at.servers))[:3]


def _port(server: GatewayServer) -> str:
    return f"{server.server.port.number} ({server.server.port.protocol})"
