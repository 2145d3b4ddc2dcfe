"""Which workload creates a pod?"""

from dataclasses import dataclass

from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment


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
