"""All objects of a mesh as one revision's istiod reads them."""

from collections.abc import Iterable, Mapping

from checks.facts.fact import Fact, KubernetesObject
from checks.facts.istio_networking import (
    DestinationRule,
    EnvoyFilter,
    Gateway,
    ServiceEntry,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)
from checks.facts.istio_policies import AuthorizationPolicy, PeerAuthentication
from checks.facts.label_selectors import selects
from checks.facts.namespaces import ConfigMap, Namespace, Secret
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.istio.mesh.configuration import MeshConfiguration, mesh_configuration
from checks.istio.mesh.destination_rules import DestinationRules
from checks.istio.mesh.exports import Exports
from checks.istio.mesh.gateway_api.conversion import GATEWAY_API_READS, GatewayApi
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.mesh.proxies import Proxy, proxy_of
from checks.istio.mesh.registries import entry_services, kubernetes_service
from checks.istio.mesh.scope import SidecarScope, gateway_scope, sidecar_scope
from checks.istio.mesh.services import MeshService
from checks.istio.mesh.virtual_services import VirtualServices
from checks.model.raw_values import items, number, text

MESH_READS: tuple[type[Fact], ...] = (
    Service,
    EndpointSlice,
    Pod,
    Namespace,
    ConfigMap,
    Secret,
    ServiceEntry,
    WorkloadEntry,
    VirtualService,
    DestinationRule,
    Gateway,
    Sidecar,
    PeerAuthentication,
    AuthorizationPolicy,
    EnvoyFilter,
    *GATEWAY_API_READS,
)
"""The kinds that decide routes."""


