"""How the static egress gateway's components are on each node: what is wrong there, with the evidence. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from checks.facts.logs import LogText
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.knowledge.component_logs import LogFault, log_fault
from checks.kubernetes.pod_problems import Trouble, restarts_often, troubles
from checks.model.findings import Evidence, Involved
from checks.static_egress.components import Component

LATELY = timedelta(minutes=10)
"""A line in a log that is older says nothing about now."""


@dataclass(frozen=True, slots=True)
class NodeFault:
    """A component that is missing, not ready or in trouble on a node. `down` says that it does not work there now."""

    node: str
    what: str
    evidence: tuple[Evidence, ...]
    down: bool
    pod: Pod | None = None


def node_faults(facts: Facts, component: Component, nodes: Iterable[str], logs: type[LogText]) -> list[NodeFault]:
    """What is wrong with the component on these nodes; a pod that is starting is nothing wrong. `logs` is the kind of its
    logs, which add detail as far as they can be read."""
    known = facts.once(f"faults of {component.short}", lambda seen: _pod_faults(seen, component, logs))
    found: list[NodeFault] = []
    for node in sorted(nodes):
        if node in known:
            found.append(known[node])
        elif node not in component.pods:
            evidence = Evidence(component.ref, f"its pod on node {node}", "(none)", "a ready pod")
            found.append(NodeFault(node, f"has no {component.short}", (evidence,), True))
    return found


def _pod_faults(facts: Facts, component: Component, logs: type[LogText]) -> dict[str, NodeFault]:
    """The faults of its pods by node: once for the cluster."""
    by_pod = {log.key: log for log in facts.readable(logs, component.namespace)}
    found = ((node, _pod_fault(facts, component, pod, by_pod.get(pod.key))) for node, pod in component.pods.items())
    return {node: fault for node, fault in found if fault is not None}


def _pod_fault(facts: Facts, component: Component, pod: Pod, log: LogText | None) -> NodeFault | None:
    said = log_fault(component.short, log.lines) if log is not None else None
    trouble = next(iter(troubles([pod], facts.now)), None)
    if trouble is not None:
        if trouble.starting:
            return None
        evidence = [Evidence(pod.ref, trouble.field, trouble.observed(pod), "Ready"), *_lines(log, said)]
        what = f"has a {component.short} that is not ready ({trouble.meaning})"
        return NodeFault(pod.node, what, tuple(evidence), True, pod)
    if restarts_often(pod, facts.now):
        evidence = [*_ends(pod), *_lines(log, said)]
        return NodeFault(
            pod.node, f"has a {component.short} that restarts again and again", tuple(evidence), False, pod
        )
    if said is not None and said.line.at is not None and facts.now - said.line.at < LATELY:
        what = f"has a {component.short} that complains: {said.meaning}"
        return NodeFault(pod.node, what, tuple(_lines(log, said)), False, pod)
    return None


def _ends(pod: Pod) -> Iterator[Evidence]:
    for each in pod.containers:
        if each.restarts:
            observed = Trouble.ending(each) or "(not said)"
            yield Evidence(pod.ref, f"status.containerStatuses[{each.name}].lastState", observed, "no restarts")


def _lines(log: LogText | None, said: LogFault | None) -> Iterator[Evidence]:
    if log is not None and said is not None:
        yield Evidence(log.ref, said.meaning, said.text)


def on_nodes(component: str, nodes: Iterable[str]) -> list[Involved]:
    """The nodes, and the component on each of them: what the cni-manager of one node lacks is missing there alone."""
    names = sorted(nodes)
    return [
        *(Involved("node", name) for name in names),
        *(Involved("component", f"{component} on {name}") for name in names),
    ]


def workload_nodes(nodes: Iterable[Node]) -> frozenset[str]:
    """The nodes that carry the cni-manager: Linux, and no gateway nodes (domain.md 1.1)."""
    return frozenset(
        node.name
        for node in nodes
        if node.os in ("linux", "") and node.mode != "gateway" and node.labels.get("type") != "virtual-kubelet"
    )
