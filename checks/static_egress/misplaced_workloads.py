"""Workloads whose annotation names a StaticGatewayConfiguration that their pods cannot use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.raw_values import text


class Obstacle(StrEnum):
    """The reason why an annotated pod cannot use the gateway, as the end of a sentence."""

    HOST_NETWORK = "its pods use the node's network"
    WINDOWS = "its pods run on Windows"
    OTHER_NAMESPACE = "its namespace has no such SGC"


@dataclass(frozen=True, slots=True)
class Misplaced:
    """The annotated pods of one workload that cannot use the gateway."""

    kind: str
    name: str
    namespace: str
    obstacle: Obstacle
    pods: tuple[Pod, ...]

    @property
    def ref(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def misplaced_workloads(facts: Facts) -> Mapping[str, tuple[Misplaced, ...]]:
    """The misplaced workloads of the cluster by the StaticGatewayConfiguration that they name.

    Pods on Windows nodes are found only if Nodes can be read. Computed once for all gateways.
    """
    windows_known = facts.gap(Node) is None
    return facts.once("workloads that cannot use static egress", _misplaced_with_nodes if windows_known else _misplaced)


def _misplaced_with_nodes(facts: Facts) -> Mapping[str, tuple[Misplaced, ...]]:
    windows = {node.name for node in facts.all(Node) if node.os.lower() == "windows"}
    return _grouped(facts, windows)


def _misplaced(facts: Facts) -> Mapping[str, tuple[Misplaced, ...]]:
    return _grouped(facts, frozenset())


def _grouped(facts: Facts, windows: Iterable[str]) -> Mapping[str, tuple[Misplaced, ...]]:
    """The misplaced workloads of the cluster by the StaticGatewayConfiguration that they name.

    They are computed once for all gateways.
    """
    groups: dict[tuple[str, str, tuple[str, str], Obstacle], list[Pod]] = {}
    for pod in facts.all(Pod):
        named = pod.static_gateway_configuration
        if not named or pod.deleted is not None or pod.finished:
            continue
        if obstacle := _obstacle(facts, pod, named, windows):
            groups.setdefault((named, pod.namespace, _workload(pod), obstacle), []).append(pod)
    found: dict[str, list[Misplaced]] = {}
    for (named, namespace, workload, obstacle), pods in sorted(groups.items(), key=lambda item: item[0]):
        ordered = tuple(sorted(pods, key=lambda pod: pod.name))
        found.setdefault(named, []).append(Misplaced(*workload, namespace, obstacle, ordered))
    return {named: tuple(misplaced) for named, misplaced in found.items()}


def _obstacle(facts: Facts, pod: Pod, named: str, windows: Iterable[str]) -> Obstacle | None:
    if facts.get(StaticGatewayConfiguration, named, pod.namespace) is None:
        # Another gateway's own pods wait for their own StaticGatewayConfiguration: that gateway's diagnosis reports it.
        is_gateway = pod.annotations.get("inject.istio.io/templates") == "gateway"
        return None if is_gateway else Obstacle.OTHER_NAMESPACE
    if pod.host_network:
        return Obstacle.HOST_NETWORK
    return Obstacle.WINDOWS if pod.node in windows or _requires_windows(pod) else None


def _requires_windows(pod: Pod) -> bool:
    wanted = text(pod.raw, "spec", "os", "name") or text(pod.raw, "spec", "nodeSelector", "kubernetes.io/os")
    return wanted.lower() == "windows"


def _workload(pod: Pod) -> tuple[str, str]:
    """The kind and name of the workload; a pod without an owner is its own."""
    kind, name = pod.owner
    if pod.deployment and pod.labels.get("pod-template-hash"):
        return ("Deployment", pod.deployment)
    return (kind, name) if kind else ("Pod", pod.name)
