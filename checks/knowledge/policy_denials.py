"""The policy that a denial names, by the texts of the policy engines.

Sources: Kyverno, "Policy Exceptions" and `pkg/webhooks/utils/block.go`; Gatekeeper, `pkg/webhook/policy.go`; Azure Policy,
"Understand Azure Policy for Kubernetes clusters" (names of generated constraints and policies).
"""

import re
from dataclasses import dataclass

_KYVERNO = re.compile(r"following policies:?\s+(?P<policy>[\w./-]+):\s+(?P<rule>[\w.-]+):")
_GATEKEEPER = re.compile(r"denied the request: \[(?P<constraint>[\w.-]+)\]")


@dataclass(frozen=True, slots=True)
class KyvernoRule:
    """A rule of a Kyverno policy."""

    policy: str
    rule: str


def kyverno_rule(message: str) -> KyvernoRule | None:
    """The first rule of Kyverno that a denial names."""
    found = _KYVERNO.search(message)
    return KyvernoRule(found["policy"].rpartition("/")[2], found["rule"]) if found is not None else None


def gatekeeper_constraint(message: str) -> str:
    """The constraint of Gatekeeper that a denial names, "" for none."""
    found = _GATEKEEPER.search(message)
    return found["constraint"] if found is not None else ""
