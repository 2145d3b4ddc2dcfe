"""Why a pod of any workload does not run, and the fix of that reason.

A container's termination, its image, its volumes and the scheduler each report reasons of their own. The fix follows the
reason: a restart is offered for none of them, because the kubelet and the controller try again by themselves.
"""

import json
from dataclasses import dataclass
from decimal import Decimal

from checks.facts.pods import Container, Pod
from checks.facts.view import Facts
from checks.knowledge.container_exits import OUT_OF_MEMORY, container_exit
from checks.knowledge.known_reasons import KnownReason
from checks.kubernetes.ownership import with_owner
from checks.kubernetes.pod_obstacles import start_obstacle_of
from checks.kubernetes.pod_problems import PodProblem, pod_problems
from checks.kubernetes.pod_workloads import PodWorkload, owning_workload
from checks.model.commands import change, inspect, kubectl
from checks.model.findings import Action, Evidence
from checks.model.quantities import quantity, written_bytes
from checks.model.raw_values import items, number, text


@dataclass(frozen=True, slots=True)
class PodFault:
    """Why a pod is not ready. `meaning` completes "Pod … is not ready: …".

    `fixes` are empty if only its log shows the reason.
    """

    pod: Pod
    meaning: str
    evidence: tuple[Evidence, ...]
    fixes: tuple[Action, ...]
    looks: tuple[Action, ...]


def pod_fault(facts: Facts, pod: Pod) -> PodFault | None:
    """The fault of a pod that is not ready; None for a ready or starting pod.

    Requires Event and Deployment declared.
    """
    problem = next(iter(pod_problems([pod], facts.now)), None)
    if problem is None or problem.starting:
        return None
    seen = Evidence(pod.ref, problem.field, problem.observed(pod), "Ready")
    if problem.reason == OUT_OF_MEMORY:
        return _out_of_memory(facts, pod, problem, seen)
    obstacle, message = start_obstacle_of(facts, pod)
    if obstacle is not None:
        return PodFault(pod, obstacle.meaning, (seen, *message), (change(obstacle.fix),), (_describe(pod),))
    exited = exited_container(pod)
    reason = exit_of(exited) if exited is not None else None
    if exited is not None and reason is not None:
        ended = Evidence(pod.ref, _ended_field(exited), _ended_text(exited), "running")
        look = log_before_exit(pod, exited.name)
        return PodFault(pod, reason.meaning, (seen, ended), (change(reason.fix),), (look,))
    looks = (log_before_exit(pod, exited.name),) if exited is not None else (_describe(pod),)
    return PodFault(pod, problem.meaning, (seen,), (change(problem.fix),) if problem.fix else (), looks)


def exited_container(pod: Pod) -> Container | None:
    """The first container that has exited and is not ready."""
    return next((each for each in (*pod.init_containers, *pod.containers) if not each.ready and _exits(each)), None)


def _exits(container: Container) -> bool:
    return bool(container.ended) or container.waiting == "CrashLoopBackOff"


def exit_of(container: Container) -> KnownReason | None:
    """The known reason of a container's newest termination."""
    return container_exit(number(container.ended, "exitCode"), text(container.ended, "message"))


def log_before_exit(pod: Pod, container: str) -> Action:
    """Show the log that a container wrote before it exited."""
    command = kubectl("logs", pod.name, "-c", container, "--previous", "--tail=50", namespace=pod.namespace)
    return inspect(f"Show why {container} of {pod.ref} exits", command)


def _describe(pod: Pod) -> Action:
    return inspect(f"Describe {pod.ref}", kubectl("describe", "pod", pod.name, namespace=pod.namespace))


def _ended_field(container: Container) -> str:
    return f"status.containerStatuses[{container.name}].lastState.terminated"


def _ended_text(container: Container) -> str:
    message = " ".join(text(container.ended, "message").split())
    return ": ".join(each for each in (PodProblem.ending(container), message) if each)


def memory_limit(pod: Pod, container: str) -> str:
    """The memory limit of a container, "" without one."""
    containers = items(pod.raw, "spec", "containers")
    return next((text(c, "resources", "limits", "memory") for c in containers if text(c, "name") == container), "")


def _out_of_memory(facts: Facts, pod: Pod, problem: PodProblem, seen: Evidence) -> PodFault:
    killed = next((c for c in pod.containers if text(c.ended, "reason") == OUT_OF_MEMORY), None)
    name = killed.name if killed is not None else ""
    limit = memory_limit(pod, name)
    looks = (log_before_exit(pod, name),) if name else ()
    if not limit:
        return PodFault(pod, problem.meaning, (seen,), (), looks)
    evidence = Evidence(pod.ref, f"spec.containers[{name}].resources.limits.memory", limit, f"more than {limit}")
    workload = owning_workload(facts, pod)
    fixes = () if workload is None else (raise_memory_limit(workload, name, limit),)
    return PodFault(pod, f"container {name} exceeds its memory limit of {limit}", (seen, evidence), fixes, looks)


def raise_memory_limit(workload: PodWorkload, container: str, limit: str) -> Action:
    """Double the memory limit of a container in its workload's template."""
    known = quantity(limit) or Decimal(0)
    higher = written_bytes(known * 2)
    entry = {"name": container, "resources": {"limits": {"memory": higher}}}
    patch = json.dumps({"spec": {"template": {"spec": {"containers": [entry]}}}})
    command = kubectl("patch", workload.resource, workload.name, "-p", patch, namespace=workload.namespace)
    title = f"Raise the memory limit of container {container} of {workload.ref} from {limit} to {higher}"
    return with_owner(change(title, command, expect="a new pod is Ready and stays so"), workload.fact)
