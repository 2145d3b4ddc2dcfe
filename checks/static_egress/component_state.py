"""Faults of the static egress gateway's components on each node, with the evidence."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from checks.facts.logs import LogText
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.knowledge.component_logs import FixKind, LogFault, log_fault
from checks.knowledge.container_exits import OUT_OF_MEMORY
from checks.knowledge.known_reasons import KnownReason
from checks.knowledge.waiting_reasons import NO_CONDITION
from checks.kubernetes.pod_faults import exit_of, exited_container
from checks.kubernetes.pod_obstacles import start_obstacle_of
from checks.kubernetes.pod_problems import PodProblem, pod_problems, restarts_often
from checks.model.findings import Evidence, Involved
from checks.model.raw_values import text
from checks.static_egress.components import Component

_RECENT = timedelta(minutes=10)
"""The maximum age of a log line that describes the current state."""


@dataclass(frozen=True, slots=True)
class NodeFault:
    """A component that is missing, not ready or failing on a node.

    `what` the node has, for example "no cni-manager"; `down` if the component does not work there now.
    """

    node: str
    what: str
    evidence: tuple[Evidence, ...]
    down: bool
    pod: Pod | None = None
    reported: LogFault | None = None
    """The fault that its log reports now."""
    fix: str = ""
    """The fix of the reason, "" if a new pod ends the fault."""
    fix_kind: FixKind | None = None
    """The kind of the fix's step, None if it is not known."""
    exits: bool = False
    """Whether its container exits again and again, for a reason that is not known."""
    why: str = ""
    """Why its pod is not ready."""
    memory_limit: str = ""
    """The limit that it exceeds; AKS has set a higher one since."""


def node_faults(facts: Facts, component: Component, nodes: Iterable[str], logs: type[LogText]) -> list[NodeFault]:
    """The component's faults on these nodes; a starting pod is not a fault.

    `logs` is the kind of its logs: they add detail if they are readable.
    """
    known = facts.once(f"faults of {component.short}", lambda seen: _pod_faults(seen, component, logs))
    found: list[NodeFault] = []
    for node in sorted(nodes):
        if node in known:
            found.append(known[node])
        elif node not in component.pods:
            evidence = Evidence(component.ref, f"pod on node {node}", "(none)", "a ready pod")
            found.append(NodeFault(node, f"no {component.short}", (evidence,), True))
    return found


def _pod_faults(facts: Facts, component: Component, logs: type[LogText]) -> dict[str, NodeFault]:
    """The faults of the component's pods by node."""
    by_pod = {log.key: log for log in facts.readable(logs, component.namespace)}
    found = ((node, _pod_fault(facts, component, pod, by_pod.get(pod.key))) for node, pod in component.pods.items())
    return {node: fault for node, fault in found if fault is not None}


def _pod_fault(facts: Facts, component: Component, pod: Pod, log: LogText | None) -> NodeFault | None:
    reported = log_fault(component.short, log.lines) if log is not None else None
    problem = next(iter(pod_problems([pod], facts.now)), None)
    if problem is not None:
        if problem.starting:
            return None
        why, message = start_obstacle_of(facts, pod)
        evidence = [Evidence(pod.ref, problem.field, problem.observed(pod), "Ready"), *message, *_lines(log, reported)]
        exited = exited_container(pod)
        ended = exit_of(exited) if why is None and reported is None and exited is not None else None
        known = why or ended
        meaning = f"{problem.meaning}: {known.meaning}" if known is not None else problem.meaning
        limit = _low_limit(component, problem)
        fix = why.fix if why is not None else _other_fix(reported, ended) or ("" if limit else problem.fix)
        fix_kind = FixKind.RECONCILE if limit else reported.fix_kind if why is None and reported is not None else None
        is_not = "whose readiness is not known" if problem.reason == NO_CONDITION else "that is not ready"
        return NodeFault(
            pod.node,
            f"a {component.short} {is_not} ({meaning})",
            (*evidence, *_limit_evidence(component, limit)),
            True,
            pod,
            why=meaning,
            fix=fix,
            fix_kind=fix_kind,
            exits=not fix and fix_kind is None and exited is not None,
            memory_limit=limit,
        )
    if restarts_often(pod, facts.now):
        evidence = [*_ends(pod), *_lines(log, reported)]
        return NodeFault(pod.node, f"a {component.short} that restarts repeatedly", tuple(evidence), False, pod)
    if reported is not None and reported.line.at is not None and facts.now - reported.line.at < _RECENT:
        what = f"a {component.short} that reports: {reported.meaning}"
        lines = tuple(_lines(log, reported))
        return NodeFault(pod.node, what, lines, False, pod, reported, reported.fix, reported.fix_kind)
    return None


def _other_fix(reported: LogFault | None, ended: KnownReason | None) -> str:
    """The fix that the component's log or its termination shows, "" if neither does."""
    if reported is not None:
        return reported.fix
    return ended.fix if ended is not None else ""


ENOUGH_MEMORY = "3000Mi"
"""The memory limit of the cni-manager in AKS since 2025-06-17.

Source: docs/domain/components.md#cni-manager.
"""


def _low_limit(component: Component, problem: PodProblem) -> str:
    """The memory limit of a killed cni-manager if AKS has set a higher one since."""
    if problem.reason != OUT_OF_MEMORY or component.short != "cni-manager":
        return ""
    containers = component.daemon_set.template_containers if component.daemon_set is not None else ()
    limit = next((text(c, "resources", "limits", "memory") for c in containers), "")
    return limit if limit != ENOUGH_MEMORY else ""


def _limit_evidence(component: Component, limit: str) -> Iterator[Evidence]:
    if limit:
        field = f"spec.template.spec.containers[{component.container}].resources.limits.memory"
        yield Evidence(component.ref, field, limit, ENOUGH_MEMORY)


def _ends(pod: Pod) -> Iterator[Evidence]:
    for each in pod.containers:
        if each.restarts:
            observed = PodProblem.ending(each) or "(no reason given)"
            yield Evidence(pod.ref, f"status.containerStatuses[{each.name}].lastState", observed, "no restarts")


def _lines(log: LogText | None, reported: LogFault | None) -> Iterator[Evidence]:
    if log is not None and reported is not None:
        yield Evidence(log.ref, reported.meaning, reported.text)


def on_nodes(component: str, nodes: Iterable[str]) -> list[Involved]:
    """The nodes and the component on each of them.

    A fault of one node's cni-manager affects only that node.
    """
    names = sorted(nodes)
    return [
        *(Involved("node", name) for name in names),
        *(Involved("component", f"{component} on {name}") for name in names),
    ]


def workload_nodes(nodes: Iterable[Node]) -> frozenset[str]:
    """The nodes that run the cni-manager: Linux nodes that are not gateway nodes.

    Source: docs/domain/components.md#cni-manager-nodes."""
    return frozenset(
        node.name
        for node in nodes
        if node.os in ("linux", "") and node.mode != "gateway" and node.labels.get("type") != "virtual-kubelet"
    )
