"""EG305: an admission webhook denies the gateway's objects, or is down and blocks them."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.admission_webhooks import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet, Deployment, ReplicaSet
from checks.knowledge.refusals import unreachable
from checks.kubernetes.admission import Backend, gateway_webhooks
from checks.kubernetes.admission_fixes import denying_webhook_fixes, list_webhooks, silent_webhook_fixes
from checks.kubernetes.blocking_webhooks import (
    BlockingWebhook,
    blocking_evidence,
    blocking_webhook,
    failure_policy,
    named_webhook,
    objects_not_created,
    refused_by_webhook,
    reported_together,
    require_backend,
    resource_kind,
)
from checks.kubernetes.create_refusals import Refusal, component_refusals, gateway_refusals, require_refusals
from checks.kubernetes.creation_retries import retry_creation
from checks.kubernetes.webhook_backends import BackendFault, backend_fault
from checks.model.findings import Action, Effect, Evidence, Involved, Observation, Severity, fail, healthy, warn
from checks.static_egress.components import CNI_MANAGER_SET, DAEMON_SET, NAMESPACE


@check(
    code="EG305",
    title="An admission webhook blocks the gateway's objects",
    severity=Severity.BLOCKS,
    article=("PROV-2",),
    reads=(
        MutatingWebhookConfiguration,
        ValidatingWebhookConfiguration,
        Namespace,
        Deployment,
        ReplicaSet,
        Pod,
        DaemonSet,
        Event,
        Service,
        EndpointSlice,
        ManagedCluster,
    ),
    explains={
        "deployment-not-available": Because(
            "the API server refuses the Deployment or its pods because of the webhook", share="revision"
        ),
        "service-not-provisioned": Because(
            "the API server refuses the Service because of the webhook", share="service"
        ),
        "gateway-pods-not-running": Because(
            "pods that the API server refuses because of the webhook are never created", share="revision"
        ),
        "static-egress-components-unhealthy": Because(
            "the API server refuses the components' pods because of the webhook", share="webhook"
        ),
    },
)
def admission_webhook_blocks(facts: Facts) -> Iterator[Observation]:
    """What it checks: first, refused requests. It fails when a ReplicaSet or Deployment of the gateway, or a DaemonSet
    of the static egress gateway, lacks pods and reports `admission webhook "…" denied the request` or `failed calling
    webhook "…"`. Then every webhook with failurePolicy Fail whose rules and selectors match the gateway's pods,
    Deployment, Service, service account, Secrets or Istio objects. It fails when the webhook's Service has no ready
    endpoint. It warns when the webhook is not part of AKS and could deny a request. A webhook with matchConditions only
    warns, because matchConditions are not evaluated here. Webhooks of AKS and its add-ons are reported only when they
    are down or have denied a request.

    Why it matters: the AKS admissions enforcer protects only system namespaces. In any other namespace a policy engine
    can prevent the gateway from being created, updated or restarted.

    What usually fixes it: excluding the gateway's namespace in the webhook's namespaceSelector, or restoring the
    webhook's backend.

    Source: article PROV-2; AKS documentation, "Frequently asked questions about Azure Kubernetes Service (AKS)"
    (admission controllers); docs/domain/algorithms.md#webhook-matching."""
    denied = _denied(facts)
    for name, refusals in denied.items():
        yield _denial(facts, name, refusals)
    found = [
        each for webhook in gateway_webhooks(facts) if (each := blocking_webhook(facts, webhook, denied)) is not None
    ]
    groups = reported_together(found)
    yield from (_configured(facts, group) for group in groups)
    require_refusals(facts)
    facts.in_namespace(DaemonSet, NAMESPACE)
    facts.in_namespace(Event, NAMESPACE)
    for each in found:
        require_backend(facts, each)
    if not denied and not groups:
        yield healthy(
            f"No admission webhook can block {facts.gateway.ref} ({len(gateway_webhooks(facts))} with matching rules)."
        )


