"""Why the API server refused to create a pod: the texts in `FailedCreate` events and `ReplicaFailure` conditions.

Source: domain.md 6.3 (webhooks, quota, pod security); the texts are the API server's own admission plugins'.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One kind of refusal. `kind` is a word for grouping, `meaning` completes "…, because", `fix` says what helps."""

    kind: str
    pattern: re.Pattern[str]
    meaning: str
    fix: str = ""


WEBHOOK = "webhook"
POLICIES = ("quota", "limits", "pod-security", "policy")
"""The kinds that are rules of the namespace or cluster and not webhooks."""

REASONS: tuple[Reason, ...] = (
    Reason(
        WEBHOOK,
        re.compile(r'(?:admission webhook|failed calling webhook) "(?P<name>[^"]+)"'),
        "an admission webhook refuses them or does not answer",
    ),
    Reason(
        "quota",
        re.compile(r"exceeded quota: (?P<name>[\w.-]+)"),
        "the namespace's quota is used up",
        "Raise the quota, or free some of it",
    ),
    Reason(
        "quota",
        re.compile(r"failed quota: (?P<name>[\w.-]+)"),
        "the namespace's quota asks for requests and limits that they do not have",
        "Add a LimitRange with defaults for what the quota counts",
    ),
    Reason(
        "pod-security",
        re.compile(r"violates PodSecurity \"?(?P<name>[\w:.-]+)\"?"),
        "the namespace's pod security level forbids them",
        "Enforce the level baseline: the gateway's pods have no seccomp profile of their own, which restricted demands",
    ),
    Reason(
        "policy",
        re.compile(r"ValidatingAdmissionPolicy '(?P<name>[^']+)'"),
        "a ValidatingAdmissionPolicy denies them",
        "Take the gateway's namespace out of the policy's binding",
    ),
    Reason(
        "limits",
        re.compile(
            r"(?P<name>(?:minimum|maximum) \w+ usage per (?:Container|Pod)|max(?:imum)? limit to request ratio)"
        ),
        "a LimitRange of the namespace forbids their requests or limits",
        "Let the LimitRange admit what the gateway's proxies ask for: 100m CPU and 128Mi, up to 2 CPU and 1Gi",
    ),
)


def reason_of(message: str) -> tuple[Reason, str] | None:
    """The first kind of refusal whose text is in the message, and the name of what refused; None for other texts."""
    for reason in REASONS:
        if (found := reason.pattern.search(message)) is not None:
            return reason, next((each for each in found.groups() if each), "")
    return None


def unreachable(message: str) -> bool:
    """Whether a webhook did not answer, in contrast to one that answered no."""
    return "failed calling webhook" in message
