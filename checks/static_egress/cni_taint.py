"""The taint that keeps pods off a node until its cni-manager has written its configuration (domain.md 1.1; issue 1035)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from checks.facts.nodes import Node
from checks.facts.view import Facts
from checks.model.commands import KEGTS, kubectl, look
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, warn
from checks.static_egress.component_state import on_nodes

TAINT = "egressgateway.kubernetes.azure.com/cni-not-ready"

TAINT_GRACE = timedelta(minutes=10)
"""How long a new node may carry it (domain.md 6.3)."""


def tainted(facts: Facts) -> tuple[tuple[Node, datetime | None], ...]:
    """The nodes that carry the taint, and since when (None where the API does not say). Needs Node declared."""
    return facts.once("tainted nodes", _read)


def _read(facts: Facts) -> tuple[tuple[Node, datetime | None], ...]:
    """The nodes that carry the taint, and since when."""
    return tuple((node, t.added) for node in facts.all(Node) for t in node.taints if t.key == TAINT)


def lasting_taints(facts: Facts, own: frozenset[str]) -> Iterator[Observation]:
    """Nodes that carry the taint for too long; `own` are the nodes of the gateway's pods (Ruling 12)."""
    elsewhere: list[tuple[Node, Evidence]] = []
    for node, added in tainted(facts):
        if added is not None and facts.now - added < TAINT_GRACE:
            continue
        since = f"since {added:%Y-%m-%d %H:%M} UTC" if added else "(no timeAdded)"
        evidence = Evidence(node.ref, "spec.taints", f"{TAINT} {since}", "removed once the CNI is configured")
        if node.name in own and added is not None:
            actions, about = _taint_actions([node]), _taint_about([node])
            summary = f"{node.ref} still carries the taint {TAINT}."
            yield fail(summary, subject=node.ref, evidence=[evidence], actions=actions, about=about)
        else:
            elsewhere.append((node, evidence))
    if elsewhere:
        nodes = [node for node, _ in elsewhere]
        names = ", ".join(node.name for node in nodes)
        yield warn(
            f"Node{'s' if len(nodes) > 1 else ''} {names} still carr{'y' if len(nodes) > 1 else 'ies'} the taint {TAINT}.",
            subject=", ".join(node.ref for node in nodes),
            evidence=[evidence for _, evidence in elsewhere],
            actions=_taint_actions(nodes),
            about=_taint_about(nodes),
            severity=Severity.DEGRADES,
        )


def _taint_about(nodes: list[Node]) -> list[Involved]:
    return [Involved("component", "cni-manager"), *on_nodes("cni-manager", [node.name for node in nodes])]


def _taint_actions(nodes: list[Node]) -> list[Action]:
    return [
        look(f"See the components on {nodes[0].name}", _pods_on(nodes[0].name), KEGTS),
        look("See the taints, and what else the nodes say", kubectl("describe", "node", *(n.name for n in nodes))),
    ]


def _pods_on(node: str) -> str:
    selector = f"spec.nodeName={node}"
    return kubectl("get", "pods", "-A", "--field-selector", selector, "-o", "wide")
