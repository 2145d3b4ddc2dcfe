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
from checks.facts.workloads import Deployment, ReplicaSet
from checks.knowledge.refusals import POLICIES, RefusalReason, refusal_reason
from checks.knowledge.webhook_owners import GENERATED_POLICY
from checks.kubernetes.admission_fixes import exempt_in_assignment
from checks.kubernetes.create_refusals import Refusal, gateway_refusals, require_refusals
from checks.model.commands import HOWTO, TSG, change, inspect, kubectl, restart
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, warn
from checks.model.quantities import exhausted

ENFORCE = "pod-security.kubernetes.io/enforce"

SHORT_OF = ("pods", "count/pods", "requests.cpu", "requests.memory", "cpu", "memory", "limits.cpu", "limits.memory")
"""The quota's resources that a new gateway pod uses."""


@check(
    code="EG306",
    title="A policy of the namespace blocks the gateway's pods",
    severity=Severity.BLOCKS,
    article=("PROV-2",),
    reads=(Deployment, ReplicaSet, Pod, Event, Namespace, ResourceQuota),
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
        actions=[*_show_actions(facts), _fix(facts, first), restart(deployment, gateway.namespace)],
        about=[Involved("revision", revision)],
    )


def _fix(facts: Facts, each: _Refused) -> Action:
    """Return the fix, with a command if the message names the quota or policy."""
    namespace, reason = facts.gateway.namespace, each.reason
    match reason.kind:
        case "quota" if "exceeded" in each.refusal.message:
            return change(reason.fix, kubectl("edit", "resourcequota", each.policy, namespace=namespace), HOWTO)
        case "pod-security":
            return change(
                reason.fix, kubectl("label", "namespace", namespace, f"{ENFORCE}=baseline", "--overwrite"), HOWTO
            )
        case "policy" if each.policy.startswith(GENERATED_POLICY):
            return exempt_in_assignment(namespace)
        case _:
            return change(reason.fix, url=HOWTO)


def _restricted(facts: Facts) -> Iterator[Observation]:
    namespace = facts.get(Namespace, facts.gateway.namespace)
    if namespace is None or namespace.labels.get(ENFORCE) != "restricted":
        return
    yield warn(
        f"{namespace.ref} enforces the pod security level restricted.",
        subject=namespace.ref,
        evidence=[Evidence(namespace.ref, f"metadata.labels[{ENFORCE}]", "restricted", "baseline or privileged")],
        actions=[
            *_show_actions(facts)[:1],
            change(
                "Enforce baseline in the gateway's namespace",
                kubectl("label", "namespace", namespace.name, f"{ENFORCE}=baseline", "--overwrite"),
                HOWTO,
                "new gateway pods are admitted; running pods are not affected",
            ),
        ],
    )


def _used_up(facts: Facts) -> Iterator[Observation]:
    for quota in facts.in_namespace(ResourceQuota, facts.gateway.namespace):
        used = {name: (quota.used.get(name, ""), limit) for name, limit in quota.hard.items() if name in SHORT_OF}
        spent = [name for name, (now, limit) in used.items() if exhausted(now, limit)]
        if spent:
            yield warn(
                f"{quota.ref} has no {', '.join(spent)} left for another gateway pod.",
                subject=quota.ref,
                evidence=[
                    Evidence(quota.ref, f"status.used[{name}]", used[name][0], f"below {used[name][1]}")
                    for name in spent
                ],
                actions=_show_actions(facts)[1:],
            )


def _show_actions(facts: Facts) -> list[Action]:
    namespace = facts.gateway.namespace
    return [
        inspect("Show the namespace", kubectl("get", "namespace", namespace, "-o", "yaml"), TSG),
        inspect(
            "Describe the namespace's quotas and limit ranges",
            kubectl("describe", "resourcequota,limitrange", namespace=namespace),
        ),
    ]
