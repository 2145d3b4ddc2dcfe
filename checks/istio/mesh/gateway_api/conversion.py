"""All objects of the Gateway API of one revision, converted.

Source: Istio `NewController` in `kube/gateway/controller.go`."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

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
from checks.istio.mesh.gateway_api.gateways import Parent, parents_of
from checks.istio.mesh.gateway_api.listener_servers import Surroundings, by_name
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


class ReadKind(Protocol):
    """Reads the objects of a kind. Raises Unreadable."""

    def __call__(self, kind: type[_K], /) -> list[_K]: ...


class GatewayApi:
    """The Istio objects that istiod makes of Gateway API objects.

    They are Gateways, VirtualServices and DestinationRules. A kind is read when an object of another kind refers to it.
    """

    def __init__(self, read: ReadKind, every: ReadKind, discovered: ReadKind, version: Version) -> None:
        """Three ways to read a kind.

        `read`: the objects that the revision's istiod reads. `every`: also others. `discovered`: those in namespaces that
        it discovers, for kinds without revisions.
        """
        self._read, self._every, self._discovered, self._version = read, every, discovered, version

    def parents(self) -> tuple[Parent, ...]:
        """The listeners of all Gateways of Istio's classes."""
        gateways = self._read(KubernetesGateway)
        if not gateways:
            return ()
        around = Surroundings(
            lambda: self._every(Namespace),
            lambda: self._discovered(Secret),
            lambda: self._discovered(ConfigMap),
            self._grants(),
            self._version.listener_protocols,
        )
        return tuple(parents_of(gateways, self._every(GatewayClass), self._listener_sets, around))

    def _listener_sets(self) -> list[ListenerSet]:
        return self._read(ListenerSet) if self._version.reads_listener_sets else []

    def routes(self, parents: Callable[[], Iterable[Parent]]) -> tuple[RoutingRules, ...]:
        """The VirtualServices of all routes.

        `parents` reads the listeners when a route names a Gateway.
        """
        grants = self._grants()
        attachments = Attachments(parents, lambda: self._discovered(Service), lambda: self._read(ServiceEntry))
        protocols, http = self._version.listener_protocols, [*self._read(HTTPRoute), *self._read(GRPCRoute)]
        return (
            *http_virtual_services(http, attachments, grants, self._version.status_without_backends),
            *tcp_virtual_services(self._read(TCPRoute) if "TCP" in protocols else (), attachments, grants),
            *tls_virtual_services(self._read(TLSRoute) if "TLS" in protocols else (), attachments, grants),
        )

    def destination_rules(self) -> tuple[DestinationRule, ...]:
        """The DestinationRules of all BackendTLSPolicies."""
        policies = self._read(BackendTLSPolicy)
        return tuple(destination_rules(policies, self._backends())) if policies else ()

    def _grants(self) -> ReferenceGrants:
        return ReferenceGrants(lambda: self._read(ReferenceGrant))

    def _backends(self) -> Backends:
        services, entries = self._discovered(Service), self._read(ServiceEntry)
        return Backends(
            {each.key: ((each.host,), {port.name: port.port for port in each.ports}) for each in services},
            {each.key: (each.hosts, {port.name: port.number for port in each.ports}) for each in entries},
            by_name(self._discovered(ConfigMap)),
        )
