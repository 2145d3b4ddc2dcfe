"""What keeps a pod from running, by the reason that scheduler or kubelet give.

Source: domain.md 6.3; reasons are those of Kubernetes' kubelet (`pkg/kubelet/images`, `pkg/kubelet/container`).
"""

from dataclasses import dataclass

CREATING = "ContainerCreating"
"""The kubelet's word while sandbox, network and volumes are being made; `PodInitializing` while init containers run."""

BEGINNING = (CREATING, "PodInitializing")


@dataclass(frozen=True, slots=True)
class WaitingReason:
    """One reason: `meaning` completes "pods … are/have …", `fix` says what usually helps."""

    reason: str
    meaning: str
    fix: str = ""


_IMAGE = (
    "Let the nodes reach mcr.microsoft.com and *.data.mcr.microsoft.com (firewall, proxy, private DNS); with a restricted "
    "outbound type nothing is open by default."
)

REASONS: tuple[WaitingReason, ...] = (
    WaitingReason(
        "Unschedulable",
        "no node takes them",
        "Make room: more nodes, or nodes whose taints the gateway's pods tolerate. They never run on the gateway pool.",
    ),
    WaitingReason("Unscheduled", "the scheduler has not placed them"),
    WaitingReason("ImagePullBackOff", "their image cannot be pulled", _IMAGE),
    WaitingReason("ErrImagePull", "their image cannot be pulled", _IMAGE),
    WaitingReason("ImageInspectError", "their image cannot be read on the node", _IMAGE),
    WaitingReason("RegistryUnavailable", "the image registry does not answer", _IMAGE),
    WaitingReason("InvalidImageName", "the name of their image is not valid"),
    WaitingReason("OOMKilled", "their container needs more memory than its limit and is killed again and again"),
    WaitingReason("CrashLoopBackOff", "their container ends again and again"),
    WaitingReason("Terminated", "their container has ended"),
    WaitingReason("CreateContainerConfigError", "their container needs a ConfigMap or Secret that is not there"),
    WaitingReason("CreateContainerError", "the runtime cannot create their container"),
    WaitingReason("RunContainerError", "the runtime cannot start their container"),
    WaitingReason(CREATING, "their network or volumes are not set up"),
    WaitingReason("PodInitializing", "their init containers do not end"),
    WaitingReason("NotReady", "they run but are not ready"),
    WaitingReason("NodeLost", "their node does not answer"),
)

_BY_REASON = {each.reason: each for each in REASONS}


def waiting_reason(reason: str) -> WaitingReason:
    """What is known about a reason; one that is not in the table stands for itself."""
    return _BY_REASON.get(reason) or WaitingReason(reason, f"they wait with the reason {reason}")
