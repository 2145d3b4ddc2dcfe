"""EG306: a policy of the namespace blocks the gateway's pods.

The policy is a quota, a limit range or a pod security level.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.engine.check import Because, check
from checks.facts.events import Event
from checks.facts.namespaces import Namespace, ResourceQuota
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment, HorizontalPodAutoscaler, ReplicaSet
from checks.knowledge.refusals import POLICIES, RefusalReason, refusal_reason
from checks.knowledge.webhook_owners import GENERATED_POLICY
from checks.kubernetes.create_refusals import Refusal, gateway_refusals, require_refusals
from checks.kubernetes.creation_retries import retry_creation
from checks.kubernetes.limit_ranges import admit_in_limit_range
from checks.kubernetes.namespace_fixes import ENFORCE, lower_security_level, others_affected
from checks.kubernetes.policy_exemptions import azure_exceptions, exclude_in_binding
from checks.kubernetes.quota_fixes import (
    default_resources,
    pod_resources,
    raise_quota,
    raise_quotas,
    room_needed,
    spent_evidence,
)
from checks.model.commands import HOWTO, TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, warn


@check(
    code="EG306",
    title="A policy of the namespace blocks the gateway's pods",
    severity=Severity.BLOCKS,
    article=("PROV-2",),
    reads=(Deployment, ReplicaSet, HorizontalPodAutoscaler, Pod, Event, Namespace, ResourceQuota),
    explains={
        "deployment-not-available": Because(
            "pods that the namespace does not admit are never created", share="revision"
        ),
        "gateway-pods-not-running": Because(
            "pods that the namespace does not admit are never created", share="revision"
        ),
    },
)
def namespace_policy_blocks(facts: Facts) -> Iterator[Observation]:
    """What it checks: the messages of the gateway's ReplicaSets that lack pods. It fails on `exceeded quota`, `violates
    PodSecurity`, a LimitRange or a ValidatingAdmissionPolicy. Without such a message it warns when the namespace
    enforces the pod security level restricted, and when a ResourceQuota has no capacity for another pod.

    Why it matters: the API server refuses the pods, but the Deployment only reports that they are missing. An exhausted
    quota has no effect until the next restart or node upgrade, when pods are created again.

    What usually fixes it: a larger quota, or the pod security level baseline for the gateway's namespace.

    Source: article PROV-2; Kubernetes documentation, "Pod Security Admission"."""
    refused = _by_policy(facts)
    yield from (_refusal(facts, each) for each in refused)
    kinds = {each[0].reason.kind for each in refused}
    risks: list[Observation] = []
    if "pod-security" not in kinds:
        risks += _restricted(facts)
    if "quota" not in kinds:
        risks += _used_up(facts)
    yield from risks
    require_refusals(facts)
    if not refused and not risks:
        yield healthy(f"No policy of namespace {facts.gateway.namespace} blocks pods of {facts.gateway.ref}.")


@dataclass(frozen=True, slots=True)
class _Refused:
    """A refusal with the policy that its message names."""

    refusal: Refusal
    reason: RefusalReason
    policy: str


def _by_policy(facts: Facts) -> list[list[_Refused]]:
    """The refusals of each revision and policy.

    One refusal has a condition and events, whose numbers may differ.
    """
    groups: dict[tuple[str, str, str], list[_Refused]] = {}
    for each in gateway_refusals(facts):
        if (found := refusal_reason(each.message)) is not None and found[0].kind in POLICIES:
            groups.setdefault((each.revision, found[0].meaning, found[1]), []).append(_Refused(each, *found))
    return list(groups.values())


def _refusal(facts: Facts, group: list[_Refused]) -> Observation:
    gateway, first = facts.gateway, group[0]
    revision = first.refusal.revision
    deployment = f"{gateway.name}-{revision}"
    return fail(
        f"Pods of Deployment {gateway.namespace}/{deployment} are refused: {first.reason.meaning}.",
        subject=first.refusal.ref,
        evidence=[
            Evidence(each.refusal.ref, each.refusal.field, each.refusal.message, "the pods are created")
            for each in group
        ],
        actions=[
            *_fixes(facts, first),
            *retry_creation(facts, [each.refusal for each in group]),
            *_show_actions(facts, first.reason.kind),
        ],
        about=[Involved("revision", revision)],
    )


def _fixes(facts: Facts, each: _Refused) -> list[Action]:
    """Return the fix of the refusal, with the values that admit the pods."""
    namespace, reason, message = facts.gateway.namespace, each.reason, each.refusal.message
    match reason.kind:
        case "quota" if "exceeded" in message:
            return raise_quotas(facts, message, _deployments(facts)) or [change(reason.fix, url=HOWTO)]
        case "quota":
            return [default_resources(namespace, message, others_affected(facts))]
        case "pod-security":
            return [lower_security_level(facts, each.policy)]
        case "policy" if each.policy.startswith(GENERATED_POLICY):
            return azure_exceptions(facts, "validatingadmissionpolicybindings", each.policy, namespace)
        case "policy":
            return [exclude_in_binding(message, namespace)]
        case _:
            admitted = admit_in_limit_range(namespace, message, others_affected(facts))
            return [admitted or change(reason.fix, kubectl("edit", "limitrange", namespace=namespace), HOWTO)]


def _deployments(facts: Facts) -> tuple[Deployment, ...]:
    return () if facts.gap(Deployment, facts.gateway.namespace) else facts.deployments()


def _restricted(facts: Facts) -> Iterator[Observation]:
    namespace = facts.get(Namespace, facts.gateway.namespace)
    if namespace is None or namespace.labels.get(ENFORCE) != "restricted":
        return
    yield warn(
        f"{namespace.ref} enforces the pod security level restricted: the API server refuses new gateway pods.",
        subject=namespace.ref,
        evidence=[Evidence(namespace.ref, f"metadata.labels[{ENFORCE}]", "restricted", "baseline or privileged")],
        actions=[lower_security_level(facts, "restricted"), *_show_actions(facts, "pod-security")],
    )


def _used_up(facts: Facts) -> Iterator[Observation]:
    wanted = _deployments(facts)
    pod = pod_resources(wanted)
    for quota in facts.in_namespace(ResourceQuota, facts.gateway.namespace):
        if evidence := spent_evidence(quota, pod):
            spent = ", ".join(each.field.removeprefix("status.used[").removesuffix("]") for each in evidence)
            scalers = facts.readable(HorizontalPodAutoscaler, quota.namespace)
            fix = raise_quota(quota, pod, room_needed(wanted, scalers))
            yield warn(
                f"{quota.ref} has no {spent} left for another gateway pod.",
                subject=quota.ref,
                evidence=evidence,
                actions=[*([fix] if fix is not None else []), *_show_actions(facts, "quota")],
            )


def _show_actions(facts: Facts, kind: str) -> list[Action]:
    namespace = facts.gateway.namespace
    if kind in ("quota", "limits"):
        command = kubectl("describe", "resourcequota,limitrange", namespace=namespace)
        return [inspect("Describe the namespace's quotas and limit ranges", command, TSG)]
    return [inspect("Show the namespace", kubectl("get", "namespace", namespace, "-o", "yaml"), TSG)]
