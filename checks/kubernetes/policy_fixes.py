"""NetworkPolicies that allow a connection which others block."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks.facts.manifests import manifest_yaml
from checks.facts.network_policies import NetworkPolicy, PolicyDirection
from checks.facts.view import Facts
from checks.kubernetes.pod_connections import BlockedConnection
from checks.model.commands import kubectl_apply
from checks.model.raw_values import Raw, labels

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label with its name that every namespace has."""


@dataclass(frozen=True, slots=True)
class AllowedPeer:
    """Pods at the other end of a connection, by namespace and labels.

    Without labels, they are all pods of the namespace.
    """

    namespace: str
    labels: Mapping[str, str] | None = None

    def selector(self) -> Raw:
        """The peer as a NetworkPolicy writes it."""
        found: dict[str, object] = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: self.namespace}}}
        if self.labels:
            found["podSelector"] = {"matchLabels": dict(self.labels)}
        return found


def allowing_policy(
    facts: Facts,
    blocked: BlockedConnection,
    name: str,
    peers: Iterable[AllowedPeer],
    ports: Iterable[tuple[str, int]],
    only: Mapping[str, str],
    also: Iterable[tuple[AllowedPeer, int]] = (),
) -> Raw:
    """The manifest of a new NetworkPolicy that allows these ports (protocol, number).

    It allows the TCP ports `also` of other pods, too.

    It selects the pods that the blocking policy selects, of those with the labels `only`: all of them are isolated already,
    so that it restricts nothing else.
    """
    policy, direction = blocked.policies[0], blocked.direction
    selector = {**policy.pod_selector}
    if only:
        selector["matchLabels"] = {**labels(selector, "matchLabels"), **only}
    side = "from" if direction is PolicyDirection.INGRESS else "to"
    allowed = [(list(peers), list(ports)), *(([peer], [("TCP", port)]) for peer, port in also)]
    rules = [
        {
            side: [each.selector() for each in some],
            "ports": [{"protocol": protocol, "port": number} for protocol, number in numbers],
        }
        for some, numbers in allowed
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": _free_name(facts, policy.namespace, name), "namespace": policy.namespace},
        "spec": {"podSelector": selector, "policyTypes": [direction.value], direction.lower(): rules},
    }


def apply_policy(manifest: Raw) -> str:
    """The command that creates the NetworkPolicy."""
    return kubectl_apply(manifest_yaml(manifest))


def _free_name(facts: Facts, namespace: str, name: str) -> str:
    taken = {each.name for each in facts.in_namespace(NetworkPolicy, namespace)}
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in numbered if each not in taken)
