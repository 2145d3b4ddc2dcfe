"""The listeners and routes of a gateway: servers of all Gateways that select it, merged by port.

Source: Istio `pilot/pkg/model/gateway.go`, `pilot/pkg/networking/core/gateway.go`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checks.facts.istio_networking import Gateway, Server
from checks.istio.mesh.gateway_api.gateways import ListenerGateway, without_other_namespaces
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.names import hosts_overlap, is_subset
from checks.istio.mesh.protocols import Protocol, parse_protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import MeshService
from checks.istio.mesh.virtual_services import RoutingRule, RoutingRules
from checks.istio.proxy.clusters import Clusters
from checks.istio.proxy.listeners import DownstreamTls, EnvoyListener, FilterChain, HttpManager, Provenance, TcpProxy
from checks.istio.proxy.routes import HttpRoute, RouteConfiguration, VirtualHost, rule_routes, sets_require_tls
from checks.istio.proxy.weights import tcp_clusters
from checks.model.raw_values import Raw, items, number, text, texts

_TERMINATING = ("SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL")


@dataclass(frozen=True, slots=True, eq=False)
class GatewayServer:
    """A server of a Gateway, as a gateway proxy has it."""

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
    def server_names(self) -> tuple[str, ...]:
        return tuple(sorted({each.rpartition("/")[2] for each in self.hosts}))

    @property
    def origin(self) -> Provenance:
        if isinstance(self.gateway, ListenerGateway):
            return Provenance(self.gateway.source, self.gateway.field)
        return Provenance(self.gateway, f"spec.servers[{self.index}]")

    def hosts_in(self, namespace: str) -> list[str]:
        """The hosts for VirtualServices of a namespace."""
        found = []
        for each in self.hosts:
            place, slash, host = each.rpartition("/")
            if not slash or place in (namespace, "*"):
                found.append(host)
        return found


@dataclass(slots=True)
class _Port:
    """The servers of a socket."""

    protocol: Protocol
    bind: str
    servers: list[GatewayServer] = field(default_factory=list)


class GatewayListeners:
    """The listeners of one gateway proxy."""

    def __init__(self, mesh: Mesh, proxy: Proxy, clusters: Clusters) -> None:
        self._mesh, self._proxy, self._clusters = mesh, proxy, clusters
        self._scope = mesh.scope(proxy)
        self._ports: dict[int, list[_Port]] = {}
        self._by_route: dict[str, list[GatewayServer]] = {}
        self.refused: list[GatewayServer] = []
        """Servers that conflict with an older one on their port."""
        self._hosts: dict[int, dict[str, str]] = {}
        self._sni: dict[int, dict[str, str]] = {}
        for gateway in without_other_namespaces([each for each in mesh.gateways if self._selects(each)]):
            self._merge(gateway)
        self._chains: dict[int, list[FilterChain]] = {}
        self._listeners: dict[tuple[str, int], EnvoyListener | None] = {}

    @property
    def servers(self) -> tuple[GatewayServer, ...]:
        """The servers that it listens for, in the order of their Gateways."""
        placed = [each for ports in self._ports.values() for port in ports for each in port.servers]
        return tuple(sorted(placed, key=lambda each: (self._mesh.gateways.index(each.gateway), each.index)))

    def _selects(self, gateway: Gateway) -> bool:
        if isinstance(gateway, ListenerGateway):
            return bool(self._bound(gateway))
        return all(self._proxy.labels.get(key) == value for key, value in gateway.selector.items())

    def _merge(self, gateway: Gateway) -> None:
        for index, server in enumerate(gateway.servers):
            for port in self._listening_ports(gateway, server.port.number):
                made = GatewayServer(
                    gateway, index, server, _hosts(server, gateway.namespace), _route(server, gateway, port)
                )
                if not self._placed(made, port):
                    self.refused.append(made)

    def _placed(self, server: GatewayServer, number_: int) -> bool:
        bind = server.server.bind
        if server.server.tls is not None:
            known = self._hosts.setdefault(number_, {})
            if any(known.get(each) == bind for each in server.hosts):
                return False
            known.update(dict.fromkeys(server.hosts, bind))
        ports = self._ports.setdefault(number_, [])
        if not ports:
            ports.append(_Port(server.protocol, bind, [server]))
            self._add_route(server)
            return True
        plain = next((each for each in ports if not each.servers[0].is_tls), None)
        if plain is not None:
            return self._beside_plain(server, plain, ports)
        return self._beside_tls(server, ports)

    def _beside_plain(self, server: GatewayServer, plain: _Port, ports: list[_Port]) -> bool:
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

    def _beside_tls(self, server: GatewayServer, ports: list[_Port]) -> bool:
        if server.is_tls and server.is_http:
            if not server.route or server.route in self._by_route:
                return False
        elif server.server.tls is None and any(
            each.bind == server.server.bind and each.protocol is server.protocol for each in ports
        ):
            return False
        self._socket(server, ports).servers.append(server)
        self._add_route(server)
        return True

    @staticmethod
    def _socket(server: GatewayServer, ports: list[_Port]) -> _Port:
        for each in ports:
            if each.bind == server.server.bind and each.protocol is server.protocol:
                return each
        made = _Port(server.protocol, server.server.bind)
        ports.append(made)
        return made

    def _add_route(self, server: GatewayServer) -> None:
        if server.is_http and server.route:
            self._by_route.setdefault(server.route, []).append(server)

    def _listening_ports(self, gateway: Gateway, number_: int) -> list[int]:
        """The ports on which a server listens: the target port of the gateway's Service, or its own number. A Gateway
        of the Gateway API has only ports of the Services that it names (`resolvePorts`)."""
        bound = isinstance(gateway, ListenerGateway)
        found = [
            port.target if isinstance(port.target, int) else self._named(port.target) or number_
            for service in (self._bound(gateway) if isinstance(gateway, ListenerGateway) else self._services())
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

    def _services(self) -> Iterator[MeshService]:
        for each in self._scope.services:
            if each.kubernetes and each.namespace == self._proxy.namespace and self._is_before(each):
                yield each

    def _named(self, name: str) -> int | None:
        for container in items(self._proxy.pod.raw, "spec", "containers"):
            for port in items(container, "ports"):
                if text(port, "name") == name:
                    return number(port, "containerPort")
        return None

    # listeners

    def listener_for(self, address: str, port: int) -> EnvoyListener | None:
        """The listener of a pod's address and a port; None if nothing listens there."""
        if (address, port) not in self._listeners:
            self._listeners[address, port] = self._listener(address, port)
        return self._listeners[address, port]

    def _listener(self, address: str, port: int) -> EnvoyListener | None:
        sockets = [each for each in self._ports.get(port, ()) if each.bind in ("", "0.0.0.0", address)]  # noqa: S104
        if not sockets:
            return None
        # An exact address wins over the wildcard; both protocols of one socket share a listener.
        exact = [each for each in sockets if each.bind == address]
        chains = [chain for each in exact or sockets for chain in self._chains_of(port, each)]
        if not chains:
            return None
        default = next((each for each in chains if each.matches_all and each.tls is None), None)
        first = sockets[0].servers[0]
        return EnvoyListener(
            f"0.0.0.0_{port}", tuple(each for each in chains if each is not default), default, True, False, first.origin
        )

    def _chains_of(self, port: int, socket: _Port) -> list[FilterChain]:
        """The chains of a socket, built once: a server name that an earlier one has is left out."""
        if id(socket) not in self._chains:
            self._chains[id(socket)] = list(self._filter_chains(port, socket))
        return self._chains[id(socket)]

    def _filter_chains(self, port: int, socket: _Port) -> Iterator[FilterChain]:
        if socket.protocol.is_http:
            yield FilterChain(HttpManager(socket.servers[0].route), origin=socket.servers[0].origin)
            return
        for server in socket.servers:
            if server.terminates_http:
                target = HttpManager(server.route)
                yield FilterChain(target, server.server_names, tls=_context(server), origin=server.origin)
            elif server.server.tls is None or not server.passthrough:
                found = self._tcp_target(server)
                if found is not None:
                    names = server.server_names if server.server.tls is not None else ()
                    tls = _context(server) if server.server.tls is not None else None
                    yield FilterChain(found, names, tls=tls, origin=server.origin)
            else:
                yield from self._passthrough(server, port)

    def _tcp_target(self, server: GatewayServer) -> TcpProxy | None:
        """The first TCP rule that matches the server."""
        for rules in self._rules(server):
            for rule in rules.tcp:
                blocks = rule.matches()
                if items(rule.raw, "route") and (not blocks or any(_l4(rule, each, server) for each in blocks)):
                    return tcp_clusters(rule, server.server.port.number, self._scope.by_host, self._clusters)
        return None

    def _passthrough(self, server: GatewayServer, port: int) -> Iterator[FilterChain]:
        if server.mode == "AUTO_PASSTHROUGH":
            return
        known = self._sni.setdefault(port, {})
        for rules in self._rules(server):
            for rule in rules.tls:
                for match in rule.matches() if items(rule.raw, "route") else ():
                    names = texts(match, "sniHosts")
                    if not _l4(rule, match, server) or any(known.get(each) == server.server.bind for each in names):
                        continue
                    known.update(dict.fromkeys(names, server.server.bind))
                    target = tcp_clusters(rule, server.server.port.number, self._scope.by_host, self._clusters)
                    yield FilterChain(target, names, origin=Provenance(rule.source, rule.field))

    def _rules(self, server: GatewayServer) -> Iterator[RoutingRules]:
        for rules in self._mesh.virtual_services.for_gateway(self._proxy.namespace, server.name):
            own = server.hosts_in(rules.namespace)
            if any(hosts_overlap(one, other) for one in own for other in rules.hosts):
                yield rules

    # routes

    def routes(self, name: str) -> RouteConfiguration:
        """A route configuration by its name."""
        hosts: dict[str, list[HttpRoute]] = {}
        redirects: set[str] = set()
        origins: dict[str, Provenance] = {}
        built: dict[tuple[str, int], tuple[HttpRoute, ...]] = {}
        servers = self._by_route.get(name, [])
        for server in servers:
            port = server.server.port.number
            redirect = sets_require_tls(server.server.tls)
            for rules in self._mesh.virtual_services.for_gateway(self._proxy.namespace, server.name):
                common = _intersection(server.hosts_in(rules.namespace), rules.hosts)
                if not common:
                    continue
                key = (server.name, id(rules))
                if key not in built:
                    built[key] = rule_routes(rules, self._proxy, port, server.name, self._services_of(rules))
                if not built[key]:
                    continue
                for host in common:
                    hosts.setdefault(host.lower(), []).extend(built[key])
                    origins.setdefault(host.lower(), Provenance(rules.source, "spec.hosts"))
                    if redirect:
                        redirects.add(host.lower())
            for host in server.hosts if redirect else ():
                redirects.add(host.lower())
                hosts.setdefault(host.lower(), [])
        if not hosts:
            hosts["*"] = []
        return RouteConfiguration(
            name,
            {
                host: VirtualHost(
                    host, (host,), _catch_all_last(routes), 0, host in redirects, origins.get(host, Provenance(None))
                )
                for host, routes in hosts.items()
            },
        )

    def _services_of(self, rules: RoutingRules) -> Mapping[str, MeshService]:
        """Services by host as destinations of a VirtualService: of its own namespace first."""
        found: dict[str, MeshService] = {}
        for host, _ in rules.destinations(""):
            own = self._mesh.exports.by_host.get(host, {}).get(rules.namespace)
            if own is not None and self._mesh.exports.is_visible(own, self._proxy.namespace):
                found[host] = own
            elif host in self._scope.by_host:
                found[host] = self._scope.by_host[host]
        return found


def _catch_all_last(routes: Sequence[HttpRoute]) -> tuple[HttpRoute, ...]:
    return (*(r for r in routes if not r.catches_all), *(r for r in routes if r.catches_all))


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


def _context(server: GatewayServer) -> DownstreamTls:
    tls: Raw = server.server.tls or {}
    files = bool(text(tls, "serverCertificate")) and not text(tls, "credentialName")
    return DownstreamTls(server.mode, text(tls, "credentialName"), files)


def _l4(rule: RoutingRule, match: Raw, server: GatewayServer) -> bool:
    gateways = rule.gateways(match)
    port = number(match, "port")
    return (not gateways or server.name in gateways) and port in (None, 0, server.server.port.number)


def _intersection(ones: Sequence[str], others: Sequence[str]) -> list[str]:
    """The common hosts, each as the more specific of both writes it."""
    found: list[str] = []
    for one in ones:
        for other in others:
            common = one if is_subset(one, other) else other if is_subset(other, one) else ""
            if common and common not in found:
                found.append(common)
    return found
