"""Why a pod is not ready, by the reason that the scheduler or the kubelet reports.

Source: docs/domain/decision-tables.md#gateway-pods-not-running; Kubernetes, `pkg/kubelet/images` and `pkg/kubelet/container`.
"""

from dataclasses import dataclass

CREATING = "ContainerCreating"
"""The reason while the kubelet creates sandbox, network and volumes.

While init containers run, the reason is `PodInitializing`.
"""

READINESS_GATE = "ReadinessGatesNotReady"
"""The reason if all containers are ready and the pod is not."""

NO_CONDITION = "NoReadyCondition"
"""The reason if the kubelet has not reported the pod's conditions."""

BEGINNING = (CREATING, "PodInitializing")


@dataclass(frozen=True, slots=True)
class WaitingReason:
    """One reason, its meaning (completes "Pod … is not ready: …") and the usual fix."""

    reason: str
    meaning: str
    fix: str = ""


_IMAGE = (
    "Allow the nodes to reach mcr.microsoft.com and *.data.mcr.microsoft.com on port 443 (firewall, proxy, private DNS)"
)

_REASONS: tuple[WaitingReason, ...] = (
    WaitingReason(
        "Unschedulable",
        "not scheduled: no node matches its requirements",
        "Add nodes, or nodes whose taints the gateway's pods tolerate; the gateway node pool does not count, its taint keeps "
        "them off",
    ),
    WaitingReason("Unscheduled", "not scheduled; the scheduler has reported no reason"),
    WaitingReason("ImagePullBackOff", "the image cannot be pulled", _IMAGE),
    WaitingReason("ErrImagePull", "the image cannot be pulled", _IMAGE),
    WaitingReason("ImageInspectError", "the image cannot be read on the node", _IMAGE),
    WaitingReason("RegistryUnavailable", "the image registry does not answer", _IMAGE),
    WaitingReason("InvalidImageName", "the image name is invalid"),
    WaitingReason("OOMKilled", "the container is killed repeatedly because it exceeds its memory limit"),
    WaitingReason("CrashLoopBackOff", "the container exits repeatedly"),
    WaitingReason("Terminated", "the container has exited"),
    WaitingReason("CreateContainerConfigError", "the container needs a ConfigMap or Secret that does not exist"),
    WaitingReason("CreateContainerError", "the runtime cannot create the container"),
    WaitingReason("RunContainerError", "the runtime cannot start the container"),
    WaitingReason(CREATING, "network or volumes are not set up"),
    WaitingReason("PodInitializing", "the init containers have not finished"),
    WaitingReason("NotReady", "running, but the readiness probe fails"),
    WaitingReason(READINESS_GATE, "running, but a readiness gate is not met"),
    WaitingReason(NO_CONDITION, "running; no Ready condition is reported"),
    WaitingReason("NodeLost", "the node does not respond"),
)

_BY_REASON = {each.reason: each for each in _REASONS}


def waiting_reason(reason: str) -> WaitingReason:
    """The row of a reason; an unknown reason is its own meaning."""
    return _BY_REASON.get(reason) or WaitingReason(reason, f"waiting with the reason {reason}")
