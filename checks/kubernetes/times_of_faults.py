"""Since when does an object have its fault? By the times that the cluster itself records."""

from collections.abc import Iterable
from datetime import datetime

from checks.facts.fact import KubernetesObject
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.model.raw_values import moment, text


def condition_since(thing: KubernetesObject, kind: str) -> datetime | None:
    """When a condition became False; None if it is not."""
    condition = thing.condition(kind)
    return moment(condition, "lastTransitionTime") if text(condition, "status") == "False" else None


def unready_since(thing: Pod | Node) -> datetime | None:
    """When a pod or node ceased to be ready; its creation if no condition shows it."""
    if thing.ready:
        return None
    turned = moment(thing.condition("Ready"), "lastTransitionTime")
    return turned or condition_since(thing, "PodScheduled") or thing.created


def first_of(times: Iterable[datetime | None]) -> datetime | None:
    """The earliest of the known times."""
    return min((each for each in times if each is not None), default=None)


def last_of(times: Iterable[datetime | None]) -> datetime | None:
    """The latest of the known times: from then on all objects have the fault."""
    return max((each for each in times if each is not None), default=None)
