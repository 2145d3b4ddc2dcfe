"""What keeps a pod from running, by the reason that scheduler or kubelet give.

Source: domain.md 6.3; reasons are those of Kubernetes' kubelet (`pkg/kubelet/images`, `pkg/kubelet/container`).
"""

from dataclasses import dataclass

CREATING = "ContainerCreating"
"""The kubelet's word while sandbox, network and volumes are being made; `PodInitializing` while init containers run."""

BEGINNING = (CREATING, "PodInitializing")


@dataclass(frozen=True, slots=True)
class WaitingReason:
    """One reason: `meaning` completes "Pod … is not ready:", `fix` says what usually helps."""

    reason: str
    meaning: str
    fix: str = ""


_IMAGE = (
    "Let the nodes reach mcr.microsoft.com and *.data.mcr.microsoft.com (firewall, proxy, private DNS); with a restricted "
    "outbound type nothing is open by default"
)

REASONS: tuple[WaitingReason, ...] = (
    WaitingReason(
        "Unschedulable",
        "not scheduled, since no node fits",
        "Make room: more nodes, or nodes whose taints the gateway's pods tolerate; they never run on the gateway pool",
    ),
    WaitingReason("Unscheduled", "not scheduled, and the scheduler has not said why"),
    WaitingReason("ImagePullBackOff", "the image cannot be pulled", _IMAGE),
    WaitingReason("ErrImagePull", "the image cannot be pulled", _IMAGE),
    WaitingReason("ImageInspectError", "the image cannot be read on the node", _IMAGE),
    WaitingReason("RegistryUnavailable", "the image registry does not answer", _IMAGE),
    WaitingReason("InvalidImageName", "the image's name is not valid"),
    WaitingReason("OOMKilled", "the container is killed again and again, since it needs more memory than its limit"),
    WaitingReason("CrashLoopBackOff", "the container ends again and again"),
    WaitingReason("Terminated", "the container has ended"),
    WaitingReason("CreateContainerConfigError", "the container needs a ConfigMap or Secret that is not there"),
    WaitingReason("CreateContainerError", "the container cannot be created by the runtime"),
    WaitingReason("RunContainerError", "the container cannot be started by the runtime"),
    WaitingReason(CREATING, "network or volumes are not set up"),
    WaitingReason("PodInitializing", "the init containers do not end"),
    WaitingReason("NotReady", "running, but the readiness probe fails"),
    WaitingReason("NodeLost", "the node does not answer"),
)

_BY_REASON = {each.reason: each for each in REASONS}


def waiting_reason(reason: str) -> WaitingReason:
    """What is known about a reason; one that is not in the table stands for itself."""
    return _BY_REASON.get(reason) or WaitingReason(reason, f"waiting with the reason {reason}")