class Mesh:
    """The objects of the mesh for one revision: those that its istiod discovers."""

    def __init__(self, revision: str, objects: Mapping[type[KubernetesObject], Iterable[KubernetesObject]]) -> None:
        self.revision = revision
        maps = [each for each in objects[ConfigMap] if isinstance(each, ConfigMap)]
        self.configuration: MeshConfiguration = mesh_configuration(maps, revision)
        self.namespaces = {each.name: each for each in objects[Namespace] if isinstance(each, Namespace)}
        self._discovered: dict[str, bool] = {}
        self._proxies: dict[int, tuple[Pod, Proxy | None]] = {}
        self._scopes: dict[object, SidecarScope] = {}
        self.config_maps = {each.key: each for each in maps}
        gateway_api = GatewayApi(objects, self._reads, self.discovers, self.configuration.version)
        self.gateways = [each for each in objects[Gateway] if isinstance(each, Gateway) and self._reads(each)]
        self.gateways += gateway_api.gateways
        self.gateways.sort(
            key=lambda each: (text(each.raw, "metadata", "creationTimestamp"), each.name, each.namespace)
        )
        self.pods = [each for each in objects[Pod] if isinstance(each, Pod)]
        self._services_by_address = {each.cluster_ip: each for each in objects[Service] if isinstance(each, Service)}
        self._by_address: dict[str, list[Pod]] = {}
        for pod in self.pods:
            self._by_address.setdefault(pod.ip, []).append(pod)
        self.slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        for found in objects[EndpointSlice]:
            if isinstance(found, EndpointSlice):
                self.slices.setdefault((found.namespace, found.service), []).append(found)
        self.workload_entries = [
            each for each in objects[WorkloadEntry] if isinstance(each, WorkloadEntry) and self._reads(each)
        ]
        self.secrets = {(each.namespace, each.name): each for each in objects[Secret] if isinstance(each, Secret)}
        self.sidecars = sorted(
            (each for each in objects[Sidecar] if isinstance(each, Sidecar) and self._reads(each)),
            key=lambda each: (text(each.raw, "metadata", "creationTimestamp"), each.name, each.namespace),
        )
        self.peer_authentications = sorted(
            (
                each
                for each in objects[PeerAuthentication]
                if isinstance(each, PeerAuthentication) and self._reads(each)
            ),
            key=lambda each: (text(each.raw, "metadata", "creationTimestamp"), each.name, each.namespace),
        )
        self.authorization_policies = [
            each for each in objects[AuthorizationPolicy] if isinstance(each, AuthorizationPolicy) and self._reads(each)
        ]
        self.envoy_filters = [
            each for each in objects[EnvoyFilter] if isinstance(each, EnvoyFilter) and self._reads(each)
        ]
        self.exports = Exports(
            self._services(objects), self.configuration.services_exported, self.configuration.version
        )
        rules = [each for each in objects[VirtualService] if isinstance(each, VirtualService) and self._reads(each)]
        self.virtual_services = VirtualServices(rules, self.configuration.virtual_services_exported, gateway_api.routes)
        policies = [
            each for each in objects[DestinationRule] if isinstance(each, DestinationRule) and self._reads(each)
        ]
        self.destination_rules = DestinationRules([*policies, *gateway_api.destination_rules], self.configuration)

    def _services(self, objects: Mapping[type[KubernetesObject], Iterable[KubernetesObject]]) -> Iterable[MeshService]:
        for each in objects[Service]:
            if isinstance(each, Service) and self.discovers(each.namespace):
                yield kubernetes_service(each)
        for found in objects[ServiceEntry]:
            if isinstance(found, ServiceEntry) and self._reads(found):
                yield from entry_services(found)

    def discovers(self, namespace: str) -> bool:
        """Whether the mesh's discovery selectors include the namespace."""
        selectors = self.configuration.discovery_selectors
        if not selectors:
            return True
        if namespace not in self._discovered:
            known = self.namespaces.get(namespace)
            self._discovered[namespace] = known is not None and any(
                selects(each, known.all_labels) for each in selectors
            )
        return self._discovered[namespace]

    def _reads(self, thing: KubernetesObject) -> bool:
        revision = text(thing.raw, "metadata", "labels", "istio.io/rev")
        everywhere = not self.configuration.discovery_selectors
        return revision in ("", self.revision) and (everywhere or self.discovers(thing.namespace))

    def scope(self, proxy: Proxy) -> SidecarScope:
        """The services and rules that a proxy imports."""
        policy = self.configuration.outbound_policy
        if proxy.gateway:
            key: object = proxy.namespace
            if key not in self._scopes:
                self._scopes[key] = gateway_scope(proxy.namespace, self.exports, policy)
            return self._scopes[key]
        sidecar = self._sidecar(proxy)
        key = (proxy.namespace, sidecar.key if sidecar is not None else None)
        if key not in self._scopes:
            self._scopes[key] = sidecar_scope(proxy.namespace, sidecar, self.exports, self.virtual_services, policy)
        return self._scopes[key]

    def _sidecar(self, proxy: Proxy) -> Sidecar | None:
        """The Sidecar that applies to a proxy.

        A Sidecar that selects the proxy comes before its namespace's, and that before the root namespace's. The oldest
        of each is used.
        """
        own = [each for each in self.sidecars if each.namespace == proxy.namespace]
        for each in own:
            selector = each.workload_selector
            if selector and all(proxy.labels.get(key) == value for key, value in selector.items()):
                return each
        root = [each for each in self.sidecars if each.namespace == self.configuration.root]
        return next((each for each in (*own, *root) if not each.workload_selector), None)

    def pod_at(self, address: str) -> Pod | None:
        """The running pod with the address."""
        for each in reversed(self._by_address.get(address, ()) if address else ()):
            if not each.finished and not each.host_network:
                return each
        return None

    def pods_by_address(self, addresses: Iterable[str]) -> Iterable[Pod]:
        """The running pods with these addresses."""
        return [found for each in addresses if (found := self.pod_at(each)) is not None]

    def service_at(self, address: str) -> Service | None:
        """The Service with the cluster IP address."""
        return self._services_by_address.get(address) if is_address(address) else None

    def targets_of(self, service: Service, port: int) -> list[tuple[Pod, int]]:
        """The ready pods behind a port of a Service, each with its own port."""
        name = next((each.name for each in service.ports if each.port == port), None)
        found = []
        for each in self.slices.get((service.namespace, service.name), ()) if name is not None else ():
            target = next((number(p, "port") for p in items(each.raw, "ports") if text(p, "name") == name), None)
            if target is not None:
                found += [(pod, target) for pod in self.pods_by_address(each.ready_addresses)]
        return found

    def proxy(self, pod: Pod) -> Proxy | None:
        """The proxy of a pod; None if it has none."""
        known = self._proxies.get(id(pod))
        if known is None or known[0] is not pod:
            known = self._proxies[id(pod)] = (pod, proxy_of(pod))
        return known[1]


def mesh_of(facts: Facts, revision: str) -> Mesh:
    """The mesh of a revision, built once for the cluster.

    Raises Unreadable if a kind that decides routes was not read.
    """

    def build(window: Facts) -> Mesh:
        kinds = [kind for kind in MESH_READS if issubclass(kind, KubernetesObject)]
        return Mesh(revision, {kind: window.all(kind) for kind in kinds})

    return facts.once("mesh", build, revision)
