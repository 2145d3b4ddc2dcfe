"""The reason why each pod is not ready, with pods of the same reason grouped."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.facts.pods import Container, Pod
from checks.knowledge.waiting_reasons import BEGINNING, CREATING, NO_CONDITION, READINESS_GATE, waiting_reason
from checks.model.raw_values import mapping, moment, number, text

CREATION = timedelta(seconds=60)
"""The time that sandbox, network and volumes may take.

Source: docs/domain/decision-tables.md#gateway-pods-not-running.
"""

FIRST_PROBES = timedelta(seconds=30)
"""The time that a started container may take to become ready.

It is two periods of the chart's readiness probe.
"""

RESTARTS = 5
"""More restarts than this, the last within RECENTLY, are a warning.

Source: docs/domain/decision-tables.md#gateway-pods-not-running.
"""

RECENTLY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PodProblem:
    """Pods that are not ready for the same reason.

    `detail` is a common scheduler's message or image; `starting` is true within the normal time of a start."""

    reason: str
    detail: str
    starting: bool
    field: str
    pods: tuple[Pod, ...] = ()

    @property
    def meaning(self) -> str:
        known = waiting_reason(self.reason).meaning
        if self.starting:
            return f"{known}; this is normal during a start"
        return (
            f"{known} ({self.detail})" if self.reason in ("ImagePullBackOff", "ErrImagePull") and self.detail else known
        )

    @property
    def fix(self) -> str:
        return waiting_reason(self.reason).fix

    def observed(self, pod: Pod) -> str:
        """The reason and the pod's message."""
        return ": ".join(each for each in (self.reason, _message(pod, self.reason)) if each)

    @staticmethod
    def ending(container: Container) -> str:
        """Reason and exit code of a container's last termination."""
        ended = container.ended
        code = number(ended, "exitCode")
        return ", ".join(
            each for each in (text(ended, "reason"), f"exit code {code}" if code is not None else "") if each
        )


def pod_problems(pods: Iterable[Pod], now: datetime) -> tuple[PodProblem, ...]:
    """The groups of pods that are not ready, in the order of their first pod."""
    groups: dict[PodProblem, list[Pod]] = {}
    for pod in pods:
        if (found := _problem(pod, now)) is not None:
            groups.setdefault(found, []).append(pod)
    return tuple(PodProblem(t.reason, t.detail, t.starting, t.field, tuple(found)) for t, found in groups.items())


def awaits_network(pod: Pod) -> bool:
    """Whether a pod may wait for its network.

    It has a node, and no container has left the sandbox phase.
    """
    if not pod.node or pod.ready or pod.finished:
        return False
    containers = (*pod.init_containers, *pod.containers)
    return not any(_alive(each) or (each.waiting and each.waiting not in BEGINNING) for each in containers)


def waiting_since(pod: Pod) -> datetime | None:
    """When the kubelet started the pod, or when the pod was created."""
    return pod.started or pod.created


def restarts_often(pod: Pod, now: datetime) -> bool:
    """Whether a ready pod restarts repeatedly."""
    if not pod.ready:
        return False
    for each in pod.containers:
        finished = moment(each.ended, "finishedAt")
        if each.restarts > RESTARTS and finished is not None and now - finished < RECENTLY:
            return True
    return False


def _alive(container: Container) -> bool:
    return bool(mapping(container.status, "state", "running") or mapping(container.status, "state", "terminated"))


def _problem(pod: Pod, now: datetime) -> PodProblem | None:
    if pod.ready:
        return None
    if not pod.node:
        return _unplaced(pod, now)
    containers = (*pod.init_containers, *pod.containers)
    for each in containers:
        if each.waiting and each.waiting not in BEGINNING:
            return _waiting(each)
    if awaits_network(pod):
        return PodProblem(CREATING, "", _young(waiting_since(pod), now, CREATION), "status.containerStatuses[].state")
    for each in pod.containers:
        if mapping(each.status, "state", "terminated"):
            reason = "OOMKilled" if text(each.ended, "reason") == "OOMKilled" else "Terminated"
            return PodProblem(reason, "", False, "status.containerStatuses[].state")
    for each in pod.containers:
        if each.waiting in BEGINNING:
            return PodProblem(
                each.waiting, "", _young(waiting_since(pod), now, CREATION), "status.containerStatuses[].state"
            )
    return _unready(pod, now)


def _unplaced(pod: Pod, now: datetime) -> PodProblem:
    condition = pod.condition("PodScheduled")
    field = "status.conditions[PodScheduled]"
    if text(condition, "status") == "False":
        return PodProblem("Unschedulable", text(condition, "message"), False, field)
    return PodProblem("Unscheduled", "", _young(pod.created, now, CREATION), field)


def _waiting(container: Container) -> PodProblem:
    reason, detail = container.waiting, ""
    if reason == "CrashLoopBackOff" and text(container.ended, "reason") == "OOMKilled":
        reason = "OOMKilled"
    if "Image" in reason:
        detail = container.image
    return PodProblem(reason, detail, False, "status.containerStatuses[].state")


def _unready(pod: Pod, now: datetime) -> PodProblem:
    if text(pod.condition("Ready"), "status") == "Unknown" or text(pod.raw, "status", "reason") == "NodeLost":
        return PodProblem("NodeLost", "", False, "status.conditions[Ready]")
    since = [each.running_since for each in pod.containers if each.running_since is not None]
    fresh = bool(since) and all(_young(each, now, FIRST_PROBES) for each in since)
    restarted = any(each.restarts for each in pod.containers)
    if pod.containers and all(each.ready for each in pod.containers):
        reason = READINESS_GATE if pod.condition("Ready") else NO_CONDITION
        return PodProblem(reason, "", False, "status.conditions[Ready]")
    return PodProblem("NotReady", "", fresh and not restarted, "status.conditions[Ready]")


def _young(since: datetime | None, now: datetime, limit: timedelta) -> bool:
    return since is not None and now - since < limit


def _message(pod: Pod, reason: str) -> str:
    match reason:
        case "Unschedulable":
            return text(pod.condition("PodScheduled"), "message")
        case "NotReady" | "NodeLost" | "ReadinessGatesNotReady":
            return text(pod.condition("Ready"), "message")
        case "OOMKilled" | "CrashLoopBackOff" | "Terminated":
            return "; ".join(ended for each in pod.containers if (ended := PodProblem.ending(each)))
        case _:
            return next((c.waiting_message for c in (*pod.init_containers, *pod.containers) if c.waiting_message), "")
