"""The configuration of one proxy, generated when a part of it is read."""

from collections.abc import Callable
from functools import cached_property

from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.pods import Pod
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.scope import SidecarScope
from checks.istio.proxy.clusters import Clusters
from checks.istio.proxy.envoy_filters import Patches
from checks.istio.proxy.gateway import GatewayListeners
from checks.istio.proxy.outbound import OutboundListeners
from checks.istio.proxy.routes import RouteConfiguration
from checks.istio.proxy.sidecar_routes import sidecar_routes
from checks.istio.request.authorization import policies_of
from checks.istio.request.external_authorizers import ExternalAuthorizers


class ProxyConfiguration:
    """Listeners, routes, clusters and policies of one proxy."""

    def __init__(self, mesh: Mesh, proxy: Proxy) -> None:
        self.mesh, self.proxy = mesh, proxy
        self._routes: dict[tuple[str, str], RouteConfiguration | None] = {}
        self._destinations: dict[str, tuple[str, ...]] = {}

    @cached_property
    def clusters(self) -> Clusters:
        """The clusters of the proxy."""
        return Clusters(self.mesh, self.proxy)

    @cached_property
    def scope(self) -> SidecarScope:
        """The services and rules that the proxy imports."""
        return self.mesh.scope(self.proxy)

    @cached_property
    def outbound(self) -> OutboundListeners | None:
        """The listeners of a sidecar; None for a gateway."""
        return None if self.proxy.gateway else OutboundListeners(self.mesh, self.proxy, self.clusters)

    @cached_property
    def inbound(self) -> GatewayListeners | None:
        """The listeners of a gateway; None for a sidecar."""
        return GatewayListeners(self.mesh, self.proxy, self.clusters) if self.proxy.gateway else None

    @cached_property
    def policies(self) -> tuple[AuthorizationPolicy, ...]:
        """The AuthorizationPolicies that apply to the proxy."""
        return policies_of(self.mesh, self.proxy)

    @cached_property
    def authorizers(self) -> ExternalAuthorizers:
        """The external authorizers of its mesh."""
        return ExternalAuthorizers(self.mesh)

    @cached_property
    def patches(self) -> Patches:
        """The patches of EnvoyFilters that apply to the proxy."""
        return Patches(self.mesh, self.proxy)

    def routes(self, name: str, authority: str) -> RouteConfiguration | None:
        """The route configuration of a name.

        At a sidecar, only the part that decides about the authority is built.
        """
        key = (name, "" if self.inbound is not None else authority)
        if key not in self._routes:
            found = (
                self.inbound.routes(name)
                if self.inbound is not None
                else sidecar_routes(self.scope, self.proxy, name, authority)
            )
            ports = self.inbound.server_ports(name) if self.inbound is not None else ()
            self._routes[key] = self.patches.applied(found, ports) if found is not None else None
        return self._routes[key]

    def services_about(self, host: str) -> tuple[str, ...]:
        """The host, and the destinations of the rules for it."""
        if host not in self._destinations:
            rules = self.mesh.virtual_services.rules_overlapping(host)
            named = (name for each in rules for name, _ in each.destinations(self.proxy.namespace))
            self._destinations[host] = tuple(dict.fromkeys((host, *named)))
        return self._destinations[host]

    @cached_property
    def name(self) -> str:
        return f"{self.proxy.namespace}/{self.proxy.pod.name}"


_MOST_GATEWAYS = 32
"""The most configurations of gateways that are kept; a request passes far fewer."""


class ProxyConfigurations:
    """The configurations of all proxies; pods that cannot differ share one.

    Those of the gateways used last are kept: a fleet check evaluates each gateway once.
    """

    def __init__(self, mesh_of: Callable[[str], Mesh]) -> None:
        self._mesh_of = mesh_of
        self._known: dict[object, ProxyConfiguration] = {}
        self._of_proxy: dict[Proxy, ProxyConfiguration] = {}
        self._gateways: dict[object, list[Proxy]] = {}
        """The proxies of each configuration of a gateway, in the order of first use."""

    def of(self, mesh: Mesh, pod: Pod) -> ProxyConfiguration | None:
        """The configuration of a pod's proxy; None if it has none."""
        proxy = mesh.workloads.proxy(pod)
        if proxy is None:
            return None
        if proxy in self._of_proxy:
            return self._of_proxy[proxy]
        own = {key: value for key, value in proxy.labels.items() if key != "pod-template-hash"}
        key = (proxy.namespace, proxy.gateway, proxy.revision, proxy.account, tuple(sorted(own.items())))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = ProxyConfiguration(self._mesh_of(proxy.revision), proxy)
        self._of_proxy[proxy] = found
        if proxy.gateway:
            self._gateways.setdefault(key, []).append(proxy)
            if len(self._gateways) > _MOST_GATEWAYS:
                self._drop(next(iter(self._gateways)))
        return found

    def _drop(self, key: object) -> None:
        del self._known[key]
        for each in self._gateways.pop(key):
            del self._of_proxy[each]
