"""The route configurations of a gateway.

Source: Istio `buildGatewayHTTPRouteConfig` in `pilot/pkg/networking/core/gateway.go`."""

from collections.abc import Iterator, Mapping, Sequence

from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.mesh.objects.routing_rules import RoutingRules
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import MeshService
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.proxy.listeners import Provenance
from checks.istio.proxy.routes import HttpRoute, RouteConfiguration, VirtualHost, rule_routes, sets_require_tls


class _Host:
    """A virtual host while it is built."""

    def __init__(self) -> None:
        self.routes: list[HttpRoute] = []
        self.origin = Provenance(None)
        self.require_tls = False


class GatewayRoutes:
    """The route configurations of one gateway proxy."""

    def __init__(self, mesh: Mesh, proxy: Proxy, by_route: Mapping[str, Sequence[GatewayServer]]) -> None:
        self._mesh, self._proxy, self._by_route = mesh, proxy, by_route
        self._scope = mesh.scope(proxy)

    def configuration(self, name: str) -> RouteConfiguration:
        """A route configuration by its name."""
        hosts: dict[str, _Host] = {}
        built: dict[tuple[str, int], tuple[HttpRoute, ...]] = {}
        for server in self._by_route.get(name, ()):
            self._add(hosts, built, server)
        if not hosts:
            hosts["*"] = _Host()
        return RouteConfiguration(
            name,
            {
                host: VirtualHost(host, (host,), _catch_all_last(each.routes), 0, each.require_tls, each.origin)
                for host, each in hosts.items()
            },
        )

    def _add(
        self, hosts: dict[str, _Host], built: dict[tuple[str, int], tuple[HttpRoute, ...]], server: GatewayServer
    ) -> None:
        redirect = sets_require_tls(server.server.tls)
        for rules, common in self.rules(server):
            key = (server.name, id(rules))
            if key not in built:
                port = server.server.port.number
                built[key] = rule_routes(rules, self._proxy, port, server.name, self._services_of(rules))
            for host in common if built[key] else ():
                made = hosts.setdefault(host.lower(), _Host())
                if not made.routes:
                    made.origin = Provenance(rules.source, "spec.hosts")
                made.routes += built[key]
                made.require_tls |= redirect
        for host in server.hosts if redirect else ():
            hosts.setdefault(host.lower(), _Host()).require_tls = True

    def rules(self, server: GatewayServer) -> Iterator[tuple[RoutingRules, list[str]]]:
        """The VirtualServices of a server, each with the hosts that both have."""
        by_namespace: dict[str, HostIndex[tuple[int, str]]] = {}
        for rules in self._mesh.rules_of_gateway(self._proxy.namespace, server.name):
            if rules.namespace not in by_namespace:
                own = enumerate(server.hosts_in(rules.namespace))
                by_namespace[rules.namespace] = HostIndex(((at, host), [host]) for at, host in own)
            common = _intersection(by_namespace[rules.namespace], rules.hosts)
            if common:
                yield rules, common

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


def _intersection(ones: HostIndex[tuple[int, str]], others: Sequence[str]) -> list[str]:
    """The common hosts of both lists, in the order of the server's.

    Of two hosts that overlap, the more specific one is returned.
    """
    pairs = sorted((at, place, one) for place, other in enumerate(others) for at, one in ones.overlapping(other))
    found: list[str] = []
    for _, place, one in pairs:
        other = others[place]
        common = one if is_subset(one, other) else other if is_subset(other, one) else ""
        if common and common not in found:
            found.append(common)
    return found
