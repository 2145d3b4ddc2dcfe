"""EG412: a workload carries the gateway's annotation, but cannot use it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from checks.engine.check import check
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, kubectl, look
from checks.model.findings import Action, Effect, Evidence, Involved, Observation, Severity, fail, healthy, skip
from checks.model.raw_values import text
from checks.static_egress.configuration import NothingThere, configuration_of


class Obstacle(StrEnum):
    """Why an annotated pod cannot use the gateway, as the end of a sentence."""

    HOST_NETWORK = "its pods use the node's network"
    WINDOWS = "its pods run on Windows"
    OTHER_NAMESPACE = "its namespace has no such configuration"


@dataclass(frozen=True, slots=True)
class Stray:
    """The pods of one workload that carry the annotation in vain."""

    workload: str
    namespace: str
    obstacle: Obstacle
    pods: tuple[Pod, ...]


@check(
    code="EG412",
    title="A workload with the gateway's annotation cannot use it",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(StaticGatewayConfiguration, Pod, Node),
)
def workload_cannot_use_gateway(facts: Facts) -> Iterator[Observation]:
    """What it checks: the pods of any namespace whose annotation names this gateway's configuration: pods on the node's own
    network, pods on Windows nodes, and pods of a namespace that has no configuration of that name.

    Why it matters: the annotation does nothing on the node's network and on Windows, silently, and traffic leaves from the
    cluster's ordinary address. In another namespace the pod never gets a network.

    What usually fixes it: moving the workload into the configuration's namespace, taking it off the node's network, or
    taking the annotation away.

    Source: article SEG-1; AKS documentation, configure-static-egress-gateway."""
    configuration = configuration_of(facts)
    if isinstance(configuration, NothingThere):
        yield skip(configuration.why)
        return
    facts.all(Pod)
    windows_known = facts.gap(Node) is None
    strays = facts.once("workloads that cannot use static egress", _strays_with_nodes if windows_known else _strays)
    found = [
        stray
        for stray in strays.get(configuration.name, ())
        # A pod on the wrong kind of node matters to the gateway of its own namespace only.
        if stray.obstacle is Obstacle.OTHER_NAMESPACE or stray.namespace == configuration.namespace
    ]
    for stray in found:
        yield _fault(configuration, stray)
    facts.all(Node)
    if not found:
        yield healthy(f"Every workload that names {configuration.ref} can use it.")


def _strays_with_nodes(facts: Facts) -> Mapping[str, tuple[Stray, ...]]:
    windows = {node.name for node in facts.all(Node) if node.os.lower() == "windows"}
    return _grouped(facts, windows)


def _strays(facts: Facts) -> Mapping[str, tuple[Stray, ...]]:
    return _grouped(facts, frozenset())


def _grouped(facts: Facts, windows: Iterable[str]) -> Mapping[str, tuple[Stray, ...]]:
    """The strays of the whole cluster by the configuration that they name, found once for all its gateways."""
    groups: dict[tuple[str, str, str, Obstacle], list[Pod]] = {}
    for pod in facts.all(Pod):
        named = pod.static_gateway_configuration
        if not named or pod.deleted is not None or pod.finished:
            continue
        if obstacle := _obstacle(facts, pod, named, windows):
            groups.setdefault((named, pod.namespace, _workload(pod), obstacle), []).append(pod)
    found: dict[str, list[Stray]] = {}
    for (named, namespace, workload, obstacle), pods in sorted(groups.items(), key=lambda item: item[0]):
        ordered = tuple(sorted(pods, key=lambda pod: pod.name))
        found.setdefault(named, []).append(Stray(workload, namespace, obstacle, ordered))
    return {named: tuple(strays) for named, strays in found.items()}


def _obstacle(facts: Facts, pod: Pod, named: str, windows: Iterable[str]) -> Obstacle | None:
    if facts.get(StaticGatewayConfiguration, named, pod.namespace) is None:
        # Another gateway's own pods wait for a configuration of theirs: that gateway's diagnosis says so.
        is_gateway = pod.annotations.get("inject.istio.io/templates") == "gateway"
        return None if is_gateway else Obstacle.OTHER_NAMESPACE
    if pod.host_network:
        return Obstacle.HOST_NETWORK
    return Obstacle.WINDOWS if pod.node in windows or _asks_for_windows(pod) else None


def _asks_for_windows(pod: Pod) -> bool:
    wanted = text(pod.raw, "spec", "os", "name") or text(pod.raw, "spec", "nodeSelector", "kubernetes.io/os")
    return wanted.lower() == "windows"


def _workload(pod: Pod) -> str:
    kind, name = pod.owner
    if kind == "ReplicaSet" and (stem := name.rpartition("-")[0]) and pod.labels.get("pod-template-hash"):
        return f"Deployment {pod.namespace}/{stem}"
    return f"{kind} {pod.namespace}/{name}" if kind else pod.ref


def _fault(configuration: StaticGatewayConfiguration, stray: Stray) -> Observation:
    return fail(
        f"{stray.workload} names {configuration.ref}, but cannot use it: {stray.obstacle.value}.",
        subject=stray.workload,
        evidence=[_proof(configuration, stray.obstacle, pod) for pod in stray.pods],
        actions=_actions(configuration, stray),
        about=[Involved("namespace", stray.namespace)]
        + [Involved("pod", f"{pod.namespace}/{pod.name}") for pod in stray.pods],
    )


def _proof(configuration: StaticGatewayConfiguration, obstacle: Obstacle, pod: Pod) -> Evidence:
    match obstacle:
        case Obstacle.HOST_NETWORK:
            return Evidence(pod.ref, "spec.hostNetwork", "true", "false")
        case Obstacle.WINDOWS:
            return Evidence(pod.ref, "spec.nodeName", f"{pod.node or '(none yet)'}, Windows", "a Linux node")
        case Obstacle.OTHER_NAMESPACE:
            return Evidence(pod.ref, "metadata.namespace", pod.namespace, configuration.namespace)


def _actions(configuration: StaticGatewayConfiguration, stray: Stray) -> list[Action]:
    where = f"StaticGatewayConfiguration in {stray.namespace}"
    fixes = {
        Obstacle.HOST_NETWORK: "Set hostNetwork to false in the workload's template, or take the annotation away",
        Obstacle.WINDOWS: "Move the workload to Linux nodes, or take the annotation away",
        Obstacle.OTHER_NAMESPACE: f"Create a {where}, move the workload to {configuration.namespace}, or take the "
        "annotation away",
    }
    kind, _, name = stray.workload.partition(" ")
    short = name.rpartition("/")[2]
    # A pod of its own cannot be edited in these fields, only made anew.
    mend = ("delete", "pod", short) if kind == "Pod" else ("edit", kind.lower(), short)
    again = "; delete the pod, and create it corrected" if kind == "Pod" else ""
    return [
        look(
            "See the workload and its events",
            kubectl("describe", kind.lower(), short, namespace=stray.namespace),
            SEGDOC,
        ),
        Action(
            fixes[stray.obstacle] + again,
            kubectl(*mend, namespace=stray.namespace),
            Effect.DISRUPTS,
            SEGDOC,
        ),
    ]
