"""The objects that a gateway depends on, among those that were read."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from checks.facts.admission_webhooks import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from checks.facts.fact import Fact, KubernetesObject, Unreadable
from checks.facts.istio_networking import ROOT_NAMESPACE, EnvoyFilter, Sidecar
from checks.facts.istio_policies import AuthorizationPolicy, Telemetry
from checks.facts.namespaces import ConfigMap, Namespace, ResourceQuota
from checks.facts.nodes import Node
from checks.facts.services import Service
from checks.facts.static_egress import GatewayLBConfiguration, GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet, Deployment, HorizontalPodAutoscaler
from checks.istio.configured.configured_hosts import configured_hosts, examined_hosts
from checks.istio.configured.host_objects import HOST_OBJECT_READS, objects_for_host
from checks.istio.configured.intended_gateways import intended_gateways
from checks.istio.mesh.mesh import MESH_READS
from checks.static_egress.components import NAMESPACE as COMPONENTS_NAMESPACE

_K = TypeVar("_K", bound=KubernetesObject)

_NAMESPACE_WIDE: tuple[type[KubernetesObject], ...] = (Telemetry, AuthorizationPolicy, EnvoyFilter, Sidecar)
"""Istio kinds that apply to a whole namespace.

They are relevant in the gateway's and in the mesh's root namespace.
"""

_CLUSTER_WIDE: tuple[type[KubernetesObject], ...] = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)

RELATED_READS: frozenset[type[Fact]] = frozenset(
    (
        *(*MESH_READS, *HOST_OBJECT_READS, *_NAMESPACE_WIDE, *_CLUSTER_WIDE),
        *(StaticGatewayConfiguration, GatewayLBConfiguration, GatewayVMConfiguration),
        *(Node, DaemonSet, HorizontalPodAutoscaler, ResourceQuota),
    )
)
"""The kinds that are searched."""


def related_objects(facts: Facts) -> tuple[KubernetesObject, ...]:
    """Every object that the gateway of this run depends on, once. Failed reads are ignored."""
    parts: tuple[Callable[[Facts], Iterator[KubernetesObject]], ...] = (_own, _egress, _mesh, _routes, _policies)
    found: dict[int, KubernetesObject] = {}
    for part in parts:
        try:
            found.update((id(each), each) for each in part(facts))
        except Unreadable:
            continue
    return tuple(found.values())


def _own(facts: Facts) -> Iterator[KubernetesObject]:
    """The gateway's namespace, Service, Deployments, autoscaler, quotas and pods."""
    gateway = facts.gateway
    yield from _named(facts, Namespace, gateway.namespace)
    yield from _named(facts, Service, gateway.name, gateway.namespace)
    for name in gateway.deployments:
        yield from _named(facts, Deployment, name, gateway.namespace)
    for each in facts.readable(HorizontalPodAutoscaler, gateway.namespace):
        if each.target[1] in gateway.deployments:
            yield each
    yield from facts.readable(ResourceQuota, gateway.namespace)
    yield from facts.pods()


def _egress(facts: Facts) -> Iterator[KubernetesObject]:
    """The StaticGatewayConfiguration, its operator's objects, and the nodes of its pool.

    The DaemonSets of the operator are among them.
    """
    gateway = facts.gateway
    for configured in _named(facts, StaticGatewayConfiguration, gateway.configuration, gateway.namespace):
        yield configured
        if facts.gap(Node) is None:
            yield from facts.index(Node, "pool of nodes", lambda node: (node.pool,)).get(configured.pool, ())
    yield from _named(facts, GatewayLBConfiguration, gateway.configuration, gateway.namespace)
    yield from _named(facts, GatewayVMConfiguration, gateway.configuration, gateway.namespace)
    yield from facts.readable(DaemonSet, COMPONENTS_NAMESPACE)


def _mesh(facts: Facts) -> Iterator[KubernetesObject]:
    """The istiod Deployments and mesh ConfigMaps of the gateway's revisions."""
    for revision in facts.gateway.revisions:
        for name in (f"istio-{revision}", f"istio-shared-configmap-{revision}"):
            yield from _named(facts, ConfigMap, name, ROOT_NAMESPACE)
        yield from _named(facts, Deployment, f"istiod-{revision}", ROOT_NAMESPACE)


def _routes(facts: Facts) -> Iterator[KubernetesObject]:
    """The objects that route traffic through the gateway.

    They are its Gateways and VirtualServices, and the ServiceEntries and DestinationRules of its hosts.
    """
    yield from intended_gateways(facts).own
    found = configured_hosts(facts)
    yield from dict.fromkeys(each.source for each in found.routes)
    for host in (*examined_hosts(facts), facts.gateway.service_host):
        yield from objects_for_host(facts, host)


def _policies(facts: Facts) -> Iterator[KubernetesObject]:
    """Objects that apply to every proxy, and the admission webhooks.

    An object applies to every proxy of the gateway's namespace or of the mesh.
    """
    for kind in _NAMESPACE_WIDE:
        yield from facts.readable(kind, facts.gateway.namespace)
    yield from facts.once("objects for every proxy", _for_every_proxy)


def _for_every_proxy(facts: Facts) -> tuple[KubernetesObject, ...]:
    of_mesh = (each for kind in _NAMESPACE_WIDE for each in facts.readable(kind, ROOT_NAMESPACE))
    return (*of_mesh, *(each for kind in _CLUSTER_WIDE for each in facts.readable(kind)))


def _named(facts: Facts, kind: type[_K], name: str, namespace: str = "") -> Iterator[_K]:
    """The object of this name, if it exists and its kind was read."""
    if facts.gap(kind, namespace or None) is None and (found := facts.get(kind, name, namespace)) is not None:
        yield found
