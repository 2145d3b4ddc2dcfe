"""The servers of Gateways, as a gateway proxy has them."""

from dataclasses import dataclass

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway, Server
from checks.istio.mesh.gateway_api.gateways import ListenerGateway
from checks.istio.mesh.protocols import Protocol, parse_protocol
from checks.istio.proxy.listeners import Provenance

_OF_LISTENERS = {"port.number": "port", "port.protocol": "protocol", "hosts": "hostname"}


@dataclass(frozen=True, slots=True, eq=False)
class GatewayServer:
    """A server of a Gateway, with the hosts that istiod keeps on a proxy."""

    gateway: Gateway
    index: int
    server: Server
    hosts: tuple[str, ...]
    """`host` or `namespace/host`."""
    route: str
    """The name of its route configuration; "" for TCP."""

    @property
    def protocol(self) -> Protocol:
        return parse_protocol(self.server.port.protocol)

    @property
    def name(self) -> str:
        return f"{self.gateway.namespace}/{self.gateway.name}"

    @property
    def mode(self) -> str:
        return self.server.tls_mode

    @property
    def passthrough(self) -> bool:
        return self.mode in ("PASSTHROUGH", "AUTO_PASSTHROUGH")

    @property
    def terminates_http(self) -> bool:
        """HTTPS with TLS termination: an HTTP connection manager behind a TLS context."""
        return self.protocol is Protocol.HTTPS and self.server.tls is not None and not self.passthrough

    @property
    def is_tls(self) -> bool:
        return self.server.tls is not None and not self.protocol.is_http

    @property
    def is_http(self) -> bool:
        return self.protocol.is_http or self.terminates_http

    @property
    def host_names(self) -> tuple[str, ...]:
        """Its hosts without the namespaces of VirtualServices, in lower case."""
        return tuple(each.rpartition("/")[2].lower() for each in self.hosts)

    @property
    def server_names(self) -> tuple[str, ...]:
        return tuple(sorted({each.rpartition("/")[2] for each in self.hosts}))

    @property
    def written(self) -> KubernetesObject:
        """The object in which it is written.

        It is a Gateway of Istio or of the Gateway API, or a ListenerSet.
        """
        return self.gateway.source if isinstance(self.gateway, ListenerGateway) else self.gateway

    @property
    def place(self) -> str:
        """Its path in this object."""
        return self.gateway.field if isinstance(self.gateway, ListenerGateway) else f"spec.servers[{self.index}]"

    def field(self, name: str) -> str:
        """The path of a field such as `port.number`.

        A listener of the Gateway API has it under its own name.
        """
        own = _OF_LISTENERS.get(name, name) if isinstance(self.gateway, ListenerGateway) else name
        return f"{self.place}.{own}"

    @property
    def origin(self) -> Provenance:
        return Provenance(self.written, self.place)

    def hosts_in(self, namespace: str) -> list[str]:
        """The hosts for VirtualServices of a namespace."""
        found = []
        for each in self.hosts:
            place, slash, host = each.rpartition("/")
            if not slash or place in (namespace, "*"):
                found.append(host)
        return found


def gateway_server(gateway: Gateway, index: int, server: Server, port: int) -> GatewayServer:
    """A server of a Gateway that listens on a port of the proxy."""
    return GatewayServer(gateway, index, server, _hosts(server, gateway.namespace), _route(server, gateway, port))


def _hosts(server: Server, namespace: str) -> tuple[str, ...]:
    found = []
    for each in server.hosts:
        place, slash, host = each.partition("/")
        if not slash:
            found.append(each)
        elif place == ".":
            found.append(f"{namespace}/{host}")
        elif place == "*":
            if host == "*":
                return ("*",)
            found.append(host)
        else:
            found.append(each)
    return tuple(found)


def _route(server: Server, gateway: Gateway, port: int) -> str:
    protocol = parse_protocol(server.port.protocol)
    bind = f".{server.bind}" if server.bind else ""
    if protocol.is_http:
        return f"http.{port}{bind}"
    if protocol is Protocol.HTTPS and server.tls_mode not in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
        return f"https.{server.port.number}.{server.port.name}.{gateway.name}.{gateway.namespace}{bind}"
    return ""
