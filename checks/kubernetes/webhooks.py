"""Whether an admission webhook is called for an object. Pure.

Source: docs/domain/algorithms.md#webhook-matching.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from checks.facts.admission_webhooks import Webhook
from checks.facts.label_selectors import selects
from checks.model.raw_values import Raw, text, texts


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as in a webhook's rules: API group ("" for core), version and plural."""

    group: str
    version: str
    plural: str


PODS = Resource("", "v1", "pods")
SERVICES = Resource("", "v1", "services")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts")
SECRETS = Resource("", "v1", "secrets")
DEPLOYMENTS = Resource("apps", "v1", "deployments")
REPLICA_SETS = Resource("apps", "v1", "replicasets")
ISTIO = Resource("networking.istio.io", "v1", "*")
"""Any of Istio's networking kinds: a gateway's routes use several of them."""

GATEWAY_RESOURCES = (PODS, DEPLOYMENTS, REPLICA_SETS, SERVICES, SERVICE_ACCOUNTS, SECRETS, ISTIO)
"""The kinds of an egress gateway's objects.

Source: docs/domain/decision-tables.md#admission-webhook-blocks.
"""

OPERATIONS = ("CREATE", "UPDATE")


def covers(hook: Webhook, resource: Resource) -> bool:
    """Whether a rule of the webhook matches creates or updates of this namespaced kind."""
    exact = text(hook.raw, "matchPolicy") == "Exact"
    return any(_rule_covers(rule, resource, exact) for rule in hook.rules)


def _rule_covers(rule: Raw, resource: Resource, exact: bool) -> bool:
    if text(rule, "scope") == "Cluster":
        return False
    operations = texts(rule, "operations")
    if "*" not in operations and not any(each in operations for each in OPERATIONS):
        return False
    if not _among(resource.group, texts(rule, "apiGroups")):
        return False
    # With matchPolicy Equivalent (the default) the API server also calls the webhook for other versions of the kind.
    if exact and not _among(resource.version, texts(rule, "apiVersions")):
        return False
    named = texts(rule, "resources")
    if resource.plural == "*":
        return any("/" not in each or each == "*/*" for each in named)
    return any(each in (resource.plural, "*", "*/*") for each in named)


def _among(word: str, words: tuple[str, ...]) -> bool:
    return "*" in words or word in words


def applies(hook: Webhook, namespace_labels: Mapping[str, str], object_labels: Mapping[str, str]) -> bool:
    """Whether the webhook's selectors match an object in a namespace, by their labels.

    A missing or empty selector matches everything. `matchConditions` are not evaluated; the caller reports that.
    """
    return selects(hook.namespace_selector, namespace_labels) and selects(hook.object_selector, object_labels)
