"""The objects that matter for one gateway, as far as they were read: what a person would look through for recent edits."""

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
from checks.istio.route.carried import configuration, judged
from checks.istio.route.passage import ROUTE_READS
from checks.istio.route.registry import destination_rules
from checks.istio.route.service_entries import entries_for
from checks.static_egress.components import NAMESPACE as COMPONENTS_NAMESPACE

K = TypeVar("K", bound=KubernetesObject)

BESIDE: tuple[type[KubernetesObject], ...] = (Telemetry, AuthorizationPolicy, EnvoyFilter, Sidecar)
"""Istio's kinds that hold for a whole namespace: they matter in the gateway's own and in the mesh's."""

CLUSTER_WIDE: tuple[type[KubernetesObject], ...] = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)

SURROUNDINGS_READS: frozenset[type[Fact]] = frozenset(
    (
        *(*ROUTE_READS, *BESIDE, *CLUSTER_WIDE),
        *(StaticGatewayConfiguration, GatewayLBConfiguration, GatewayVMConfiguration),
        *(Node, DaemonSet, HorizontalPodAutoscaler, ResourceQuota),
    )
)
"""The kinds among which they lie."""


def surroundings(facts: Facts) -> tuple[KubernetesObject, ...]:
    """Every object that matters for the gateway of this run, each once. What could not be read adds nothing."""
    parts: tuple[Callable[[Facts], Iterator[KubernetesObject]], ...] = (_own, _egress, _mesh, _routes, _policies)
    found: dict[int, KubernetesObject] = {}
    for part in parts:
        try:
            found.update((id(each), each) for each in part(facts))
        except Unreadable:
            continue
    return tuple(found.values())


def _own(facts: Facts) -> Iterator[KubernetesObject]:
    """The gateway itself: its namespace, Service, Deployments, autoscaler, quota and pods."""
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
    """The StaticGatewayConfiguration with what the operator makes of it, its pool's nodes, the operator's DaemonSets."""
    gateway = facts.gateway
    for configured in _named(facts, StaticGatewayConfiguration, gateway.configuration, gateway.namespace):
        yield configured
        if facts.gap(Node) is None:
            yield from facts.index(Node, "pool of nodes", lambda node: (node.pool,)).get(configured.pool, ())
    yield from _named(facts, GatewayLBConfiguration, gateway.configuration, gateway.namespace)
    yield from _named(facts, GatewayVMConfiguration, gateway.configuration, gateway.namespace)
    yield from facts.readable(DaemonSet, COMPONENTS_NAMESPACE)


def _mesh(facts: Facts) -> Iterator[KubernetesObject]:
    """Istiod of the gateway's revisions and what it is told."""
    for revision in facts.gateway.revisions:
        for name in (f"istio-{revision}", f"istio-shared-configmap-{revision}"):
            yield from _named(facts, ConfigMap, name, ROOT_NAMESPACE)
        yield from _named(facts, Deployment, f"istiod-{revision}", ROOT_NAMESPACE)


def _routes(facts: Facts) -> Iterator[KubernetesObject]:
    """The Gateways and VirtualServices of what the gateway carries, with the hosts' ServiceEntries and DestinationRules."""
    found = configuration(facts)
    yield from (
        each for each in (*found.selected, *found.intended) if f"{each.namespace}/{each.name}" not in found.broad
    )
    yield from found.routes
    rules = destination_rules(facts)
    for host in (*judged(facts), found.service):
        yield from (each.entry for each in entries_for(facts, host))
        yield from (rule for _, rule in rules.covering(host))


def _policies(facts: Facts) -> Iterator[KubernetesObject]:
    """What holds for every proxy of the gateway's namespace or of the mesh, and what admits its pods."""
    for kind in BESIDE:
        yield from facts.readable(kind, facts.gateway.namespace)
        yield from facts.readable(kind, ROOT_NAMESPACE)
    for kind in CLUSTER_WIDE:
        yield from facts.readable(kind)


def _named(facts: Facts, kind: type[K], name: str, namespace: str = "") -> Iterator[K]:
    """The object of this name, where there is one and its kind could be read."""
    if facts.gap(kind, namespace or None) is None and (found := facts.get(kind, name, namespace)) is not None:
        yield found
