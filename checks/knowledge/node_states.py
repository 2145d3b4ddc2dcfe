"""Why a node is not ready, by its condition Ready and its taints.

Sources: Kubernetes, "Node Status" and "Taints and Tolerations" (taints of the cloud provider); AKS, "Node auto-repair", whose
first step is a restart of the machine; `pkg/kubelet/nodestatus` (messages of the condition).
"""

from dataclasses import dataclass

from checks.knowledge.known_reasons import message_pattern, reason_in

SHUTDOWN = "node.cloudprovider.kubernetes.io/shutdown"
"""The taint of a node whose machine is stopped or deallocated."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """`meaning` completes "Node … is not ready: …"; `stopped` if the machine does not run."""

    meaning: str
    stopped: bool = False


_ROWS = (
    message_pattern(r"Kubelet stopped posting node status", "the kubelet no longer reports to the API server", ""),
    message_pattern(r"Kubelet never posted node status", "the kubelet has never reported to the API server", ""),
    message_pattern(r"cni plugin not initialized|NetworkPluginNotReady", "the network plugin is not initialized", ""),
    message_pattern(r"PLEG is not healthy", "the container runtime no longer reports the state of containers", ""),
    message_pattern(r"container runtime (?:is down|status check may not)", "the container runtime does not answer", ""),
    message_pattern(r"node is shutting down", "the machine is shutting down", ""),
)


def node_state(message: str, taints: frozenset[str]) -> NodeState:
    """The state of a node that is not ready.

    `message` is that of its condition, `taints` are keys. An unknown message is its own meaning.
    """
    if SHUTDOWN in taints:
        return NodeState("the machine is stopped", stopped=True)
    found = reason_in(message, _ROWS)
    return NodeState(found.meaning if found is not None else message.rstrip("."))
