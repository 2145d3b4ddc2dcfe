"""Which workload creates a pod?"""

from collections.abc import Sequence
from dataclasses import dataclass

from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class PodWorkload:
    """The controller of a pod; `fact` is its Deployment if that was read."""

    kind: str
    namespace: str
    name: str
    fact: Deployment | None = None

    @property
    def ref(self) -> str:
        """The name in texts."""
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def resource(self) -> str:
        """The kind as kubectl names it."""
        return self.kind.lower()


def owning_workload(facts: Facts, pod: Pod) -> PodWorkload | None:
    """The workload of a pod: a Deployment in place of its ReplicaSet.

    None for a pod without one. Requires Deployment declared.
    """
    if name := pod.deployment:
        found = next((each for each in facts.readable(Deployment, pod.namespace) if each.name == name), None)
        return PodWorkload("Deployment", pod.namespace, name, found)
    kind, name = pod.owner
    return PodWorkload(kind, pod.namespace, name) if name else None


def other_workloads(facts: Facts, namespace: str) -> tuple[str, ...] | None:
    """The other workloads of a namespace by name, None if its pods were not read.

    Requires Pod declared.
    """
    if facts.gap(Pod, namespace):
        return None
    own = {pod.name for pod in facts.pods()}
    return tuple(
        sorted({pod.deployment or pod.name for pod in facts.in_namespace(Pod, namespace) if pod.name not in own})
    )


def few_of(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
