"""Gateway pods whose network could not be set up, and the message that names the cause."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.facts.logs import CniManagerLog
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import SandboxCause, SandboxFailure, failure_in_log, sandbox, sandbox_failure
from checks.knowledge.waiting_reasons import CREATING
from checks.kubernetes.pod_problem_details import sandbox_message
from checks.kubernetes.pod_problems import PodProblem, waiting_since
from checks.kubernetes.times_of_faults import first_of
from checks.model.findings import Evidence, Involved
from checks.static_egress.cni_taint import TAINT, tainted
from checks.static_egress.components import cni_manager_on

_EVENT_WAIT = timedelta(minutes=2)
"""The time after which a pod that is still being created should have an event.

Source: docs/domain/decision-tables.md#pod-network-setup-fails.
"""


SANDBOX_FAILED = "FailedCreatePodSandBox"


_OTHER_REASONS = ("FailedMount", "FailedAttachVolume", "Failed", "BackOff")
"""Reasons of warnings that show that a pod does not wait for its network."""


@dataclass(frozen=True, slots=True)
class NetworkFailure:
    """One pod's network failure and its evidence."""

    pod: Pod
    failure: SandboxFailure
    evidence: Evidence
    since: datetime | None = None
    """The time of the first event about it."""


def network_failure(facts: Facts, pod: Pod) -> NetworkFailure | None:
    """The pod's newest failure, from its events or from the cni-manager's log on its node."""
    failures = [event for event in facts.events_on(pod) if event.reason == SANDBOX_FAILED and event.message]
    if failures:
        failure = sandbox_failure(failures[-1].message)
        return NetworkFailure(
            pod,
            failure,
            Evidence(pod.ref, f"event {SANDBOX_FAILED}", failure.shown, "the sandbox is created"),
            first_of(each.first for each in failures),
        )
    if not network_overdue(facts, pod) or waits_for_something_else(facts, pod):
        return None
    manager = cni_manager_on(facts, pod.node)
    if manager is None:
        return None
    names = (f"{pod.namespace}/{pod.name}", f'"{pod.name}"', f"{pod.namespace}/{facts.gateway.configuration}")
    for log in facts.readable(CniManagerLog, manager.namespace):
        if log.key == manager.key and (found := failure_in_log(_lines(log, names))) is not None:
            return NetworkFailure(pod, found, Evidence(log.ref, "newest error about the pod", found.error))
    return None


def _lines(log: CniManagerLog, names: tuple[str, ...]) -> Iterator[str]:
    return (line.text for line in log.lines if any(name in line.text for name in names))


def alike_failures(known: list[NetworkFailure]) -> list[list[NetworkFailure]]:
    """Group pods with the same cause, and by node if the cause may be on the node."""
    groups: dict[tuple[str, str, str], list[NetworkFailure]] = {}
    for each in known:
        where = each.pod.node if each.failure.from_components else ""
        key = (each.failure.plugin, each.failure.meaning, where)
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def network_overdue(facts: Facts, pod: Pod) -> bool:
    """Whether the pod waits for so long that it should have an event."""
    since = waiting_since(pod)
    return since is None or facts.now - since > _EVENT_WAIT


def waits_for_something_else(facts: Facts, pod: Pod) -> bool:
    """Whether the pod's events show another reason than the network."""
    return any(event.reason in _OTHER_REASONS for event in facts.events_on(pod))


def network_causes(facts: Facts, problem: PodProblem) -> Iterator[Involved]:
    """Return the nodes and network causes that may explain this.

    The static egress gateway can block only pods that wait for their sandbox."""
    if problem.reason == CREATING:
        for pod in problem.pods:
            yield Involved("node", pod.node)
            message = sandbox_message(facts, pod)
            yield from sandbox_failure(message).about if message else map(sandbox, SandboxCause)
    if problem.reason == "Unschedulable" and TAINT in problem.detail and not facts.gap(Node):
        yield from (Involved("node", node.name) for node, _ in tainted(facts))
