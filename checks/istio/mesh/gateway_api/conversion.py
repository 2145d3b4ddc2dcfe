"""All objects of the Gateway API of one revision, converted.

Source: Istio `NewController` in `kube/gateway/controller.go`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import (
    BackendTLSPolicy,
    GatewayClass,
    GRPCRoute,
    HTTPRoute,
    KubernetesGateway,
    ListenerSet,
    ReferenceGrant,
    TCPRoute,
    TLSRoute,
)
from checks.facts.istio_networking import DestinationRule, ServiceEntry
from checks.facts.namespaces import ConfigMap, Namespace, Secret
from checks.facts.services import Service
from checks.istio.mesh.gateway_api.attachment import Attachments
from checks.istio.mesh.gateway_api.backend_policies import Backends, destination_rules
from checks.istio.mesh.gateway_api.gateways import ListenerGateway, parents_of
from checks.istio.mesh.gateway_api.listener_servers import Surroundings
from checks.istio.mesh.gateway_api.references import ReferenceGrants
from checks.istio.mesh.gateway_api.routes import http_virtual_services, tcp_virtual_services, tls_virtual_services
from checks.istio.mesh.objects.routing_rules import RoutingRules
from checks.istio.mesh.objects.versions import Version

GATEWAY_API_READS: tuple[type[KubernetesObject], ...] = (
    GatewayClass,
    KubernetesGateway,
    ListenerSet,
    HTTPRoute,
    GRPCRoute,
    TLSRoute,
    TCPRoute,
    ReferenceGrant,
    BackendTLSPolicy,
)
"""The kinds of the Gateway API that decide routes."""

_K = TypeVar("_K", bound=KubernetesObject)
_Objects = Mapping[type[KubernetesObject], Iterable[KubernetesObject]]


class GatewayApi:
    """The Istio objects that istiod makes of Gateway API objects.

    They are Gateways, VirtualServices and DestinationRules.
    """

    def __init__(
        self,
        objects: _Objects,
        reads: Callable[[KubernetesObject], bool],
        discovers: Callable[[str], bool],
        version: Version,
    ) -> None:
        self._objects, self._reads, self._discovers, self._version = objects, reads, discovers, version
        self.gateways: list[ListenerGateway] = []
        self.routes: list[RoutingRules] = []
        self.destination_rules: list[DestinationRule] = []
        if any(self._of(kind) for kind in GATEWAY_API_READS if kind is not GatewayClass):
            self._convert()

    def _of(self, kind: type[_K]) -> list[_K]:
        """The objects of a kind that the revision's istiod reads."""
        return [each for each in self._objects[kind] if isinstance(each, kind) and self._reads(each)]

    def _discovered(self, kind: type[_K]) -> list[_K]:
        """The objects of a kind without revisions."""
        return [each for each in self._objects[kind] if isinstance(each, kind) and self._discovers(each.namespace)]

    def _convert(self) -> None:
        grants = ReferenceGrants(self._of(ReferenceGrant))
        services, entries = self._discovered(Service), self._of(ServiceEntry)
        config_maps, secrets = _by_name(self._discovered(ConfigMap)), _by_name(self._discovered(Secret))
        namespaces = {each.name: each for each in self._objects[Namespace] if isinstance(each, Namespace)}
        around = Surroundings(namespaces, secrets, config_maps, grants, self._version.listener_protocols)
        classes = [each for each in self._objects[GatewayClass] if isinstance(each, GatewayClass)]
        sets = self._of(ListenerSet) if self._version.reads_listener_sets else []
        parents = list(parents_of(self._of(KubernetesGateway), classes, sets, around))
        self.gateways = [each.gateway for each in parents if each.gateway is not None]
        attachments = Attachments(
            parents, frozenset(each.key for each in services), {each.key: each.hosts for each in entries}
        )
        self.routes += http_virtual_services(
            [*self._of(HTTPRoute), *self._of(GRPCRoute)], attachments, grants, self._version.status_without_backends
        )
        protocols = self._version.listener_protocols
        if "TCP" in protocols:
            self.routes += tcp_virtual_services(self._of(TCPRoute), attachments, grants)
        if "TLS" in protocols:
            self.routes += tls_virtual_services(self._of(TLSRoute), attachments, grants)
        backends = _backends(services, entries, config_maps)
        self.destination_rules = list(destination_rules(self._of(BackendTLSPolicy), backends))


def _by_name(objects: Iterable[_K]) -> dict[tuple[str, str], _K]:
    return {each.key: each for each in objects}


def _backends(
    services: Sequence[Service], entries: Sequence[ServiceEntry], config_maps: Mapping[tuple[str, str], ConfigMap]
) -> Backends:
    return Backends(
        {each.key: ((each.host,), {port.name: port.port for port in each.ports}) for each in services},
        {each.key: (each.hosts, {port.name: port.number for port in each.ports}) for each in entries},
        config_maps,
    )
