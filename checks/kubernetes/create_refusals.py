"""Pods that controllers want and the API server does not let them create: the refusals that are current.

An event lasts an hour, its fault may not: a refusal counts while its ReplicaSet or DaemonSet still lacks pods.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from checks.facts.events import Event
from checks.facts.fact import KubernetesObject
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet, Deployment, ReplicaSet, Workload
from checks.model.raw_values import text

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
    """Why pods of the gateway are not created, each text once. Needs Deployment, ReplicaSet, Pod and Event declared; what
    of them cannot be read is left out, and who concludes that nothing was refused must read it (`demand_refusals`)."""
    gateway = facts.gateway
    namespace = gateway.namespace
    deployments = {} if facts.gap(Deployment, namespace) else {each.name: each for each in facts.deployments()}
    sets = {} if facts.gap(ReplicaSet, namespace) else facts.once("replica sets", _by_deployment, namespace)
    orphans = {} if facts.gap(Event, namespace) else facts.once("refused replica sets", _failed_creates, namespace)
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
            # A ReplicaSet may be gone from the reading while its events still tell.
            known = {each.name for each in own}
            found += [
                Refusal(f"ReplicaSet {namespace}/{each}", EVENT, _steady(message), revision)
                for each, message in orphans.items()
                if each not in known and each.rpartition("-")[0] == name
            ]
    return tuple({(r.revision, r.message): r for r in reversed(found)}.values())[::-1]


def _lacks(facts: Facts, each: ReplicaSet, deployment: Deployment | None) -> bool:
    """Whether the ReplicaSet has fewer pods than it wants, by its own word, its Deployment's, or a count of them."""
    if each.replicas == 0:
        return False
    if each.existing < each.replicas or (deployment is not None and deployment.existing < deployment.replicas):
        return True
    if facts.gap(Pod, each.namespace):
        return False
    living = sum(1 for pod in facts.pods() if pod.owner == ("ReplicaSet", each.name))
    return living < each.replicas


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


def _failed_creates(facts: Facts) -> dict[str, str]:
    """The newest refusal of each ReplicaSet of the namespace, whether or not the ReplicaSet itself was read."""
    events = [
        event
        for event in facts.in_namespace(Event, facts.gateway.namespace)
        if event.reason == "FailedCreate" and event.object_key[0] == "ReplicaSet" and event.message
    ]
    return {event.object_key[2]: event.message for event in sorted(events, key=lambda e: e.last or facts.now)}


_POD_NAME = re.compile(r'pods? "[^"]+" is forbidden')


def _steady(message: str) -> str:
    """The text without the name of the pod, which is another one at each attempt."""
    return _POD_NAME.sub("pods are forbidden", message)


def _conditions(each: Workload, revision: str) -> list[Refusal]:
    condition = each.condition("ReplicaFailure")
    message = text(condition, "message")
    if text(condition, "status") != "True" or not message:
        return []
    return [Refusal(each.ref, CONDITION, _steady(message), revision)]


def _events(facts: Facts, each: KubernetesObject, revision: str) -> list[Refusal]:
    if facts.gap(Event, each.namespace):
        return []
    texts = [e.message for e in facts.events_on(each) if e.reason == "FailedCreate" and e.message]
    # The newest text is the one that holds now.
    return [Refusal(each.ref, EVENT, _steady(texts[-1]), revision)] if texts else []
