"""Changes of a namespace's settings, with the effect on its other workloads."""

from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.kubernetes.ownership import with_owner
from checks.model.commands import HOWTO, change, kubectl
from checks.model.findings import Action

ENFORCE = "pod-security.kubernetes.io/enforce"
_SHOWN = 3
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
    others = other_workloads(facts)
    note = others.removeprefix("; ") or "no other workload of the namespace is affected"
    back = kubectl("label", "namespace", name, f"{ENFORCE}={level}", "--overwrite")
    expect = f"new gateway pods are admitted; running pods are not affected; {note}. To go back: `{back}`"
    known = next((each for each in facts.readable(Namespace) if each.name == name), None)
    return with_owner(change(title, command, HOWTO, expect), known)


def other_workloads(facts: Facts) -> str:
    """The clause that names the other workloads of the namespace; "" if there are none.

    Requires Pod declared.
    """
    namespace = facts.gateway.namespace
    if facts.gap(Pod, namespace):
        return ""
    own = {pod.name for pod in facts.pods()}
    others = sorted({pod.deployment or pod.name for pod in facts.in_namespace(Pod, namespace) if pod.name not in own})
    if not others:
        return ""
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return f"; it also applies to new pods of {', '.join(others[:_SHOWN])}{more}"
