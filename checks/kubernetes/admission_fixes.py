"""Actions for an admission webhook that blocks an egress gateway's objects."""

import json

from checks.knowledge.webhook_owners import AZURE_POLICY
from checks.kubernetes.admission import GatewayWebhook
from checks.model.commands import FAQ, POLICY, TSG, change, inspect, kubectl
from checks.model.findings import Action
from checks.model.raw_values import items


def list_webhooks() -> Action:
    """The first action if the webhook itself could not be read."""
    kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
    return inspect("List the admission webhooks", kubectl("get", kinds), FAQ)


def webhook_fixes(webhook: GatewayWebhook, silent: bool, namespace: str) -> list[Action]:
    """Actions for a webhook that blocks objects of this namespace.

    `silent`: it does not answer.
    """
    kind, name = webhook.configuration.kind.lower(), webhook.configuration.name
    found = [inspect("Show the webhook's rules and selectors", kubectl("get", kind, name, "-o", "yaml"), TSG)]
    if webhook.hook.service is not None and silent:
        behind, service = webhook.hook.service
        selector = f"kubernetes.io/service-name={service}"
        command = kubectl("get", "endpointslices", "-l", selector, "-o", "yaml", namespace=behind)
        found.append(inspect("List the endpoints of the webhook's Service", command))
        found.append(
            inspect("List the pods of the webhook's namespace", kubectl("get", "pods", "-o", "wide", namespace=behind))
        )
    if webhook.owner == AZURE_POLICY and not silent:
        return [*found, exempt_in_assignment(namespace)]
    if webhook.owner:
        # AKS reconciles its own webhooks: only their backends can be fixed.
        return found
    return [*found, _exclude(webhook, namespace)]


def exempt_in_assignment(namespace: str) -> Action:
    """Exempt the namespace in Azure Policy.

    The add-on restores what is changed in the cluster (docs/domain/components.md#webhook-owners).
    """
    return change(
        f"Exclude namespace {namespace} in the policy assignment that the denial names (parameter excludedNamespaces), or "
        "create an exemption: changes in the cluster are reverted",
        url=POLICY,
        expect="Azure Policy updates the cluster within 15 minutes, then the pods are created",
    )


def _exclude(webhook: GatewayWebhook, namespace: str) -> Action:
    hooks = [each.name for each in webhook.configuration.webhooks]
    selector = dict(webhook.hook.namespace_selector)
    expression = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]}
    selector["matchExpressions"] = [*items(selector, "matchExpressions"), expression]
    path = f"/webhooks/{hooks.index(webhook.hook.name)}/namespaceSelector"
    patch = json.dumps([{"op": "add", "path": path, "value": selector}])
    kind, name = webhook.configuration.kind.lower(), webhook.configuration.name
    return change(
        f"Patch the webhook to exclude namespace {namespace} (a setting of the tool that installed it is more durable)",
        kubectl("patch", kind, name, "--type=json", "-p", patch),
        FAQ,
        "the controller creates the pods at its next attempt, within minutes",
    )
