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
from checks.kubernetes.admission import Backend, Gate, backend, before_gateway, gates
from checks.kubernetes.admission_fixes import all_webhooks, remedies
from checks.kubernetes.create_refusals import Refusal, component_refusals, demand_refusals, gateway_refusals
from checks.kubernetes.webhooks import DEPLOYMENTS, ISTIO, PODS, REPLICA_SETS, SERVICES, Resource
from checks.model.commands import restart
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, warn
from checks.static_egress.components import CNI_MANAGER_SET, DAEMON_SET, NAMESPACE


@dataclass(frozen=True, slots=True)
class _Before:
    """A webhook called for the gateway's objects: the kinds it matches and the state of its backend."""

    gate: Gate
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

    Source: article, provisioning step 2; AKS FAQ, admission controllers; docs/domain/algorithms.md#webhook-matching."""
    denied = _denied(facts)
    for name, refusals in denied.items():
        yield _denial(facts, name, refusals)
    found = [each for gate in gates(facts) if (each := _before(facts, gate, denied)) is not None]
    groups = _groups(found)
    yield from (_standing(facts, group) for group in groups)
    demand_refusals(facts)
    facts.in_namespace(DaemonSet, NAMESPACE)
    facts.in_namespace(Event, NAMESPACE)
    for each in found:
        _demand_backend(facts, each)
    if not denied and not groups:
        yield healthy(
            f"None of the {len(gates(facts))} webhooks for such objects blocks or may block {facts.gateway.ref}."
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


def _gate(facts: Facts, name: str, refusals: list[Refusal]) -> Gate | None:
    """Find the webhook that a message names (of several injectors, that of the revision); None if webhooks are not readable."""
    if facts.gap(MutatingWebhookConfiguration) or facts.gap(ValidatingWebhookConfiguration):
        return None
    named = [gate for gate in gates(facts) if gate.hook.name == name]
    revisions = {each.revision for each in refusals}
    return next((gate for gate in named if gate.revision in revisions), next(iter(named), None))


def _denial(facts: Facts, name: str, refusals: list[Refusal]) -> Observation:
    gate = _gate(facts, name, refusals)
    silent = all(unreachable(each.message) for each in refusals)
    what = "does not answer, so the API server refuses" if silent else "denies"
    gateways = any(each.revision for each in refusals)
    whose = "the gateway's pods" if gateways else "pods of the static egress gateway"
    evidence = [Evidence(each.ref, each.field, each.message, "the pods are created") for each in refusals]
    about = [Involved("webhook", name), *(Involved("revision", each.revision) for each in refusals if each.revision)]
    actions: list[Action] = []
    if gate is not None:
        about += [Involved("webhook", each) for each in gate.names]
        evidence.append(_policy(gate))
        actions = remedies(gate, silent, facts.gateway.namespace if gateways else NAMESPACE)
    else:
        actions = [all_webhooks()]
    revisions = dict.fromkeys(each.revision for each in refusals if each.revision)
    actions += [restart(f"{facts.gateway.name}-{revision}", facts.gateway.namespace) for revision in revisions]
    return fail(
        f"Webhook {name}{f' of {gate.configuration.ref}' if gate else ''} {what} {whose}.",
        subject=gate.configuration.ref if gate else f"webhook {name}",
        evidence=evidence,
        actions=actions,
        about=about,
    )


def _before(facts: Facts, gate: Gate, denied: dict[str, list[Refusal]]) -> _Before | None:
    """Return a webhook that can block the gateway; one that has already denied a request is reported separately."""
    if gate.hook.failure_policy != "Fail" or gate.hook.name in denied:
        return None
    resources = before_gateway(facts, gate)
    return _Before(gate, resources, backend(facts, gate)) if resources else None


def _groups(found: list[_Before]) -> list[list[_Before]]:
    """Group the webhooks to report by configuration: a policy engine has several webhooks but is one risk."""
    groups: dict[tuple[str, str, bool, bool], list[_Before]] = {}
    for each in found:
        dead = each.backend is Backend.DEAD
        if each.gate.owner and (not dead or each.resources == (ISTIO,)):
            # istio-validation-down reports when the validation of Istio's objects is down.
            continue
        configuration = each.gate.configuration
        key = (configuration.kind, configuration.name, dead, each.gate.hook.has_match_conditions)
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _standing(facts: Facts, group: list[_Before]) -> Observation:
    gate = group[0].gate
    configuration = gate.configuration
    dead = group[0].backend is Backend.DEAD
    kinds = ", ".join(dict.fromkeys(_kind(resource) for each in group for resource in each.resources))
    evidence = [line for each in group for line in _evidence(each)]
    about = [Involved("webhook", name) for each in group for name in each.gate.names]
    about += [Involved(*involved) for each in group for involved in _kept_off(facts, each)]
    actions = remedies(gate, dead, facts.gateway.namespace)
    many = len(group) > 1
    who = f"Webhook{'s' if many else ''} {', '.join(each.gate.hook.name for each in group)} of {configuration.ref}"
    if dead and not gate.hook.has_match_conditions:
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


def _evidence(each: _Before) -> list[Evidence]:
    gate = each.gate
    ref, name = gate.configuration.ref, gate.hook.name
    found = [_policy(gate), Evidence(ref, f"rules of {name}", ", ".join(map(_kind, each.resources)))]
    found += [*_selectors(gate), *_conditions(gate)]
    if each.backend is Backend.DEAD and gate.hook.service is not None:
        found.append(Evidence(f"Service {'/'.join(gate.hook.service)}", "ready endpoints", "0", "1 or more"))
    return found


def _kept_off(facts: Facts, each: _Before) -> Iterator[tuple[str, str]]:
    """Return the missing objects of the gateway that match this webhook: it can explain only those."""
    gateway = facts.gateway
    if each.gate.revision:
        yield "revision", each.gate.revision
    about_pods = any(resource in (PODS, REPLICA_SETS, DEPLOYMENTS) for resource in each.resources)
    if about_pods and not facts.gap(Deployment, gateway.namespace):
        complete = {d.name for d in facts.deployments() if d.existing >= d.replicas}
        for name, revision in zip(gateway.deployments, gateway.revisions, strict=True):
            if name not in complete:
                yield "revision", revision
    missing = not facts.gap(Service, gateway.namespace) and facts.get(Service, gateway.name, gateway.namespace) is None
    if SERVICES in each.resources and missing:
        yield "service", str(gateway)


def _policy(gate: Gate) -> Evidence:
    return Evidence(gate.configuration.ref, f"failurePolicy of {gate.hook.name}", gate.hook.failure_policy)


def _selectors(gate: Gate) -> list[Evidence]:
    named = (("namespaceSelector", gate.hook.namespace_selector), ("objectSelector", gate.hook.object_selector))
    return [
        Evidence(gate.configuration.ref, f"{field} of {gate.hook.name}", json.dumps(selector) if selector else "(all)")
        for field, selector in named
    ]


def _conditions(gate: Gate) -> list[Evidence]:
    if not gate.hook.has_match_conditions:
        return []
    return [Evidence(gate.configuration.ref, f"matchConditions of {gate.hook.name}", "(not evaluated here)")]


def _demand_backend(facts: Facts, each: _Before) -> None:
    """Raise Unreadable if the endpoints of a webhook's Service were not read."""
    if each.backend is Backend.UNSEEN and each.gate.hook.service is not None:
        namespace, name = each.gate.hook.service
        facts.get(Service, name, namespace)
        facts.in_namespace(EndpointSlice, namespace)
