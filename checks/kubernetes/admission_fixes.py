"""Actions for an admission webhook that blocks an egress gateway's objects."""

from collections.abc import Iterable, Sequence

from checks.facts.view import Facts
from checks.knowledge.policy_denials import gatekeeper_constraint, kyverno_rule
from checks.knowledge.webhook_owners import AZURE_POLICY
from checks.kubernetes.admission import GatewayWebhook
from checks.kubernetes.ownership import with_owner
from checks.kubernetes.pod_workloads import few_of, other_workloads
from checks.kubernetes.policy_exemptions import azure_exceptions, azure_exclusion, kyverno_exception
from checks.kubernetes.webhook_backends import BackendFault, covers_namespace, own_pods_refused
from checks.model.commands import FAQ, TSG, alternatives, change, inspect, kubectl
from checks.model.findings import Action
from checks.model.json_patches import Operation, patch_entry, unchanged
from checks.model.raw_values import items


def list_webhooks() -> Action:
    """The first action if the webhook itself could not be read."""
    kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
    return inspect("List the admission webhooks", kubectl("get", kinds), FAQ)


def silent_webhook_fixes(
    facts: Facts, webhook: GatewayWebhook, fault: BackendFault | None, namespace: str
) -> list[Action]:
    """Actions for a webhook that does not answer: the fix of its backend, or the exclusion.

    The namespace is excluded until the backend answers. AKS reconciles its own webhooks: only their backends can be fixed.
    """
    looks = fault.looks if fault is not None else ()
    shows = [*looks, *_show_backend(webhook), show_webhook(webhook)]
    if webhook.owner:
        return shows
    excluded = [namespace]
    own = webhook.hook.service[0] if webhook.hook.service is not None else ""
    blocks_itself = bool(own) and (own_pods_refused(facts, webhook) or covers_namespace(facts, webhook, own))
    creates = fault is not None and fault.creates_pods
    if blocks_itself and (creates or own_pods_refused(facts, webhook)):
        excluded.append(own)
    exclude = _exclude(facts, webhook, excluded, "its backend answers", _ENDS_WITH_BACKEND)
    ends = [*looks, *_show_backend(webhook, _ENDS_WITH_BACKEND), show_webhook(webhook)]
    if fault is None or not fault.fixes:
        return [exclude, *ends]
    if blocks_itself and creates:
        # The webhook refuses the new pods of its own backend, too.
        return [exclude, *fault.fixes, *ends]
    return [*alternatives(fault.fixes, *(() if _deletes(fault) else (exclude,))), *shows]


def denying_webhook_fixes(
    facts: Facts, webhook: GatewayWebhook, namespace: str, messages: Iterable[str] = ()
) -> list[Action]:
    """Actions for a webhook that denies the objects: an exception from the policy named."""
    written = list(messages)
    if webhook.owner == AZURE_POLICY:
        constraint = next((name for each in written if (name := gatekeeper_constraint(each))), "")
        if constraint:
            return [*azure_exceptions(facts, "constraints", constraint, namespace), show_webhook(webhook)]
        return [azure_exclusion(namespace), show_webhook(webhook)]
    if webhook.owner:
        return [show_webhook(webhook)]
    rule = next((found for each in written if (found := kyverno_rule(each)) is not None), None)
    if rule is not None:
        return [kyverno_exception(rule, namespace, {"istio": facts.gateway.name}), show_webhook(webhook)]
    exclude = _exclude(facts, webhook, [namespace], "its policy admits the gateway's pods", _ENDS_WITH_POLICY)
    return [exclude, show_webhook(webhook)] if written else [show_webhook(webhook), exclude]


def show_webhook(webhook: GatewayWebhook) -> Action:
    """Show the rules and selectors of a webhook."""
    kind, name = webhook.configuration.kind.lower(), webhook.configuration.name
    return inspect("Show the webhook's rules and selectors", kubectl("get", kind, name, "-o", "yaml"), TSG)


_ENDS_WITH_BACKEND = "run the undo command of the exclusion when the webhook's Service has a ready address"
_ENDS_WITH_POLICY = (
    "request an exception for the gateway's pods, whose images and settings come from AKS, and run the undo command when the "
    "policy has it"
)


def _show_backend(webhook: GatewayWebhook, expect: str = "") -> list[Action]:
    if webhook.hook.service is None:
        return []
    namespace, service = webhook.hook.service
    selector = f"kubernetes.io/service-name={service}"
    return [
        inspect("List the pods of the webhook's namespace", kubectl("get", "pods", "-o", "wide", namespace=namespace)),
        inspect(
            "List the endpoints of the webhook's Service",
            kubectl("get", "endpointslices", "-l", selector, "-o", "yaml", namespace=namespace),
            expect=expect,
        ),
    ]


def _deletes(fault: BackendFault) -> bool:
    return any(each.title.startswith("Delete") for each in fault.fixes)


def _exclude(facts: Facts, webhook: GatewayWebhook, namespaces: Sequence[str], until: str, ends: str) -> Action:
    """Exclude namespaces in the webhook's selector for a time.

    `until` is the state that ends it, `ends` the sentence that says what to do then.
    """
    index = [each.name for each in webhook.configuration.webhooks].index(webhook.hook.name)
    selector = dict(webhook.hook.namespace_selector)
    expression = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(namespaces)}
    selector["matchExpressions"] = [*items(selector, "matchExpressions"), expression]
    operations: list[Operation] = [
        unchanged(f"/webhooks/{index}/name", webhook.hook.name),
        {"op": "add", "path": f"/webhooks/{index}/namespaceSelector", "value": selector},
    ]
    command = patch_entry(webhook.configuration.kind.lower(), webhook.configuration.name, operations)
    which = "namespaces " if len(namespaces) > 1 else "namespace "
    owner = f" of namespace {webhook.hook.service[0]}" if webhook.hook.service is not None else ""
    title = f"Patch the webhook to exclude {which}{' and '.join(namespaces)} until {until}"
    expect = (
        f"the controller creates the pods at its next attempt, within 17 minutes{_unchecked(facts, namespaces[0])}. "
        f"The owner{owner} must agree; {ends}"
    )
    return with_owner(change(title, command, FAQ, expect), webhook.configuration)


def _unchecked(facts: Facts, namespace: str) -> str:
    """The sentence about other workloads that the webhook then does not check either."""
    others = other_workloads(facts, namespace)
    if others is None:
        return ". Whether other workloads of the namespace are affected is not checked: its pods were not read"
    if not others:
        return ". No other workload of the namespace is affected"
    return f". It then does not check {few_of(others)} in the namespace either"
