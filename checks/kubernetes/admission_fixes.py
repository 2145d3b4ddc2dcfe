"""What to do about an admission webhook that stands before an egress gateway."""

import json

from checks.kubernetes.admission import Gate
from checks.model.commands import FAQ, TSG, change, kubectl, look
from checks.model.findings import Action
from checks.model.raw_values import items


def all_webhooks() -> Action:
    """A first look where the webhook itself could not be read."""
    kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
    return look("See which webhooks there are", kubectl("get", kinds), FAQ)


def remedies(gate: Gate, silent: bool, namespace: str) -> list[Action]:
    """What to look at and change about a webhook before objects of this namespace; `silent`: nobody answers it."""
    kind, name = gate.configuration.kind.lower(), gate.configuration.name
    found = [look("Read its rules and selectors", kubectl("get", kind, name, "-o", "yaml"), TSG)]
    if gate.hook.service is not None and silent:
        behind, service = gate.hook.service
        selector = f"kubernetes.io/service-name={service}"
        command = kubectl("get", "endpointslices", "-l", selector, "-o", "yaml", namespace=behind)
        found.append(look("See the endpoints that answer it", command))
        found.append(look("See the pods of that namespace", kubectl("get", "pods", "-o", "wide", namespace=behind)))
    if gate.owner:
        # AKS sets its own webhooks back: only what answers them can be mended.
        return found
    return [*found, _exclude(gate, namespace)]


def _exclude(gate: Gate, namespace: str) -> Action:
    hooks = [each.name for each in gate.configuration.webhooks]
    selector = dict(gate.hook.namespace_selector)
    expression = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]}
    selector["matchExpressions"] = [*items(selector, "matchExpressions"), expression]
    path = f"/webhooks/{hooks.index(gate.hook.name)}/namespaceSelector"
    patch = json.dumps([{"op": "add", "path": path, "value": selector}])
    kind, name = gate.configuration.kind.lower(), gate.configuration.name
    return change(
        f"Take namespace {namespace} out of it (whoever installed it may have a setting for that, which lasts longer)",
        kubectl("patch", kind, name, "--type=json", "-p", patch),
        FAQ,
        "the pods are created at the next attempt, within minutes",
    )
