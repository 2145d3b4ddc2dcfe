"""Which nodes keep the cni-not-ready taint.

It keeps pods off a node until its cni-manager has configured the CNI.

Sources: docs/domain/components.md#cni-not-ready-taint; kube-egress-gateway issue 1035.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.model.commands import KEGTS, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, warn
from checks.static_egress.component_state import on_nodes
from checks.static_egress.components import cni_manager_on

TAINT = "egressgateway.kubernetes.azure.com/cni-not-ready"

TAINT_GRACE = timedelta(minutes=10)
"""The time for which a new node may have the taint.

Source: docs/domain/decision-tables.md#static-egress-components-unhealthy.
"""

NEW_NODE = timedelta(minutes=5)
"""The age up to which a node may have the taint without a time (docs/rulings.md#ruling-42)."""


def tainted(facts: Facts) -> tuple[tuple[Node, datetime | None], ...]:
    """The nodes with the taint, and since when (None if the API does not record it).

    Needs Node declared.
    """
    return facts.once("tainted nodes", _read)


def _read(facts: Facts) -> tuple[tuple[Node, datetime | None], ...]:
    return tuple((node, t.added) for node in facts.all(Node) for t in node.taints if t.key == TAINT)


def lasting_taints(facts: Facts, own: frozenset[str]) -> Iterator[Observation]:
    """Findings for nodes that have had the taint for too long.

    `own` are the nodes of the gateway's pods.

    Source: docs/rulings.md#ruling-12, docs/rulings.md#ruling-42.
    """
    elsewhere: list[tuple[Node, Evidence]] = []
    for node, added in tainted(facts):
        if facts.now - added < TAINT_GRACE if added is not None else _is_new(facts, node):
            continue
        since = f"since {added:%Y-%m-%d %H:%M} UTC" if added else "(no timeAdded)"
        evidence = Evidence(node.ref, "spec.taints", f"{TAINT} {since}", "removed when the CNI is configured")
        if node.name in own and added is not None:
            actions, about = _taint_actions(facts, [node]), _taint_about([node])
            summary = f"{node.ref} still has the taint {TAINT}."
            yield fail(summary, subject=node.ref, evidence=[evidence], actions=actions, about=about, since=added)
        else:
            elsewhere.append((node, evidence))
    if elsewhere:
        nodes = [node for node, _ in elsewhere]
        names = ", ".join(node.name for node in nodes)
        yield warn(
            f"Node{'s' if len(nodes) > 1 else ''} {names} still {'have' if len(nodes) > 1 else 'has'} the taint {TAINT}.",
            subject=", ".join(node.ref for node in nodes),
            evidence=[evidence for _, evidence in elsewhere],
            actions=_taint_actions(facts, nodes),
            about=_taint_about(nodes),
            severity=Severity.DEGRADES,
        )


def _is_new(facts: Facts, node: Node) -> bool:
    """Whether the node joined just now.

    A taint without the effect NoExecute has no time of its own.
    """
    return node.created is not None and facts.now - node.created < NEW_NODE


def _taint_about(nodes: list[Node]) -> list[Involved]:
    return [Involved("component", "cni-manager"), *on_nodes("cni-manager", [node.name for node in nodes])]


def _taint_actions(facts: Facts, nodes: list[Node]) -> list[Action]:
    """New cni-managers, which remove the taint, and commands that show more.

    A cni-manager that is not ready has a finding of its own: a new one would not be ready either.
    """
    managers = [found for each in nodes if (found := cni_manager_on(facts, each.name)) is not None and found.ready]
    return [
        *([_new_managers(managers)] if managers else []),
        inspect(f"List the pods on {nodes[0].name}", _pods_on(nodes[0].name), KEGTS),
        inspect(
            f"Describe the tainted node{'s' if len(nodes) > 1 else ''}",
            kubectl("describe", "node", *(n.name for n in nodes)),
        ),
    ]


def _new_managers(pods: list[Pod]) -> Action:
    delete = kubectl("delete", "pod", *(each.name for each in pods), namespace=pods[0].namespace)
    expect = "the new pod writes the CNI configuration and removes the taint within a minute"
    return change(
        f"Delete {' and '.join(each.name for each in pods)}; running pods keep their network", delete, KEGTS, expect
    )


def _pods_on(node: str) -> str:
    selector = f"spec.nodeName={node}"
    return kubectl("get", "pods", "-A", "--field-selector", selector, "-o", "wide")
