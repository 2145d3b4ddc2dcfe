"""The listeners of a gateway.

Source: Istio `buildGatewayListeners` in `pilot/pkg/networking/core/gateway.go`."""

from collections.abc import Iterator

from checks.facts.gateway_api import TLSRoute
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.mesh.proxies import Proxy
from checks.istio.proxy.clusters import Clusters
from checks.istio.proxy.gateway_routes import GatewayRoutes
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.proxy.gateway_sockets import GatewaySockets, Socket
from checks.istio.proxy.listeners import DownstreamTls, EnvoyListener, FilterChain, HttpManager, Provenance, TcpProxy
from checks.istio.proxy.routes import RouteConfiguration
from checks.istio.proxy.weights import tcp_clusters
from checks.model.raw_values import Raw, items, number, text, texts


class GatewayListeners:
    """The listeners of one gateway proxy."""

    def __init__(self, mesh: Mesh, proxy: Proxy, clusters: Clusters) -> None:
        self._services, self._clusters = mesh.scope(proxy).by_host, clusters
        self._sockets = GatewaySockets(mesh, proxy)
        self._routes = GatewayRoutes(mesh, proxy, self._sockets.by_route)
        self._sni: dict[int, dict[str, str]] = {}
        self._chains: dict[int, list[FilterChain]] = {}
        self._listeners: dict[tuple[str | None, int], EnvoyListener | None] = {}

    @property
    def servers(self) -> tuple[GatewayServer, ...]:
        """The servers that it listens for, in the order of their Gateways."""
        return self._sockets.servers

    @property
    def refused(self) -> list[GatewayServer]:
        """Servers that conflict with an older one on their port."""
        return self._sockets.refused

    def routes(self, name: str) -> RouteConfiguration:
        """A route configuration by its name."""
        return self._routes.configuration(name)

    def server_ports(self, name: str) -> tuple[int, ...]:
        """The ports of the servers that share a route configuration, as their Gateways write them."""
        return tuple(dict.fromkeys(each.server.port.number for each in self._sockets.by_route.get(name, ())))

    def listener_for(self, address: str, port: int) -> EnvoyListener | None:
        """The listener of a pod's address and a port; None if nothing listens there."""
        # Pods share a listener unless a server binds to the address of one of them.
        bound = any(each.bind == address for each in self._sockets.ports.get(port, ()))
        key = (address if bound else None, port)
        if key not in self._listeners:
            self._listeners[key] = self._listener(*key)
        return self._listeners[key]

    def _listener(self, address: str | None, port: int) -> EnvoyListener | None:
        sockets = [each for each in self._sockets.ports.get(port, ()) if each.bind in ("", "0.0.0.0", address)]  # noqa: S104
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

    def _chains_of(self, port: int, socket: Socket) -> list[FilterChain]:
        """The chains of a socket, built once: a server name that an earlier one has is left out."""
        if id(socket) not in self._chains:
            known = dict(self._sni.get(port, {}))
            self._chains[id(socket)] = list(self._filter_chains(socket, known))
            self._sni[port] = known  # only now: an unreadable kind ends the chains of a socket
        return self._chains[id(socket)]

    def _filter_chains(self, socket: Socket, known: dict[str, str]) -> Iterator[FilterChain]:
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
                yield from self._passthrough(server, known)

    def _tcp_target(self, server: GatewayServer) -> TcpProxy | None:
        """The first TCP rule that matches the server, or the first rule of a TLSRoute.

        Source: Istio `buildGatewayNetworkFiltersFromTCPRoutes`.
        """
        for rules, _ in self._routes.rules(server):
            for rule in (*rules.tcp, *(rules.tls if isinstance(rules.source, TLSRoute) else ())):
                blocks = rule.matches()
                every = not blocks and rule in rules.tcp
                if items(rule.raw, "route") and (every or any(_l4(rule, each, server) for each in blocks)):
                    return tcp_clusters(rule, server.server.port.number, self._services, self._clusters)
        return None

    def _passthrough(self, server: GatewayServer, known: dict[str, str]) -> Iterator[FilterChain]:
        if server.mode == "AUTO_PASSTHROUGH":
            return
        for rules, _ in self._routes.rules(server):
            for rule in rules.tls:
                for match in rule.matches() if items(rule.raw, "route") else ():
                    names = texts(match, "sniHosts")
                    if not _l4(rule, match, server) or any(known.get(each) == server.server.bind for each in names):
                        continue
                    known.update(dict.fromkeys(names, server.server.bind))
                    target = tcp_clusters(rule, server.server.port.number, self._services, self._clusters)
                    yield FilterChain(target, names, origin=Provenance(rule.source, rule.field))


def _context(server: GatewayServer) -> DownstreamTls:
    tls: Raw = server.server.tls or {}
    names = certificate_names(tls)
    return DownstreamTls(server.mode, names, bool(text(tls, "serverCertificate")) and not names)


def certificate_names(tls: Raw) -> tuple[str, ...]:
    """The Secrets with the certificates of a server: `credentialNames`, else `credentialName`."""
    single = text(tls, "credentialName")
    return tuple(texts(tls, "credentialNames")) or ((single,) if single else ())


def _l4(rule: RoutingRule, match: Raw, server: GatewayServer) -> bool:
    gateways = rule.gateways(match)
    port = number(match, "port")
    return (not gateways or server.name in gateways) and port in (None, 0, server.server.port.number)
