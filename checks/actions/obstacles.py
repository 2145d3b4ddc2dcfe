"""Reasons why a probe does not run: refusals, and problems of its pod."""

from collections.abc import Iterable

from checks.facts.events import Event
from checks.facts.pods import Container, Pod
from checks.facts.probes import ProbeOutcome
from checks.knowledge.refusals import POLICIES, WEBHOOK, refusal_reason
from checks.model.raw_values import number, text

_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
_NO_COMMAND = frozenset({"StartError", "ContainerCannotRun", "RunContainerError"})

ProbeObstacle = tuple[ProbeOutcome, str]
"""An outcome and the message that proves it."""


def refusal_obstacle(status: int, message: str) -> ProbeObstacle:
    """The obstacle behind an error of the API server; status 0 or 504 is no answer."""
    if "because it is being terminated" in message:
        return ProbeOutcome.TERMINATING, message
    if (found := refusal_reason(message)) is not None:
        kind = found[0].kind
        if kind == WEBHOOK:
            return ProbeOutcome.WEBHOOK, message
        if kind in POLICIES:
            return (ProbeOutcome.QUOTA if kind == "quota" else ProbeOutcome.POLICY), message
    if status == 403:
        return ProbeOutcome.FORBIDDEN, message
    if status == 404:
        return ProbeOutcome.TARGET_DELETED, message
    return ProbeOutcome.API_SERVER, message


def created_obstacle(events: Iterable[Event]) -> ProbeObstacle | None:
    """The reason why the Job's controller creates no pod.

    It is found in the events of the Job; None if none is recorded.
    """
    refused = [each for each in events if each.reason == "FailedCreate"]
    return refusal_obstacle(0, refused[-1].message) if refused else None


def pod_obstacle(pod: Pod, events: Iterable[Event]) -> ProbeObstacle | None:
    """The reason why the probe pod does not run its container.

    None if it has started or may still start.
    """
    for each in pod.containers:
        if (found := container_obstacle(each)) is not None:
            return found
    if any(each.started for each in pod.containers):
        return None
    network = [each for each in events if each.reason == "FailedCreatePodSandBox"]
    if network:
        return ProbeOutcome.NO_NETWORK, network[-1].message
    if pod.finished:  # the kubelet refused or evicted it
        return ProbeOutcome.NOT_SCHEDULED, pod_end(pod)
    scheduled = pod.condition("PodScheduled")
    if text(scheduled, "status") == "False":
        return ProbeOutcome.NOT_SCHEDULED, text(scheduled, "message")
    return None


def pod_end(pod: Pod) -> str:
    """The reason for which a pod ended.

    It is the kubelet's, or that of a container that did not exit with 0; else "".
    """
    reason = ": ".join(filter(None, (text(pod.raw, "status", "reason"), text(pod.raw, "status", "message"))))
    ends = (each.ended for each in pod.containers)
    return reason or ", ".join(
        f"{text(each, 'reason')}, exit code {number(each, 'exitCode')}" for each in ends if number(each, "exitCode")
    )


def container_obstacle(container: Container) -> ProbeObstacle | None:
    """The reason why a container cannot start, None if it can."""
    if container.waiting in _PULL:
        return ProbeOutcome.IMAGE, f"{container.waiting}: {container.waiting_message}".rstrip(": ")
    if container.waiting in _NO_COMMAND or container.waiting.startswith("CreateContainer"):
        return (
            ProbeOutcome.NO_CURL if container.waiting in _NO_COMMAND else ProbeOutcome.POLICY,
            container.waiting_message,
        )
    ended = container.ended
    if ended and (text(ended, "reason") in _NO_COMMAND or number(ended, "exitCode") in (126, 127, 128)):
        return ProbeOutcome.NO_CURL, text(ended, "message")
    return None
