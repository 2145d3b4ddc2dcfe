"""EG305: an admission webhook denies the gateway's objects, or is down and blocks them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from checks.engine.check import Because, check
from checks.facts.admission_webhooks import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet, Deployment, ReplicaSet
from checks.knowledge.refusals import WEBHOOK, refusal_reason, unreachable
from checks.kubernetes.admission import Backend, GatewayWebhook, backend, gateway_webhooks, matched_resources
from checks.kubernetes.admission_fixes import list_webhooks, webhook_fixes
from checks.kubernetes.create_refusals import Refusal, component_refusals, gateway_refusals, require_refusals
from checks.kubernetes.webhooks import DEPLOYMENTS, ISTIO, PODS, REPLICA_SETS, SERVICES, Resource
from checks.model.commands import restart
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, warn
from checks.static_egress.components import CNI_MANAGER_SET, DAEMON_SET, NAMESPACE


@dataclass(frozen=True, slots=True)
class _BlockingWebhook:
    """A webhook called for the gateway's objects.

    With the kinds it matches and the state of its backend.
    """

    webhook: GatewayWebhook
    resources: tuple[Resource, ...]
    backend: Backend


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
    found = [each for webhook in gateway_webhooks(facts) if (each := _blocking(facts, webhook, denied)) is not None]
    groups = _groups(found)
    yield from (_configured(facts, group) for group in groups)
    require_refusals(facts)
    facts.in_namespace(DaemonSet, NAMESPACE)
    facts.in_namespace(Event, NAMESPACE)
    for each in found:
        _require_backend(facts, each)
    if not denied and not groups:
        yield healthy(
            f"None of the {len(gateway_webhooks(facts))} webhooks for such objects blocks or may block {facts.gateway.ref}."
        )


def _denied(facts: Facts) -> dict[str, list[Refusal]]:
    """Group the refusals by the name of the webhook."""
    refusals = list(gateway_refusals(facts))
    if not facts.gap(DaemonSet, NAMESPACE) and not facts.gap(Event, NAMESPACE):
        sets = [
            ds for name in (CNI_MANAGER_SET, DAEMON_SET) if (ds := facts.get(DaemonSet, name, NAMESPACE)) is not None
        ]
        refusals += component_refusals(facts, sets)
    found: dict[str, list[Refusal]] = {}
    for each in refusals:
        reason = refusal_reason(each.message)
        if reason is not None and reason[0].kind == WEBHOOK:
            found.setdefault(reason[1], []).append(each)
    return found


def _webhook_of(facts: Facts, name: str, refusals: list[Refusal]) -> GatewayWebhook | None:
    """Find the webhook that a message names (of several injectors, that of the revision).

    None if webhooks are not readable.
    """
    if facts.gap(MutatingWebhookConfiguration) or facts.gap(ValidatingWebhookConfiguration):
        return None
    named = [webhook for webhook in gateway_webhooks(facts) if webhook.hook.name == name]
    revisions = {each.revision for each in refusals}
    return next((webhook for webhook in named if webhook.revision in revisions), next(iter(named), None))


def _denial(facts: Facts, name: str, refusals: list[Refusal]) -> Observation:
    webhook = _webhook_of(facts, name, refusals)
    silent = all(unreachable(each.message) for each in refusals)
    what = "does not answer, so the API server refuses" if silent else "denies"
    gateways = any(each.revision for each in refusals)
    whose = "the gateway's pods" if gateways else "pods of the static egress gateway"
    evidence = [Evidence(each.ref, each.field, each.message, "the pods are created") for each in refusals]
    about = [Involved("webhook", name), *(Involved("revision", each.revision) for each in refusals if each.revision)]
    actions: list[Action] = []
    if webhook is not None:
        about += [Involved("webhook", each) for each in webhook.names]
        evidence.append(_policy(webhook))
        actions = webhook_fixes(webhook, silent, facts.gateway.namespace if gateways else NAMESPACE)
    else:
        actions = [list_webhooks()]
    revisions = dict.fromkeys(each.revision for each in refusals if each.revision)
    actions += [restart(f"{facts.gateway.name}-{revision}", facts.gateway.namespace) for revision in revisions]
    return fail(
        f"Webhook {name}{f' of {webhook.configuration.ref}' if webhook else ''} {what} {whose}.",
        subject=webhook.configuration.ref if webhook else f"webhook {name}",
        evidence=evidence,
        actions=actions,
        about=about,
    )


def _blocking(facts: Facts, webhook: GatewayWebhook, denied: dict[str, list[Refusal]]) -> _BlockingWebhook | None:
    """Return a webhook that can block the gateway.

    One that has already denied a request is reported separately.
    """
    if webhook.hook.failure_policy != "Fail" or webhook.hook.name in denied:
        return None
    resources = matched_resources(facts, webhook)
    return _BlockingWebhook(webhook, resources, backend(facts, webhook)) if resources else None


def _groups(found: list[_BlockingWebhook]) -> list[list[_BlockingWebhook]]:
    """Group the webhooks to report by configuration.

    A policy engine has several webhooks but is one risk.
    """
    groups: dict[tuple[str, str, bool, bool], list[_BlockingWebhook]] = {}
    for each in found:
        dead = each.backend is Backend.DEAD
        if each.webhook.owner and (not dead or each.resources == (ISTIO,)):
            # istio-validation-down reports when the validation of Istio's objects is down.
            continue
        configuration = each.webhook.configuration
        key = (configuration.kind, configuration.name, dead, each.webhook.hook.has_match_conditions)
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _configured(facts: Facts, group: list[_BlockingWebhook]) -> Observation:
    webhook = group[0].webhook
    configuration = webhook.configuration
    dead = group[0].backend is Backend.DEAD
    kinds = ", ".join(dict.fromkeys(_kind(resource) for each in group for resource in each.resources))
    evidence = [line for each in group for line in _evidence(each)]
    about = [Involved("webhook", name) for each in group for name in each.webhook.names]
    about += [Involved(*involved) for each in group for involved in _missing_objects(facts, each)]
    actions = webhook_fixes(webhook, dead, facts.gateway.namespace)
    many = len(group) > 1
    who = f"Webhook{'s' if many else ''} {', '.join(each.webhook.hook.name for each in group)} of {configuration.ref}"
    if dead and not webhook.hook.has_match_conditions:
        return fail(
            f"{who} {'have' if many else 'has'} no ready endpoint behind {'them' if many else 'it'}, so the API server "
            f"refuses {kinds} of {facts.gateway.ref}.",
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


def _kind(resource: Resource) -> str:
    return "Istio objects" if resource == ISTIO else resource.plural


def _evidence(each: _BlockingWebhook) -> list[Evidence]:
    webhook = each.webhook
    ref, name = webhook.configuration.ref, webhook.hook.name
    found = [_policy(webhook), Evidence(ref, f"rules of {name}", ", ".join(map(_kind, each.resources)))]
    found += [*_selectors(webhook), *_conditions(webhook)]
    if each.backend is Backend.DEAD and webhook.hook.service is not None:
        found.append(Evidence(f"Service {'/'.join(webhook.hook.service)}", "ready endpoints", "0", "1 or more"))
    return found


def _missing_objects(facts: Facts, each: _BlockingWebhook) -> Iterator[tuple[str, str]]:
    """Return the missing objects of the gateway that match this webhook.

    It can explain only those.
    """
    gateway = facts.gateway
    if each.webhook.revision:
        yield "revision", each.webhook.revision
    about_pods = any(resource in (PODS, REPLICA_SETS, DEPLOYMENTS) for resource in each.resources)
    if about_pods and not facts.gap(Deployment, gateway.namespace):
        complete = {d.name for d in facts.deployments() if d.existing >= d.replicas}
        for name, revision in zip(gateway.deployments, gateway.revisions, strict=True):
            if name not in complete:
                yield "revision", revision
    missing = not facts.gap(Service, gateway.namespace) and facts.get(Service, gateway.name, gateway.namespace) is None
    if SERVICES in each.resources and missing:
        yield "service", str(gateway)


def _policy(webhook: GatewayWebhook) -> Evidence:
    return Evidence(webhook.configuration.ref, f"failurePolicy of {webhook.hook.name}", webhook.hook.failure_policy)


def _selectors(webhook: GatewayWebhook) -> list[Evidence]:
    named = (("namespaceSelector", webhook.hook.namespace_selector), ("objectSelector", webhook.hook.object_selector))
    return [
        Evidence(
            webhook.configuration.ref, f"{field} of {webhook.hook.name}", json.dumps(selector) if selector else "(all)"
        )
        for field, selector in named
    ]


def _conditions(webhook: GatewayWebhook) -> list[Evidence]:
    if not webhook.hook.has_match_conditions:
        return []
    return [Evidence(webhook.configuration.ref, f"matchConditions of {webhook.hook.name}", "(not evaluated here)")]


def _require_backend(facts: Facts, each: _BlockingWebhook) -> None:
    """Raise Unreadable if the endpoints of a webhook's Service were not read."""
    if each.backend is Backend.UNKNOWN and each.webhook.hook.service is not None:
        namespace, name = each.webhook.hook.service
        facts.get(Service, name, namespace)
        facts.in_namespace(EndpointSlice, namespace)
