"""Which connections of an egress gateway and its clients do NetworkPolicies block?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.network_policies import NetworkPolicy, PolicyDirection
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.required_connections import (
    DNS_LABELS,
    DNS_NAMESPACE,
    client_workloads,
    connections_to_dns,
    connections_to_gateway,
    connections_to_istiod,
    gateway_ports,
)
from checks.kubernetes.pod_connections import BlockedConnection, PodConnection, blocked_connection
from checks.kubernetes.policy_fixes import AllowedPeer

ISTIOD_PODS = AllowedPeer(ROOT_NAMESPACE, {"app": "istiod"})


@dataclass(frozen=True, slots=True)
class HopTarget:
    """Pods to which connections are needed.

    `name` is short, `words` name them in texts, `effect` is the consequence of blocked connections.
    """

    name: str
    words: str
    pods: AllowedPeer
    effect: str
    hosts: tuple[str, ...] = ()
    """The hosts for which the connections are."""


@dataclass(slots=True)
class BlockedHop:
    """Connections that the same NetworkPolicies block at the same end."""

    target: HopTarget
    blocked: BlockedConnection
    source_labels: Mapping[str, str]
    """A label of the pods that connect, if they are the gateway's; none for clients."""
    sources: dict[str, Pod] = field(default_factory=dict)
    """The pods that connect, by workload or pod."""
    ports: dict[tuple[str, int], None] = field(default_factory=dict)
    """The protocols and numbers of the blocked ports, which are those of the pods."""

    @property
    def policies(self) -> tuple[NetworkPolicy, ...]:
        """The NetworkPolicies that isolate the pods, none of which allows the connections."""
        return self.blocked.policies

    @property
    def incoming(self) -> bool:
        """Whether the policies select the pods of the target, not those that connect."""
        return self.blocked.direction is PolicyDirection.INGRESS

    @property
    def source_words(self) -> str:
        """The pods that connect, as texts name them: workloads, or the gateway's pods."""
        if self.source_labels:
            return "the gateway's pods"
        shown = ", ".join(list(self.sources)[:3])
        return shown + (f" and {len(self.sources) - 3} more" if len(self.sources) > 3 else "")

    @property
    def port_words(self) -> str:
        """The blocked ports: `port 443`, `UDP port 53`."""
        numbers = [str(number) for _, number in self.ports]
        return (
            f"{'UDP ' if ('UDP', 53) in self.ports else ''}port{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
        )

    @property
    def allowed_ports(self) -> list[tuple[str, int]]:
        """The ports that a new policy allows; DNS clients repeat long answers over TCP."""
        return [*self.ports, *([("TCP", 53)] if ("UDP", 53) in self.ports else [])]

    @property
    def peers(self) -> list[AllowedPeer]:
        """The pods at the other end of those that the policies select."""
        if not self.incoming:
            return [self.target.pods]
        namespaces = sorted({pod.namespace for pod in self.sources.values()})
        return [AllowedPeer(each, self.source_labels) for each in namespaces]

    @property
    def selected_labels(self) -> Mapping[str, str]:
        """Labels of the pods that the policies select and that this hop concerns."""
        return (self.target.pods.labels or {}) if self.incoming else self.source_labels


@dataclass(frozen=True, slots=True)
class BlockedClients:
    """The blocked connections of clients.

    `intended` are those of clients that a policy keeps out while it admits others.
    """

    faults: tuple[BlockedHop, ...]
    intended: tuple[BlockedHop, ...]


def blocked_clients(facts: Facts, pods: tuple[Pod, ...], engine: str) -> BlockedClients:
    """The blocked connections of clients to the gateway.

    They include those of the question's client to DNS. Raises Unreadable.
    """
    ports, workloads = gateway_ports(facts, pods), client_workloads(facts)
    gateway = facts.gateway
    target = HopTarget(
        gateway.name,
        f"the pods of {gateway.ref}",
        AllowedPeer(gateway.namespace, _gateway_label(pods)),
        "requests time out",
        ports.hosts,
    )
    hops: _Hops = {}
    for name, client in workloads.items():
        each_port = [_first_blocked(facts, connections_to_gateway(client, pods, port), engine) for port in ports.ports]
        if ports.each_needed or all(each_port):
            _collect(hops, target, name, each_port)
    if facts.question.client:
        for name, client in workloads.items():
            found = _first_blocked(facts, connections_to_dns(facts, client), engine)
            _collect(hops, _dns_target("it resolves no host names"), name, [found])
        return BlockedClients(tuple(hops.values()), ())
    # A policy that admits some of the clients keeps the others out on purpose.
    kept_out = {name for hop in hops.values() for name in hop.sources}
    found_hops = tuple(hops.values())
    return BlockedClients((), found_hops) if kept_out < set(workloads) else BlockedClients(found_hops, ())


def blocked_gateway_pods(facts: Facts, pods: tuple[Pod, ...], engine: str) -> tuple[BlockedHop, ...]:
    """The blocked connections of the gateway's pods to istiod and DNS. Raises Unreadable."""
    istiod = HopTarget("istiod", "istiod", ISTIOD_PODS, "proxies get no configuration")
    dns = _dns_target("proxies find neither istiod nor destinations")
    hops: _Hops = {}
    for target, connections in ((istiod, connections_to_istiod), (dns, connections_to_dns)):
        for pod in pods:
            found = _first_blocked(facts, connections(facts, pod), engine)
            _collect(hops, target, pod.name, [found], _gateway_label(pods))
    return tuple(hops.values())


_Hops = dict[object, BlockedHop]
_Found = tuple[BlockedConnection, PodConnection]


def _collect(
    hops: _Hops, target: HopTarget, name: str, found: Iterable[_Found | None], labels: Mapping[str, str] | None = None
) -> None:
    """Add blocked connections to the hop that the same policies block."""
    for blocked, connection in (each for each in found if each is not None):
        key = (target.name, blocked.direction, tuple(policy.key for policy in blocked.policies))
        hop = hops.setdefault(key, BlockedHop(target, blocked, labels or {}))
        hop.sources[name] = connection.source
        hop.ports[(connection.protocol, connection.port)] = None


def _first_blocked(facts: Facts, connections: Iterable[PodConnection], engine: str) -> _Found | None:
    for each in connections:
        if (blocked := blocked_connection(facts, each, engine)) is not None:
            return blocked, each
    return None


def _dns_target(effect: str) -> HopTarget:
    return HopTarget("dns", "DNS", AllowedPeer(DNS_NAMESPACE, DNS_LABELS), effect)


def _gateway_label(pods: tuple[Pod, ...]) -> Mapping[str, str]:
    """The label by which Gateways select the pods."""
    return {key: pods[0].labels[key] for key in ("istio", "app") if key in pods[0].labels and key == "istio"} or {
        key: value for key, value in pods[0].labels.items() if key == "app"
    }
