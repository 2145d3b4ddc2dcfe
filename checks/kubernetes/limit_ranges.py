"""The fix of a LimitRange that forbids the gateway's pods, by the values in the refusal.

Source: Kubernetes, `plugin/pkg/admission/limitranger` (texts of the refusals).
"""

import re

from checks.model.commands import change, kubectl
from checks.model.findings import Action

_USAGE = re.compile(
    r"(?P<end>minimum|maximum) (?P<resource>[\w./-]+) usage per (?P<per>Container|Pod) is (?P<bound>[\w.]+), but "
    r"(?:limit|request) is (?P<needed>[\w.]+)"
)


def admit_in_limit_range(namespace: str, message: str, others: str) -> Action | None:
    """Set the bound that a refusal names to the value of the gateway's pods.

    None if the message has no values. The name of the LimitRange is not in the message, so the command changes each one of the
    namespace that has this bound. `others` is the clause about other workloads.
    """
    found = _USAGE.search(message)
    if found is None:
        return None
    resource, bound, needed = found["resource"], found["bound"], found["needed"]
    get = kubectl("get", "limitrange", "-o", "yaml", namespace=namespace)
    expression = f's/\\b{resource}: "\\?{re.escape(bound)}"\\?$/{resource}: "{needed}"/'
    command = f"{get} | sed '{expression}' | {kubectl('apply', '-f', '-', namespace=namespace)}"
    verb, end = ("Raise", "maximum") if found["end"] == "maximum" else ("Set", "minimum")
    where = f"{resource} per {found['per']} in the namespace's LimitRange"
    title = f"{verb} the {end} of {where} from {bound} to {needed}"
    return change(f"{title}; {others}", command, expect="the ReplicaSet creates the pods at its next attempt")
