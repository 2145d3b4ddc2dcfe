"""Reasons why the API server refuses to create a pod.

They are found in the texts of `FailedCreate` events and `ReplicaFailure` conditions, which the API server's admission
plugins write.

Source: docs/domain/decision-tables.md#admission-webhook-blocks and #namespace-policy-blocks.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RefusalReason:
    """One kind of refusal: its group, text, meaning and fix.

    The meaning completes "…, because".
    """

    kind: str
    pattern: re.Pattern[str]
    meaning: str
    fix: str = ""


WEBHOOK = "webhook"
POLICIES = ("quota", "limits", "pod-security", "policy")
"""The kinds that come from a policy of the namespace or cluster, not from a webhook."""

_REASONS: tuple[RefusalReason, ...] = (
    RefusalReason(
        WEBHOOK,
        re.compile(r'(?:admission webhook|failed calling webhook) "(?P<name>[^"]+)"'),
        "an admission webhook denies them or does not answer",
    ),
    RefusalReason(
        "quota",
        re.compile(r"exceeded quota: (?P<name>[\w.-]+)"),
        "the namespace's quota is exhausted",
        "Raise the quota, or delete pods that use it",
    ),
    RefusalReason(
        "quota",
        re.compile(r"failed quota: (?P<name>[\w.-]+)"),
        "the namespace's quota requires resource requests and limits, which they lack",
        "Create a LimitRange with defaults for the resources that the quota counts",
    ),
    RefusalReason(
        "pod-security",
        re.compile(r"violates PodSecurity \"?(?P<name>[\w:.-]+)\"?"),
        "the namespace's pod security level forbids them",
        "Enforce the level baseline: restricted requires a seccomp profile, which the gateway's pods do not set",
    ),
    RefusalReason(
        "policy",
        re.compile(r"ValidatingAdmissionPolicy '(?P<name>[^']+)'"),
        "a ValidatingAdmissionPolicy denies them",
        "Exclude the gateway's namespace from the policy's binding",
    ),
    RefusalReason(
        "limits",
        re.compile(
            r"(?P<name>(?:minimum|maximum) \w+ usage per (?:Container|Pod)|max(?:imum)? limit to request ratio)"
        ),
        "a LimitRange of the namespace forbids their resource requests or limits",
        "Change the LimitRange to admit the gateway's proxies: requests of 100m CPU and 128Mi, limits of 2 CPU and 1Gi",
    ),
)


def refusal_reason(message: str) -> tuple[RefusalReason, str] | None:
    """The kind of refusal and the name of the webhook, quota or policy in a message.

    None if the text is not known.
    """
    for reason in _REASONS:
        if (found := reason.pattern.search(message)) is not None:
            return reason, next((each for each in found.groups() if each), "")
    return None


def unreachable(message: str) -> bool:
    """Whether the webhook did not answer, as opposed to one that denied the request."""
    return "failed calling webhook" in message
