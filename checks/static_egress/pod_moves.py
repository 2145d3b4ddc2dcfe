"""Moving gateway pods that get no network to a node whose cni-manager works."""

from collections.abc import Iterable

from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.kubernetes.node_fixes import move_pods
from checks.kubernetes.pod_problems import awaits_network
from checks.model.commands import SEGDOC, change, kubectl
from checks.model.findings import Action
from checks.static_egress.components import Component


def moved_pods(facts: Facts, component: Component, nodes: Iterable[str]) -> list[Action]:
    """Cordon the nodes without a working cni-manager, and delete the pods that wait there.

    They serve nothing, so no connection is closed. No action if no other node has a working cni-manager.
    """
    found = _waiting(facts, component, nodes)
    return [move_pods(_closed(facts, component, node), waiting, SEGDOC) for node, waiting in found.items()]


def returned_nodes(facts: Facts, component: Component, nodes: Iterable[str]) -> list[Action]:
    """Uncordon the nodes of `moved_pods` after their fix."""
    return [
        change(
            f"Uncordon {node} when its cni-manager is Ready",
            kubectl("uncordon", node),
            SEGDOC,
            "new pods are placed on it again",
        )
        for node in dict.fromkeys(
            closed for waiting in _waiting(facts, component, nodes) for closed in _closed(facts, component, waiting)
        )
    ]


def _closed(facts: Facts, component: Component, node: str) -> list[str]:
    """The node, and the other nodes on which the new pod would get no network either."""
    others = {each.name for each in facts.all(Node) if each.mode != "gateway" and each.ready}
    down = sorted(name for name, pod in component.pods.items() if not pod.ready and name in others)
    return list(dict.fromkeys((node, *down)))


def _waiting(facts: Facts, component: Component, nodes: Iterable[str]) -> dict[str, list[Pod]]:
    """The gateway pods that wait for their network, by node, if another node can have them."""
    broken = set(nodes)
    if component.short != "cni-manager" or facts.gap(Node) or not _working(facts, component) - broken:
        return {}
    found = {node: [each for each in facts.pods() if each.node == node and awaits_network(each)] for node in broken}
    return {node: found[node] for node in sorted(broken) if found[node]}


def _working(facts: Facts, component: Component) -> set[str]:
    ready = {node for node, pod in component.pods.items() if pod.ready}
    return {each.name for each in facts.all(Node) if each.name in ready and each.ready and each.mode != "gateway"}
