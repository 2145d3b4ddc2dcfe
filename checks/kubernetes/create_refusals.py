"""Current refusals of the API server to create pods for a controller.

An event is kept for an hour, even if its fault has ended: a refusal counts only while its ReplicaSet or DaemonSet lacks
pods.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from checks.facts.events import Event
from checks.facts.fact import KubernetesObject
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet, Deployment, ReplicaSet, Workload
from checks.knowledge.refusals import refusal_reason
from checks.model.raw_values import text

EVENT = "event FailedCreate"
CONDITION = "status.conditions[ReplicaFailure].message"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal: the object and field of its message, and the mesh revision of the pods.

    `revision` is "" for the static egress components."""

    ref: str
    field: str
    message: str
    revision: str = ""


def gateway_refusals(facts: Facts) -> tuple[Refusal, ...]:
    """The refusals of the gateway's pods, each once.

    Requires Deployment, ReplicaSet, Pod and Event declared. Unreadable kinds are left out: a caller that concludes that
    nothing was refused must call `require_refusals`."""
    gateway = facts.gateway
    namespace = gateway.namespace
    deployments = {} if facts.gap(Deployment, namespace) else {each.name: each for each in facts.deployments()}
    sets = {} if facts.gap(ReplicaSet, namespace) else facts.once("replica sets", _by_deployment, namespace)
    by_replica_set = (
        {} if facts.gap(Event, namespace) else facts.once("refused replica sets", _failed_creates, namespace)
    )
    found: list[Refusal] = []
    for name, revision in zip(gateway.deployments, gateway.revisions, strict=True):
        own = sets.get(name, [])
        deployment = deployments.get(name)
        if deployment is not None:
            found += _conditions(deployment, revision)
        for each in own:
            if _lacks(facts, each, deployment):
                found += [*_conditions(each, revision), *_events(facts, each, revision)]
        if deployment is not None and deployment.existing < deployment.replicas:
            # The events of a ReplicaSet outlive it.
            known = {each.name for each in own}
            found += [
                Refusal(f"ReplicaSet {namespace}/{each}", EVENT, _without_pod_name(message), revision)
                for each, message in by_replica_set.items()
                if each not in known and each.rpartition("-")[0] == name
            ]
    return tuple({_identity(each): each for each in reversed(found)}.values())[::-1]


def _identity(refusal: Refusal) -> tuple[str, ...]:
    """The same value for all texts of one refusal.

    A condition and an event have different texts, and the usage of a quota changes.
    """
    reason = refusal_reason(refusal.message)
    if reason is None:
        return (refusal.revision, refusal.message)
    return (refusal.revision, reason[0].kind, reason[0].meaning, reason[1])


def _lacks(facts: Facts, each: ReplicaSet, deployment: Deployment | None) -> bool:
    """Whether the ReplicaSet has too few pods.

    By its status, its Deployment's status, or a count of the pods.
    """
    if each.replicas == 0:
        return False
    if each.existing < each.replicas or (deployment is not None and deployment.existing < deployment.replicas):
        return True
    if facts.gap(Pod, each.namespace):
        return False
    living = sum(1 for pod in facts.pods() if pod.owner == ("ReplicaSet", each.name))
    return living < each.replicas


def require_refusals(facts: Facts) -> None:
    """Raise Unreadable if a refusal of the gateway's pods may be missing because a read failed."""
    namespace = facts.gateway.namespace
    facts.deployments()
    facts.in_namespace(ReplicaSet, namespace)
    facts.in_namespace(Event, namespace)


def component_refusals(facts: Facts, daemon_sets: Iterable[DaemonSet]) -> tuple[Refusal, ...]:
    """The refusals of the DaemonSets' pods. Requires Event declared."""
    found: list[Refusal] = []
    for each in daemon_sets:
        if each.ready < each.desired:
            found += _events(facts, each, "")
    return tuple(found)


def _by_deployment(facts: Facts) -> dict[str, list[ReplicaSet]]:
    found: dict[str, list[ReplicaSet]] = {}
    for each in facts.in_namespace(ReplicaSet, facts.gateway.namespace):
        for kind, name in each.owners:
            if kind == "Deployment":
                found.setdefault(name, []).append(each)
    return found


def _failed_creates(facts: Facts) -> dict[str, str]:
    """The newest refusal of each ReplicaSet of the namespace, even of one that was not read."""
    events = [
        event
        for event in facts.in_namespace(Event, facts.gateway.namespace)
        if event.reason == "FailedCreate" and event.object_key[0] == "ReplicaSet" and event.message
    ]
    return {event.object_key[2]: event.message for event in sorted(events, key=lambda e: e.last or facts.now)}


_POD_NAME = re.compile(r'(?:Error creating: )?pods? "[^"]+" is forbidden')


def _without_pod_name(message: str) -> str:
    """The message without the event's prefix and the pod's name, which differs each time."""
    return _POD_NAME.sub("pods are forbidden", message.removeprefix("Error creating: "))


def _conditions(each: Workload, revision: str) -> list[Refusal]:
    condition = each.condition("ReplicaFailure")
    message = text(condition, "message")
    if text(condition, "status") != "True" or not message:
        return []
    return [Refusal(each.ref, CONDITION, _without_pod_name(message), revision)]


def _events(facts: Facts, each: KubernetesObject, revision: str) -> list[Refusal]:
    if facts.gap(Event, each.namespace):
        return []
    texts = [e.message for e in facts.events_on(each) if e.reason == "FailedCreate" and e.message]
    # The newest message describes the current state.
    return [Refusal(each.ref, EVENT, _without_pod_name(texts[-1]), revision)] if texts else []
