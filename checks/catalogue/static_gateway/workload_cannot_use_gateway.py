"""EG412: a workload with the gateway's annotation cannot use the gateway."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from checks.engine.check import check
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, inspect, kubectl
from checks.model.findings import Action, Effect, Evidence, Involved, Observation, Severity, fail, healthy, skip
from checks.model.raw_values import text
from checks.static_egress.configuration import NotApplicable, gateway_configuration


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


@check(
    code="EG412",
    title="A workload with the gateway's annotation cannot use the gateway",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(StaticGatewayConfiguration, Pod, Node),
)
def workload_cannot_use_gateway(facts: Facts) -> Iterator[Observation]:
    """What it checks: the pods of all namespaces whose annotation names this gateway's StaticGatewayConfiguration. It
    fails for pods that use the host network, pods on Windows nodes, and pods in a namespace without an SGC of that
    name.

    Why it matters: with host networking and on Windows the annotation has no effect and causes no error, and traffic
    leaves from the cluster's default outbound address. In another namespace the pod never gets a network.

    What usually fixes it: moving the workload into the SGC's namespace, disabling host networking, or removing the
    annotation.

    Source: article SEG-1; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    facts.all(Pod)
    windows_known = facts.gap(Node) is None
    misplaced = facts.once(
        "workloads that cannot use static egress", _misplaced_with_nodes if windows_known else _misplaced
    )
    found = [
        each
        for each in misplaced.get(configuration.name, ())
        # A pod on the wrong kind of node matters only to the gateway of its own namespace.
        if each.obstacle is Obstacle.OTHER_NAMESPACE or each.namespace == configuration.namespace
    ]
    for each in found:
        yield _fault(configuration, each)
    facts.all(Node)
    if not found:
        yield healthy(f"Every workload that names {configuration.ref} can use it.")


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
    if kind == "ReplicaSet" and (stem := name.rpartition("-")[0]) and pod.labels.get("pod-template-hash"):
        return ("Deployment", stem)
    return (kind, name) if kind else ("Pod", pod.name)


def _fault(configuration: StaticGatewayConfiguration, each: Misplaced) -> Observation:
    return fail(
        f"{each.ref} cannot use {configuration.ref}: {each.obstacle.value}.",
        subject=each.ref,
        evidence=[_proof(configuration, each.obstacle, pod) for pod in each.pods],
        actions=_actions(configuration, each),
        about=[Involved("namespace", each.namespace)]
        + [Involved("pod", f"{pod.namespace}/{pod.name}") for pod in each.pods],
    )


def _proof(configuration: StaticGatewayConfiguration, obstacle: Obstacle, pod: Pod) -> Evidence:
    match obstacle:
        case Obstacle.HOST_NETWORK:
            return Evidence(pod.ref, "spec.hostNetwork", "true", "false")
        case Obstacle.WINDOWS:
            return Evidence(pod.ref, "spec.nodeName", f"{pod.node or '(none yet)'}, Windows", "a Linux node")
        case Obstacle.OTHER_NAMESPACE:
            return Evidence(pod.ref, "metadata.namespace", pod.namespace, configuration.namespace)


def _actions(configuration: StaticGatewayConfiguration, each: Misplaced) -> list[Action]:
    where = f"StaticGatewayConfiguration in {each.namespace}"
    fixes = {
        Obstacle.HOST_NETWORK: "Set hostNetwork to false in the workload's template, or remove the annotation",
        Obstacle.WINDOWS: "Move the workload to Linux nodes, or remove the annotation",
        Obstacle.OTHER_NAMESPACE: f"Create a {where}, move the workload to {configuration.namespace}, or remove the "
        "annotation",
    }
    # These fields of a pod cannot be edited: the pod has to be created again.
    command = ("delete", "pod", each.name) if each.kind == "Pod" else ("edit", each.kind.lower(), each.name)
    recreate = "; delete the pod and create it again with the change" if each.kind == "Pod" else ""
    return [
        inspect(
            f"Describe {each.ref} and its events",
            kubectl("describe", each.kind.lower(), each.name, namespace=each.namespace),
            SEGDOC,
        ),
        Action(
            fixes[each.obstacle] + recreate,
            kubectl(*command, namespace=each.namespace),
            Effect.DISRUPTS,
            SEGDOC,
        ),
    ]
