"""Which NetworkPolicies block a connection between two pods?

A pod is isolated in a direction as soon as one NetworkPolicy selects it for that direction; then a connection needs a rule
that allows it. Both ends decide. Policies apply to the pods' addresses and ports, after a Service has been resolved.
"""

from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address, ip_network

from checks.facts.label_selectors import selects
from checks.facts.namespaces import Namespace
from checks.facts.network_policies import NetworkPolicy, PolicyDirection
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.model.raw_values import Raw, at, items, mapping, number, text, texts

CILIUM = "cilium"
"""The engine whose ipBlock rules do not match pods of the cluster.

Source: Cilium documentation, "Network Policy", known missing features.
"""


@dataclass(frozen=True, slots=True)
class PodConnection:
    """A connection between two pods, to a port of the second one's containers."""

    source: Pod
    destination: Pod
    port: int
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class BlockedConnection:
    """The NetworkPolicies that isolate one end of a connection, none of which allows it."""

    direction: PolicyDirection
    policies: tuple[NetworkPolicy, ...]


def blocked_connection(facts: Facts, connection: PodConnection, engine: str) -> BlockedConnection | None:
    """Why a connection is not allowed, or None if it is.

    Pods on the network of their node are not subject to NetworkPolicies. Requires NetworkPolicy and Namespace declared.
    """
    source, destination = connection.source, connection.destination
    if source.host_network or destination.host_network:
        return None
    for direction, pod in ((PolicyDirection.EGRESS, source), (PolicyDirection.INGRESS, destination)):
        isolating = facts.once("isolating policies", partial(_isolating, pod, direction), (pod.key, direction))
        if isolating and not any(_allows(facts, each, direction, connection, engine) for each in isolating):
            return BlockedConnection(direction, isolating)
    return None


def _isolating(pod: Pod, direction: PolicyDirection, facts: Facts) -> tuple[NetworkPolicy, ...]:
    return tuple(
        each
        for each in facts.in_namespace(NetworkPolicy, pod.namespace)
        if direction in each.directions and selects(each.pod_selector, pod.labels)
    )


def _allows(
    facts: Facts, policy: NetworkPolicy, direction: PolicyDirection, connection: PodConnection, engine: str
) -> bool:
    ingress = direction is PolicyDirection.INGRESS
    peer = connection.source if ingress else connection.destination
    for rule in policy.rules(direction):
        peers, ports = items(rule, "from" if ingress else "to"), items(rule, "ports")
        if (not ports or any(_matches_port(each, connection) for each in ports)) and (
            not peers or any(_matches_peer(facts, each, policy, peer, engine) for each in peers)
        ):
            return True
    return False


def _matches_port(port: Raw, connection: PodConnection) -> bool:
    if (text(port, "protocol") or "TCP") != connection.protocol:
        return False
    written = at(port, "port")
    if written is None:
        return True
    first = number(port, "port") if isinstance(written, int) else _named_port(connection, str(written))
    last = number(port, "endPort") or first
    return first is not None and last is not None and first <= connection.port <= last


def _named_port(connection: PodConnection, name: str) -> int | None:
    return connection.destination.named_ports.get((connection.protocol, name))


def _matches_peer(facts: Facts, peer: Raw, policy: NetworkPolicy, pod: Pod, engine: str) -> bool:
    if block := mapping(peer, "ipBlock"):
        return engine != CILIUM and _in_block(block, pod.ip)
    namespaces, pods = at(peer, "namespaceSelector"), at(peer, "podSelector")
    if namespaces is None and pods is None:
        return False
    if namespaces is None:
        known = pod.namespace == policy.namespace
    else:
        known = selects(mapping(peer, "namespaceSelector"), _namespace_labels(facts, pod.namespace))
    return known and (pods is None or selects(mapping(peer, "podSelector"), pod.labels))


def _namespace_labels(facts: Facts, name: str) -> dict[str, str]:
    namespace = facts.get(Namespace, name)
    return namespace.all_labels if namespace is not None else {"kubernetes.io/metadata.name": name}


def _in_block(block: Raw, address: str) -> bool:
    """Whether an address is in an ipBlock; a pod without an address yet may be."""
    if not address:
        return True
    try:
        ip = ip_address(address)
        return ip in ip_network(text(block, "cidr"), strict=False) and not any(
            ip in ip_network(each, strict=False) for each in texts(block, "except")
        )
    except ValueError:
        return False