def _denied(facts: Facts) -> dict[str, list[Refusal]]:
    """Group the refusals by the name of the webhook."""
    refusals = list(gateway_refusals(facts))
    if not facts.gap(DaemonSet, NAMESPACE) and not facts.gap(Event, NAMESPACE):
        sets = [
            ds for name in (CNI_MANAGER_SET, DAEMON_SET) if (ds := facts.get(DaemonSet, name, NAMESPACE)) is not None
        ]
        refusals += component_refusals(facts, sets)
    return refused_by_webhook(refusals)


def _denial(facts: Facts, name: str, refusals: list[Refusal]) -> Observation:
    webhook = named_webhook(facts, name, refusals)
    silent = all(unreachable(each.message) for each in refusals)
    what = "does not answer, so the API server refuses" if silent else "denies"
    gateways = any(each.revision for each in refusals)
    whose = "the gateway's pods" if gateways else "pods of the static egress gateway"
    evidence = [Evidence(each.ref, each.field, each.message, "the pods are created") for each in refusals]
    about = [Involved("webhook", name), *(Involved("revision", each.revision) for each in refusals if each.revision)]
    actions: list[Action] = [list_webhooks()]
    why = ""
    if webhook is not None:
        about += [Involved("webhook", each) for each in webhook.names]
        evidence.append(failure_policy(webhook))
        namespace = facts.gateway.namespace if gateways else NAMESPACE
        if silent:
            fault = backend_fault(facts, webhook)
            why = _because(fault)
            evidence += fault.evidence if fault is not None else ()
            actions = silent_webhook_fixes(facts, webhook, fault, namespace)
        else:
            actions = denying_webhook_fixes(facts, webhook, namespace, [each.message for each in refusals])
    last = max((n for n, each in enumerate(actions, 1) if each.effect is not Effect.READS), default=0)
    if last:
        actions[last:last] = retry_creation(facts, refusals)
    return fail(
        f"Webhook {name} {what} {whose}{why}.",
        subject=webhook.configuration.ref if webhook else f"webhook {name}",
        evidence=evidence,
        actions=actions,
        about=about,
    )


def _configured(facts: Facts, group: list[BlockingWebhook]) -> Observation:
    webhook = group[0].webhook
    configuration = webhook.configuration
    dead = group[0].backend is Backend.DEAD
    kinds = ", ".join(dict.fromkeys(resource_kind(resource) for each in group for resource in each.resources))
    evidence = [line for each in group for line in blocking_evidence(each)]
    about = [Involved("webhook", name) for each in group for name in each.webhook.names]
    about += [Involved(*involved) for each in group for involved in objects_not_created(facts, each)]
    fault = backend_fault(facts, webhook) if dead else None
    if fault is not None:
        evidence += fault.evidence
    if dead:
        actions = silent_webhook_fixes(facts, webhook, fault, facts.gateway.namespace)
    else:
        actions = denying_webhook_fixes(facts, webhook, facts.gateway.namespace)
    many = len(group) > 1
    who = f"Webhook{'s' if many else ''} {', '.join(each.webhook.hook.name for each in group)} of {configuration.ref}"
    if dead and not webhook.hook.has_match_conditions:
        return fail(
            f"{who} {'have' if many else 'has'} no ready endpoint behind {'them' if many else 'it'}, so the API server "
            f"refuses {kinds} of {facts.gateway.ref}{_because(fault)}.",
            subject=configuration.ref,
            evidence=evidence,
            actions=actions,
            about=about,
        )
    could = f"{'do' if many else 'does'} not answer and may block" if dead else "could deny or change"
    return warn(
        f"{who} {could} {kinds} of {facts.gateway.ref}.",
        subject=configuration.ref,
        evidence=evidence,
        actions=actions,
        about=about,
    )


def _because(fault: BackendFault | None) -> str:
    """The clause of a summary that names the reason why the backend does not answer."""
    return f": {fault.meaning}" if fault is not None else ""
