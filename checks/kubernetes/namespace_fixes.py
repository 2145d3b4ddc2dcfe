"""Changes of a namespace's settings, with the effect on its other workloads."""

from checks.facts.namespaces import Namespace
from checks.facts.view import Facts
from checks.kubernetes.ownership import with_owner
from checks.kubernetes.pod_workloads import few_of, other_workloads
from checks.model.commands import HOWTO, change, kubectl
from checks.model.findings import Action

ENFORCE = "pod-security.kubernetes.io/enforce"
_LOWER = {"restricted": "baseline", "baseline": "privileged"}
"""The next level, at which what this level refuses is admitted."""

_LACKS = {
    "restricted": "restricted requires a seccomp profile, which the gateway's pods do not set",
    "baseline": "baseline forbids what the refusal names",
}


def lower_security_level(facts: Facts, violated: str) -> Action:
    """Enforce the level that admits the gateway's pods.

    `violated` is the level that refuses them, with or without version. Requires Namespace and Pod declared.
    """
    level = violated.partition(":")[0]
    lower = _LOWER.get(level, "privileged")
    name = facts.gateway.namespace
    title = f"Enforce the level {lower}: {_LACKS.get(level, _LACKS['baseline'])}"
    command = kubectl("label", "namespace", name, f"{ENFORCE}={lower}", "--overwrite")
    expect = (
        f"new gateway pods are admitted; running pods are not affected; {others_affected(facts)}. The owner of the security "
        "level must agree; run the undo command when the namespace has no gateway any more"
    )
    known = next((each for each in facts.readable(Namespace) if each.name == name), None)
    return with_owner(change(title, command, HOWTO, expect), known)


def others_affected(facts: Facts) -> str:
    """The clause about the effect on the other workloads of the gateway's namespace."""
    others = other_workloads(facts, facts.gateway.namespace)
    if others is None:
        return "whether it applies to other workloads of the namespace is not checked: its pods were not read"
    return (
        f"it also applies to new pods of {few_of(others)}"
        if others
        else "no other workload of the namespace is affected"
    )
