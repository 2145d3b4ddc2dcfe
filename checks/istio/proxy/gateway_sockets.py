"""The sockets of a gateway: servers of all Gateways that select it, merged by port.

Source: Istio `MergeGateways` in `pilot/pkg/model/gateway.go`."""

from dataclasses import dataclass, field
from functools import cached_property

from checks.facts.istio_networking import Gateway
from checks.istio.mesh.gateway_api.gateways import ListenerGateway, without_other_namespaces
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import MeshService
from checks.istio.proxy.gateway_servers import GatewayServer, gateway_server
from checks.model.raw_values import items, number, text


@dataclass(slots=True)
class Socket:
    """The servers of all Gateways that share an address and port of the proxy."""

    protocol: Protocol
    bind: str
    servers: list[GatewayServer] = field(default_factory=list)


class GatewaySockets:
    """The servers of one gateway proxy by port and by route configuration."""

    def __init__(self, mesh: Mesh, proxy: Proxy) -> None:
        self._mesh, self._proxy = mesh, proxy
        self._scope = mesh.scope(proxy)
        self.ports: dict[int, list[Socket]] = {}
        self.by_route: dict[str, list[GatewayServer]] = {}
        self.refused: list[GatewayServer] = []
        """Servers that conflict with an older one on their port."""
        self._hosts: dict[int, dict[str, str]] = {}
        for gateway in without_other_namespaces(
            [each for each in mesh.gateways_selecting(proxy.labels) if self._selects(each)]
        ):
            self._merge(gateway)

    @property
    def servers(self) -> tuple[GatewayServer, ...]:
        """The servers that it listens for, in the order of their Gateways."""
        placed = [each for ports in self.ports.values() for port in ports for each in port.servers]
        return tuple(sorted(placed, key=lambda each: (self._mesh.place_of_gateway(each.gateway), each.index)))

    def _selects(self, gateway: Gateway) -> bool:
        if isinstance(gateway, ListenerGateway):
            return bool(self._bound(gateway))
        return all(self._proxy.labels.get(key) == value for key, value in gateway.selector.items())

    def _merge(self, gateway: Gateway) -> None:
        for index, server in enumerate(gateway.servers):
            for port in self._listening_ports(gateway, server.port.number):
                made = gateway_server(gateway, index, server, port)
                if not self._placed(made, port):
                    self.refused.append(made)

    def _placed(self, server: GatewayServer, number_: int) -> bool:
        bind = server.server.bind
        if server.server.tls is not None:
            known = self._hosts.setdefault(number_, {})
            if any(known.get(each) == bind for each in server.hosts):
                return False
            known.update(dict.fromkeys(server.hosts, bind))
        ports = self.ports.setdefault(number_, [])
        if not ports:
            ports.append(Socket(server.protocol, bind, [server]))
            self._add_route(server)
            return True
        plain = next((each for each in ports if not each.servers[0].is_tls), None)
        if plain is not None:
            return self._beside_plain(server, plain, ports)
        return self._beside_tls(server, ports)

    def _beside_plain(self, server: GatewayServer, plain: Socket, ports: list[Socket]) -> bool:
        same = plain.bind == server.server.bind
        merges = (plain.protocol.is_http or plain.protocol is server.protocol) and server.protocol.is_http
        if same and (not merges or not server.route):
            return False
        if same:
            plain.servers.append(server)
        else:
            self._socket(server, ports).servers.append(server)
        self._add_route(server)
        return True

    def _beside_tls(self, server: GatewayServer, ports: list[Socket]) -> bool:
        if server.is_tls and server.is_http:
            if not server.route or server.route in self.by_route:
                return False
        elif server.server.tls is None and any(
            each.bind == server.server.bind and each.protocol is server.protocol for each in ports
        ):
            return False
        self._socket(server, ports).servers.append(server)
        self._add_route(server)
        return True

    @staticmethod
    def _socket(server: GatewayServer, ports: list[Socket]) -> Socket:
        for each in ports:
            if each.bind == server.server.bind and each.protocol is server.protocol:
                return each
        made = Socket(server.protocol, server.server.bind)
        ports.append(made)
        return made

    def _add_route(self, server: GatewayServer) -> None:
        if server.is_http and server.route:
            self.by_route.setdefault(server.route, []).append(server)

    def _listening_ports(self, gateway: Gateway, number_: int) -> list[int]:
        """The ports on which a server listens.

        Each is the target port of the gateway's Service, or the server's own number. A Gateway of the Gateway API has
        only ports of the Services that it names.

        Source: Istio `resolvePorts`.
        """
        bound = isinstance(gateway, ListenerGateway)
        found = [
            port.target if isinstance(port.target, int) else self._named(port.target) or number_
            for service in (self._bound(gateway) if isinstance(gateway, ListenerGateway) else self._services)
            for port in (service.port(number_),)
            if port is not None
        ]
        return list(dict.fromkeys(found)) if bound else found[:1] or [number_]

    def _bound(self, gateway: ListenerGateway) -> list[MeshService]:
        """The Services before this proxy that a Gateway of the Gateway API names."""
        if self._proxy.namespace != gateway.service_namespace:
            return []
        found = (self._mesh.exports.by_host.get(each, {}).get(self._proxy.namespace) for each in gateway.services)
        return [each for each in found if each is not None and each.kubernetes and self._is_before(each)]

    def _is_before(self, service: MeshService) -> bool:
        return bool(service.selector) and all(self._proxy.labels.get(k) == v for k, v in service.selector.items())

    @cached_property
    def _services(self) -> list[MeshService]:
        """The Services before this proxy, oldest first."""
        exports, namespace = self._mesh.exports, self._proxy.namespace
        hosts = [each for each in exports.kubernetes_hosts(namespace) if exports.by_host[each][namespace].kubernetes]
        found = [self._scope.by_host[each] for each in hosts]
        return [each for each in found if each.kubernetes and each.namespace == namespace and self._is_before(each)]

    def _named(self, name: str) -> int | None:
        for container in items(self._proxy.pod.raw, "spec", "containers"):
            for port in items(container, "ports"):
                if text(port, "name") == name:
                    return number(port, "containerPort")
        return None
