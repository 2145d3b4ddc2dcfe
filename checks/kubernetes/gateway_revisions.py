"""The gateway's mesh revisions: their Deployments and their pods."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment


@dataclass(frozen=True, slots=True)
class GatewayRevision:
    """A mesh revision of the gateway and its Deployment, None if it has none."""

    revision: str
    name: str
    deployment: Deployment | None

    @property
    def serving(self) -> int:
        """Ready pods of a Deployment that is neither being deleted nor scaled to zero."""
        found = self.deployment
        if found is None or found.deleted is not None or found.replicas == 0:
            return 0
        return found.ready

    @property
    def stale(self) -> bool:
        """Whether the status describes an earlier spec."""
        found = self.deployment
        if found is None or found.generation is None or found.observed_generation is None:
            return False
        return found.observed_generation < found.generation


def gateway_revisions(facts: Facts) -> tuple[GatewayRevision, ...]:
    """The gateway's mesh revisions. Reads Deployment."""
    gateway = facts.gateway
    known = {each.name: each for each in facts.deployments()}
    pairs = zip(gateway.revisions, gateway.deployments, strict=True)
    return tuple(GatewayRevision(revision, name, known.get(name)) for revision, name in pairs)


def revisions_of(facts: Facts, pods: Iterable[Pod]) -> tuple[str, ...]:
    """The revisions that the pods belong to; all of the gateway's if none is known."""
    gateway, among = facts.gateway, tuple(pods)
    pairs = zip(gateway.revisions, gateway.deployments, strict=True)
    found = tuple(revision for revision, name in pairs if _has_pod(among, revision, name))
    return found or gateway.revisions


def without_pods(facts: Facts, pods: Iterable[Pod]) -> Iterator[tuple[str, Deployment]]:
    """The Deployments that should have pods and have none, with their revisions.

    Reads Deployment.
    """
    among = tuple(pods)
    for each in gateway_revisions(facts):
        found = each.deployment
        if found is None or found.deleted is not None or not found.replicas:
            continue
        if not _has_pod(among, each.revision, each.name):
            yield each.revision, found


def _has_pod(pods: Iterable[Pod], revision: str, deployment: str) -> bool:
    return any(pod.name.startswith(f"{deployment}-") or pod.revision == revision for pod in pods)
