"""The fix of a namespace's quota that leaves no room for the gateway's pods."""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from checks.facts.namespaces import ResourceQuota
from checks.facts.view import Facts
from checks.facts.workloads import Deployment, HorizontalPodAutoscaler
from checks.kubernetes.ownership import with_owner
from checks.model.commands import change, kubectl, kubectl_apply
from checks.model.findings import Action, Evidence
from checks.model.quantities import quantity, written_bytes, written_count
from checks.model.raw_values import text

_PROXY = {"requests.cpu": "100m", "requests.memory": "128Mi", "limits.cpu": "2", "limits.memory": "1Gi"}
"""The resources of a proxy in the add-on's chart, if the template leaves them out."""

_PAIR = re.compile(r"([\w./-]+)=([\w.+-]+)")
_EXCEEDED = re.compile(
    r"exceeded quota: (?P<name>[\w.-]+), requested: (?P<requested>.+?), used: (?P<used>.+?), limited: "
)
_SURGE = 4
"""A rollout adds a pod for each four of the Deployment, rounded up (maxSurge 25 %)."""


def raise_quotas(facts: Facts, message: str, deployments: Iterable[Deployment]) -> list[Action]:
    """Patch each quota to admit the autoscalers' most pods, and those of a rollout.

    The numbers are those of the quotas' status, otherwise those of the refusal. Requires ResourceQuota and
    HorizontalPodAutoscaler declared.
    """
    wanted = tuple(deployments)
    pods = room_needed(wanted, facts.readable(HorizontalPodAutoscaler, facts.gateway.namespace))
    pod = pod_resources(wanted)
    quotas = facts.readable(ResourceQuota, facts.gateway.namespace)
    found = [fix for each in quotas if (fix := raise_quota(each, pod, pods)) is not None]
    return found or raise_from_message(facts.gateway.namespace, message, pods)


def room_needed(deployments: Iterable[Deployment], scalers: Iterable[HorizontalPodAutoscaler] = ()) -> int:
    """The number of pods that are missing to the autoscaler's maximum, and of a rollout."""
    most = {each.target: each.maximum for each in scalers}
    wanted = ((each, max(each.replicas, most.get(("Deployment", each.name), 0))) for each in deployments)
    return sum(max(count - each.existing, 0) - (-count // _SURGE) for each, count in wanted) or 1


def raise_quota(quota: ResourceQuota, pod: Mapping[str, Decimal], pods: int) -> Action | None:
    """Patch a quota that lacks room for a number of pods; None if it has enough."""
    higher: dict[str, str] = {}
    for name, limit in quota.hard.items():
        used, hard = quantity(quota.used.get(name, "0")), quantity(limit)
        if name in pod and used is not None and hard is not None and (needed := used + pod[name] * pods) > hard:
            higher[name] = _written(name, needed)
    if not higher:
        return None
    rises = ", ".join(f"{name} from {quota.hard[name]} to {value}" for name, value in higher.items())
    return with_owner(_patch(quota.namespace, quota.name, higher, f"Raise {quota.ref}: {rises}"), quota)


def raise_from_message(namespace: str, message: str, pods: int) -> list[Action]:
    """Patch the quota that a refusal names, by the refusal's numbers; empty if it has none."""
    found = _EXCEEDED.search(message)
    if found is None:
        return []
    requested, used = (dict(_PAIR.findall(found[part])) for part in ("requested", "used"))
    higher: dict[str, str] = {}
    for name, amount in requested.items():
        each, now = quantity(amount), quantity(used.get(name, "0"))
        if each is not None and now is not None:
            higher[name] = _written(name, now + each * pods)
    rises = ", ".join(f"{name} to {value}" for name, value in higher.items())
    return [_patch(namespace, found["name"], higher, f"Raise ResourceQuota {namespace}/{found['name']}: {rises}")]


def _patch(namespace: str, name: str, hard: Mapping[str, str], title: str) -> Action:
    patch = json.dumps({"spec": {"hard": dict(hard)}})
    command = kubectl("patch", "resourcequota", name, "--type", "merge", "-p", patch, namespace=namespace)
    expect = "the ReplicaSet creates the pods at its next attempt, within 17 minutes"
    return change(f"{title} (room for all pods of the Deployment and a rollout)", command, expect=expect)


def pod_resources(deployments: Iterable[Deployment]) -> dict[str, Decimal]:
    """The resources of one pod by the names that quotas have for them, of the largest pod."""
    found: dict[str, Decimal] = {}
    for each in deployments:
        for name, value in _of_template(each).items():
            found[name] = max(value, found.get(name, value))
    return found or _counted(_PROXY)


def _of_template(deployment: Deployment) -> dict[str, Decimal]:
    totals = dict.fromkeys(_PROXY, Decimal(0))
    for container in deployment.template_containers:
        injected = text(container, "name") == "istio-proxy"
        for name, usual in _PROXY.items():
            kind, _, resource = name.partition(".")
            written = text(container, "resources", kind, resource) or (usual if injected else "")
            totals[name] += quantity(written) or Decimal(0)
    return _counted({name: str(value) for name, value in totals.items()})


def _counted(resources: Mapping[str, str]) -> dict[str, Decimal]:
    """The resources of a pod under every name that a quota can have for them."""
    found = {name: quantity(value) or Decimal(0) for name, value in resources.items()}
    one = Decimal(1)
    return {"pods": one, "count/pods": one, "cpu": found["requests.cpu"], "memory": found["requests.memory"], **found}


def _written(name: str, value: Decimal) -> str:
    return written_bytes(value) if name.endswith("memory") else written_count(value)


def spent_evidence(quota: ResourceQuota, pod: Mapping[str, Decimal]) -> list[Evidence]:
    """The resources of a quota without room for another pod, with what a pod needs."""
    found = []
    for name, limit in quota.hard.items():
        used, hard = quantity(quota.used.get(name, "")), quantity(limit)
        if name in pod and used is not None and hard is not None and used + pod[name] > hard:
            room = f"{_written(name, pod[name])} for one more pod, within {limit}"
            found.append(Evidence(quota.ref, f"status.used[{name}]", quota.used[name], room))
    return found


def default_resources(namespace: str, message: str, others: str) -> Action:
    """Create a LimitRange with defaults for the resources that a quota requires.

    `others` is the clause about other workloads of the namespace.
    """
    named = [each for each in ("cpu", "memory") if f".{each}" in message or f" {each}" in message] or ["cpu", "memory"]
    lines = [
        *("apiVersion: v1", "kind: LimitRange", "metadata:", "  name: quota-defaults", f"  namespace: {namespace}"),
        *("spec:", "  limits:", "    - type: Container"),
    ]
    for field, part in (("default", "limits"), ("defaultRequest", "requests")):
        lines += [f"      {field}:", *(f'        {each}: "{_PROXY[f"{part}.{each}"]}"' for each in named)]
    title = "Create a LimitRange with defaults for the resources that the quota counts"
    return change(
        f"{title}; {others}", kubectl_apply("\n".join(lines)), expect="the pods are created at the next attempt"
    )
