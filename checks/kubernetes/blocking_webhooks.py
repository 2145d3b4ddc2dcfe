"""Webhooks that can block the gateway's objects: which kinds they match, and the evidence."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.facts.admission_webhooks import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.knowledge.refusals import WEBHOOK, refusal_reason
from checks.kubernetes.admission import (
    Backend,
    GatewayWebhook,
    backend,
    gateway_webhooks,
    matched_resources,
    namespace_labels,
)
from checks.kubernetes.create_refusals import Refusal
from checks.kubernetes.webhooks import DEPLOYMENTS, ISTIO, PODS, REPLICA_SETS, SERVICES, Resource
from checks.model.findings import Evidence


@dataclass(frozen=True, slots=True)
class BlockingWebhook:
    """A webhook called for the gateway's objects.

    It has the kinds that the webhook matches and the state of its backend.
    """

    webhook: GatewayWebhook
    resources: tuple[Resource, ...]
    backend: Backend


def named_webhook(facts: Facts, name: str, refusals: list[Refusal]) -> GatewayWebhook | None:
    """The webhook that a message names: of several injectors, that of the revision.

    None if webhooks are not readable.
    """
    if facts.gap(MutatingWebhookConfiguration) or facts.gap(ValidatingWebhookConfiguration):
        return None
    named = [webhook for webhook in gateway_webhooks(facts) if webhook.hook.name == name]
    revisions = {each.revision for each in refusals}
    return next((webhook for webhook in named if webhook.revision in revisions), next(iter(named), None))


def refused_by_webhook(refusals: Iterable[Refusal]) -> dict[str, list[Refusal]]:
    """The refusals that a webhook caused, by the name of the webhook."""
    found: dict[str, list[Refusal]] = {}
    for each in refusals:
        reason = refusal_reason(each.message)
        if reason is not None and reason[0].kind == WEBHOOK:
            found.setdefault(reason[1], []).append(each)
    return found


def blocking_webhook(facts: Facts, webhook: GatewayWebhook, denied: dict[str, list[Refusal]]) -> BlockingWebhook | None:
    """Return a webhook that can block the gateway.

    One that has already denied a request is reported separately, and one of AKS that answers is not reported.
    """
    if webhook.hook.failure_policy != "Fail" or webhook.hook.name in denied:
        return None
    labels, state = namespace_labels(facts), backend(facts, webhook)
    if webhook.owner and state is Backend.READY:
        return None
    resources = matched_resources(facts, webhook, labels)
    return BlockingWebhook(webhook, resources, state) if resources else None


def resource_kind(resource: Resource) -> str:
    """The kind as people read it."""
    return "Istio objects" if resource == ISTIO else resource.plural


def blocking_evidence(each: BlockingWebhook) -> list[Evidence]:
    """Its failurePolicy, the kinds it matches, its selectors, and a backend without endpoints."""
    webhook = each.webhook
    ref, name = webhook.configuration.ref, webhook.hook.name
    found = [failure_policy(webhook), Evidence(ref, f"rules of {name}", ", ".join(map(resource_kind, each.resources)))]
    found += [*_selectors(webhook), *_conditions(webhook)]
    if each.backend is Backend.DEAD and webhook.hook.service is not None:
        found.append(Evidence(f"Service {'/'.join(webhook.hook.service)}", "ready endpoints", "0", "1 or more"))
    return found


def objects_not_created(facts: Facts, each: BlockingWebhook) -> Iterator[tuple[str, str]]:
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


def failure_policy(webhook: GatewayWebhook) -> Evidence:
    """The failurePolicy of a webhook as evidence."""
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


def require_backend(facts: Facts, each: BlockingWebhook) -> None:
    """Raise Unreadable if the endpoints of a webhook's Service were not read."""
    if each.backend is Backend.UNKNOWN and each.webhook.hook.service is not None:
        namespace, name = each.webhook.hook.service
        facts.get(Service, name, namespace)
        facts.in_namespace(EndpointSlice, namespace)


def reported_together(found: list[BlockingWebhook]) -> list[list[BlockingWebhook]]:
    """Group the webhooks to report by configuration.

    A policy engine has several webhooks but is one risk.
    """
    groups: dict[tuple[str, str, bool, bool], list[BlockingWebhook]] = {}
    for each in found:
        dead = each.backend is Backend.DEAD
        if each.webhook.owner and (not dead or each.resources == (ISTIO,)):
            # istio-validation-down reports when the validation of Istio's objects is down.
            continue
        configuration = each.webhook.configuration
        key = (configuration.kind, configuration.name, dead, each.webhook.hook.has_match_conditions)
        groups.setdefault(key, []).append(each)
    return list(groups.values())
