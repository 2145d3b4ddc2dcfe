"""Moving gateway pods that get no network to a node whose cni-manager works."""

from collections.abc import Iterable, Iterator

from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.kubernetes.pod_problems import awaits_network
from checks.model.commands import SEGDOC, change, kubectl
from checks.model.findings import Action
from checks.static_egress.components import Component


def moved_pods(facts: Facts, component: Component, nodes: Iterable[str]) -> Iterator[Action]:
    """Cordon each node without a working cni-manager, and delete the pods that wait on it.

    They serve nothing, so no connection is closed. No action if no other node has a working cni-manager.
    """
    if component.short != "cni-manager" or facts.gap(Node):
        return
    broken = set(nodes)
    if not _working(facts, component) - broken:
        return
    for node in sorted(broken):
        if waiting := [pod for pod in facts.pods() if pod.node == node and awaits_network(pod)]:
            yield _move(node, waiting)


def _working(facts: Facts, component: Component) -> set[str]:
    ready = {node for node, pod in component.pods.items() if pod.ready}
    return {each.name for each in facts.all(Node) if each.name in ready and each.ready and each.mode != "gateway"}


def _move(node: str, pods: list[Pod]) -> Action:
    names = " and ".join(pod.name for pod in pods)
    delete = kubectl("delete", "pod", *(pod.name for pod in pods), namespace=pods[0].namespace)
    return change(
        f"Move {names} to another node: {node} gets no new pods meanwhile",
        f"{kubectl('cordon', node)} && {delete}",
        SEGDOC,
        f"the new pod is Ready on another node. When the cni-manager on {node} is Ready: `{kubectl('uncordon', node)}`",
    )
