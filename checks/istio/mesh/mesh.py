"""All objects of a mesh as one revision's istiod reads them."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

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
from checks.facts.namespaces import ConfigMap, Namespace, Secret
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.istio.mesh.configuration import MeshConfiguration
from checks.istio.mesh.destination_rules import DestinationRules
from checks.istio.mesh.exports import Exports
from checks.istio.mesh.gateway_api.conversion import GATEWAY_API_READS, GatewayApi
from checks.istio.mesh.gateway_api.gateways import GENERATED, Parent
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRules
from checks.istio.mesh.objects.versions import version_of_revision
from checks.istio.mesh.parts import Kinds, ObjectsByKind, Parts, part
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.registries import mesh_services
from checks.istio.mesh.revision_objects import RevisionObjects
from checks.istio.mesh.scope import SidecarScope, gateway_scope, sidecar_of, sidecar_scope
from checks.istio.mesh.virtual_services import VirtualServices
from checks.istio.mesh.workloads import Workloads

_K = TypeVar("_K", bound=KubernetesObject)
_V = TypeVar("_V")

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
    """The objects of the mesh for one revision: those that its istiod discovers.

    A kind is read when a request needs it. If it could not be read, Unreadable is raised then.
    """

    def __init__(
        self, revision: str, objects: ObjectsByKind, earlier: "Mesh | None" = None, changed: Kinds = frozenset()
    ) -> None:
        """`earlier`: the same mesh before the objects of the `changed` kinds changed."""
        self.revision = revision
        self.parts: Parts = Parts(objects, earlier.parts if earlier is not None else None, changed)
        self.workloads = Workloads(self.parts)
        self._objects = RevisionObjects(revision, self.parts)
        self._gateway_api = GatewayApi(
            self._objects.read, self.parts.objects, self._objects.discovered, version_of_revision(revision)
        )

    @property
    def configuration(self) -> MeshConfiguration:
        """The mesh configuration of the revision."""
        return self._objects.configuration

    def discovers(self, namespace: str) -> bool:
        """Whether the mesh's discovery selectors include the namespace."""
        return self._objects.discovers(namespace)

    # Gateways and routes

    @part
    def gateways(self) -> tuple[Gateway, ...]:
        """Istio's Gateways and those of listeners of the Gateway API, oldest first."""
        listening = (each.gateway for each in self._listeners if each.gateway is not None)
        found = (*self._objects.oldest_first(Gateway), *listening)
        return tuple(sorted(found, key=self._objects.age))

    def place_of_gateway(self, gateway: Gateway) -> int:
        """The place of a Gateway among all Gateways of the mesh, oldest first."""
        return self._places_of_gateways[id(gateway)]

    @part
    def _places_of_gateways(self) -> Mapping[int, int]:
        return {id(each): place for place, each in enumerate(self.gateways)}

    def gateways_selecting(self, labels: Mapping[str, str]) -> list[Gateway]:
        """The Gateways, oldest first, that select pod labels, and all of the Gateway API."""
        found = {at: each for key in (None, *labels.items()) for at, each in self._gateways_by_label.get(key, ())}
        return [found[at] for at in sorted(found)]

    @part
    def _gateways_by_label(self) -> Mapping[tuple[str, str] | None, list[tuple[int, Gateway]]]:
        """The Gateways, each with its place, by one label of their selector.

        The label is None without a selector.
        """
        found: dict[tuple[str, str] | None, list[tuple[int, Gateway]]] = {}
        for at, each in enumerate(self.gateways):
            found.setdefault(next(iter(each.selector.items()), None), []).append((at, each))
        return found

    @part
    def _listeners(self) -> tuple[Parent, ...]:
        return self._gateway_api.parents()

    @part
    def _gateway_api_routes(self) -> tuple[RoutingRules, ...]:
        return self._gateway_api.routes(lambda: self._listeners)

    @part
    def istio_rules(self) -> VirtualServices:
        """The VirtualServices without the Gateway API's routes."""
        default = self.configuration.virtual_services_exported
        return VirtualServices(self._objects.read(VirtualService), default, of_object=self.parts.of_object)

    @part
    def virtual_services(self) -> VirtualServices:
        """The VirtualServices, with those that istiod makes of the Gateway API's routes."""
        routes = self._gateway_api_routes
        if not routes:
            return self.istio_rules
        default = self.configuration.virtual_services_exported
        return VirtualServices(self._objects.read(VirtualService), default, routes, self.parts.of_object)

    def rules_of_gateway(self, namespace: str, gateway: str) -> Iterator[RoutingRules]:
        """The rules that a proxy of the namespace applies for a Gateway, or `mesh`.

        Routes of the Gateway API have no effect on Istio's own Gateways.
        """
        every = gateway == MESH or GENERATED in gateway
        return (self.virtual_services if every else self.istio_rules).for_gateway(namespace, gateway)

    @part
    def destination_rules(self) -> DestinationRules:
        """The DestinationRules, with those that istiod makes of BackendTLSPolicies."""
        found = [*self._objects.read(DestinationRule), *self._gateway_api.destination_rules()]
        return DestinationRules(found, self.configuration)

    # services and what proxies import

    @part
    def exports(self) -> Exports:
        """The services by visibility."""
        services, entries = self._objects.discovered(Service), self._objects.read(ServiceEntry)
        found = mesh_services(services, entries, self.parts.of_object)
        return Exports(found, self.configuration.services_exported, self.configuration.version)

    def scope(self, proxy: Proxy) -> SidecarScope:
        """The services and rules that a proxy imports."""
        namespace, name = proxy.namespace, None
        if proxy.gateway:
            return self.derived(("gateway scope", namespace), lambda: self._gateway_scope(namespace))
        if self.sidecars:
            found = sidecar_of(proxy, self.sidecars, self.configuration.root)
            name = found.key if found is not None else None
        return self.derived(("sidecar scope", namespace, name), lambda: self._sidecar_scope(namespace, name))

    def derived(self, key: Hashable, build: Callable[[], _V]) -> _V:
        """A value that follows from the mesh alone. It must be complete when it is built."""
        return self.parts.get(key, build)

    def _gateway_scope(self, namespace: str) -> SidecarScope:
        return gateway_scope(namespace, self.exports, self.configuration.outbound_policy)

    def _sidecar_scope(self, namespace: str, name: tuple[str, str] | None) -> SidecarScope:
        sidecar = next((each for each in self.sidecars if each.key == name), None)
        policy = self.configuration.outbound_policy
        return sidecar_scope(namespace, sidecar, self.exports, self.virtual_services, policy)

    @part
    def sidecars(self) -> tuple[Sidecar, ...]:
        return tuple(self._objects.oldest_first(Sidecar))

    # policies

    @part
    def peer_authentications(self) -> tuple[PeerAuthentication, ...]:
        return tuple(self._objects.oldest_first(PeerAuthentication))

    @part
    def authorization_policies(self) -> tuple[AuthorizationPolicy, ...]:
        return tuple(self._objects.read(AuthorizationPolicy))

    @part
    def envoy_filters(self) -> tuple[EnvoyFilter, ...]:
        return tuple(self._objects.read(EnvoyFilter))

    @part
    def secrets(self) -> Mapping[tuple[str, str], Secret]:
        return {each.key: each for each in self.parts.objects(Secret)}

    @part
    def config_maps(self) -> Mapping[tuple[str, str], ConfigMap]:
        return {each.key: each for each in self.parts.objects(ConfigMap)}

    @part
    def workload_entries(self) -> tuple[WorkloadEntry, ...]:
        return tuple(self._objects.read(WorkloadEntry))


class _FactsByKind:
    """The objects of a run's facts."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def __getitem__(self, kind: type[_K], /) -> Iterable[_K]:
        return self._facts.all(kind)


def mesh_of(facts: Facts, revision: str) -> Mesh:
    """The mesh of a revision, built once for the cluster.

    After changes it shares the parts that they do not concern.
    """

    def build(window: Facts) -> Mesh:
        window.note(MESH_READS)  # the mesh reads them when a request needs them
        earlier = mesh_of(window.before_changes, revision) if window.before_changes is not None else None
        return Mesh(revision, _FactsByKind(window), earlier, window.changed_kinds)

    return facts.once("mesh", build, revision)
