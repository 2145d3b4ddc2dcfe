"""The admission webhooks that are called for an egress gateway's objects.

The module also finds out whether their backends are ready.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from checks.facts.admission_webhooks import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    Webhook,
    WebhookConfiguration,
)
from checks.facts.label_selectors import selects
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.knowledge.webhook_owners import injector_revision, webhook_owner
from checks.kubernetes.webhooks import (
    DEPLOYMENTS,
    GATEWAY_RESOURCES,
    ISTIO,
    PODS,
    REPLICA_SETS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
    applies,
    covers,
)


class Backend(Enum):
    """Whether a webhook has a ready endpoint."""

    READY = "ready"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """Called by URL, or its Service or endpoints could not be read."""


@dataclass(frozen=True, slots=True)
class GatewayWebhook:
    """One webhook that the API server calls for objects like the gateway's.

    `owner` is the part of AKS that it belongs to, "" for a webhook that is not part of AKS."""

    configuration: WebhookConfiguration
    hook: Webhook
    owner: str
    resources: tuple[Resource, ...]

    @property
    def names(self) -> tuple[str, str]:
        """The names of the configuration and of the webhook; error messages contain the latter."""
        return (self.configuration.name, self.hook.name)

    @property
    def revision(self) -> str:
        """The mesh revision of an injection webhook, "" for any other webhook."""
        return injector_revision(self.configuration.name)


def gateway_webhooks(facts: Facts) -> tuple[GatewayWebhook, ...]:
    """Every webhook whose rules match the kinds of a gateway, regardless of selectors.

    The list is built once per cluster.
    """
    return facts.once("gateway webhooks", _gateway_webhooks)


def _gateway_webhooks(facts: Facts) -> tuple[GatewayWebhook, ...]:
    return tuple(
        GatewayWebhook(each, hook, _owner(facts, each.name), resources)
        for each in (*facts.all(MutatingWebhookConfiguration), *facts.all(ValidatingWebhookConfiguration))
        for hook in each.webhooks
        if (resources := tuple(resource for resource in GATEWAY_RESOURCES if covers(hook, resource)))
    )


def _owner(facts: Facts, name: str) -> str:
    """The part of AKS that owns a webhook configuration, "" for none.

    Gatekeeper belongs to AKS only with Azure Policy; without the managed cluster its name decides.
    """
    by_name = webhook_owner(name, None)
    if by_name == webhook_owner(name, False) or facts.gap(ManagedCluster) is not None:
        return by_name
    cluster = facts.one(ManagedCluster)
    return webhook_owner(name, cluster.azure_policy) if cluster is not None else by_name


def namespace_labels(facts: Facts) -> Mapping[str, str]:
    """The labels of the gateway's namespace, also if it does not exist yet. Raises Unreadable."""
    name = facts.gateway.namespace
    namespace = facts.get(Namespace, name)
    return namespace.all_labels if namespace else {"kubernetes.io/metadata.name": name}


def matched_resources(facts: Facts, webhook: GatewayWebhook, of_namespace: Mapping[str, str]) -> tuple[Resource, ...]:
    """The gateway's kinds that this webhook matches, by the labels of the namespace."""
    if not selects(webhook.hook.namespace_selector, of_namespace):
        return ()
    known = facts.once("labels of the gateway's objects", _all_labels, facts.gateway)
    return tuple(
        resource
        for resource in webhook.resources
        if any(applies(webhook.hook, of_namespace, labels) for labels in known[resource])
    )


def _all_labels(facts: Facts) -> dict[Resource, tuple[Mapping[str, str], ...]]:
    return {resource: tuple(_labels(facts, resource)) for resource in GATEWAY_RESOURCES}


def _labels(facts: Facts, resource: Resource) -> Iterator[Mapping[str, str]]:
    """The labels of the gateway's objects of a kind.

    For objects that do not exist, those of the add-on's chart.
    """
    gateway = facts.gateway
    plain = {"app": gateway.name, "istio": gateway.name}
    deployments = () if facts.gap(Deployment, gateway.namespace) else facts.deployments()
    if resource in (PODS, REPLICA_SETS):
        yield from (each.template_labels for each in deployments)
        known = {each.name for each in deployments}
        for name, revision in zip(gateway.deployments, gateway.revisions, strict=True):
            if name not in known:
                yield {**plain, "istio.io/rev": revision, "sidecar.istio.io/inject": "true"}
    elif resource == DEPLOYMENTS:
        yield from (each.labels for each in deployments)
        if len(deployments) < len(gateway.deployments):
            yield {**plain, "azureservicemesh/istio.component": "egress-gateway"}
    elif resource == SERVICES:
        gap = facts.gap(Service, gateway.namespace)
        service = None if gap else facts.get(Service, gateway.name, gateway.namespace)
        yield service.labels if service else {**plain, "azureservicemesh/istio.component": "egress-gateway"}
    elif resource == SERVICE_ACCOUNTS:
        yield plain
    elif resource in (SECRETS, ISTIO):
        # Users write these objects: their labels are not known in advance.
        yield {}


def backend(facts: Facts, webhook: GatewayWebhook) -> Backend:
    """Whether the webhook's Service has a ready endpoint."""
    service = webhook.hook.service
    if service is None:
        return Backend.UNKNOWN
    return facts.once("webhook backend", lambda window: _backend(window, *service), service)


def _backend(facts: Facts, namespace: str, name: str) -> Backend:
    if facts.gap(Service, namespace) or facts.gap(EndpointSlice, namespace):
        return Backend.UNKNOWN
    if facts.get(Service, name, namespace) is None:
        return Backend.DEAD
    slices = facts.in_namespace(EndpointSlice, namespace)
    ready = any(each.ready_addresses for each in slices if each.service == name)
    return Backend.READY if ready else Backend.DEAD
