"""Pods that controllers want and the API server does not let them create: the refusals that are current.

An event lasts an hour, its fault may not: a refusal counts while its ReplicaSet or DaemonSet still lacks pods.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.facts.base import KubernetesObject
from checks.facts.kubernetes import DaemonSet, Deployment, Event, ReplicaSet, Workload
from checks.facts.reading import text
from checks.facts.view import Facts

EVENT = "event FailedCreate"
CONDITION = "status.conditions[ReplicaFailure].message"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One text: on which object it was found, in which field, what it says, and of which mesh revision the pods are ("" for
    the static egress components)."""

    ref: str
    field: str
    message: str
    revision: str = ""


def gateway_refusals(facts: Facts) -> tuple[Refusal, ...]:
    """Why pods of the gateway are not created, each text once. Needs Deployment, ReplicaSet and Event declared; what of
    them cannot be read is left out, and who concludes that nothing was refused must read it (`demand_refusals`)."""
    gateway = facts.gateway
    deployments = () if facts.gap(Deployment, gateway.namespace) else facts.deployments()
    sets = (
        {}
        if facts.gap(ReplicaSet, gateway.namespace)
        else facts.once("replica sets", _by_deployment, gateway.namespace)
    )
    found: list[Refusal] = []
    for name, revision in zip(gateway.deployments, gateway.revisions, strict=True):
        found += [r for d in deployments if d.name == name for r in _conditions(d, revision)]
        for each in sets.get(name, ()):
            if each.existing < each.replicas:
                found += [*_conditions(each, revision), *_events(facts, each, revision)]
    return tuple({(r.revision, r.message): r for r in reversed(found)}.values())[::-1]


def demand_refusals(facts: Facts) -> None:
    """Raises Unreadable where a refusal of the gateway's pods may have gone unseen."""
    namespace = facts.gateway.namespace
    facts.deployments()
    facts.in_namespace(ReplicaSet, namespace)
    facts.in_namespace(Event, namespace)


def component_refusals(facts: Facts, daemon_sets: Iterable[DaemonSet]) -> tuple[Refusal, ...]:
    """Why pods of the DaemonSets are not created. Needs Event declared."""
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


def _conditions(each: Workload, revision: str) -> list[Refusal]:
    condition = each.condition("ReplicaFailure")
    message = text(condition, "message")
    if text(condition, "status") != "True" or not message:
        return []
    return [Refusal(each.ref, CONDITION, message, revision)]


def _events(facts: Facts, each: KubernetesObject, revision: str) -> list[Refusal]:
    if facts.gap(Event, each.namespace):
        return []
    texts = [e.message for e in facts.events_on(each) if e.reason == "FailedCreate" and e.message]
    # The newest text is the one that holds now.
    return [Refusal(each.ref, EVENT, texts[-1], revision)] if texts else []
