"""Which running gateway pods have no WireGuard tunnel.

Each needs a PodEndpoint with its IP, listed by gateway nodes.
"""

from collections.abc import Iterator, Sequence

from checks.facts.pods import Pod
from checks.facts.static_egress import GatewayStatus, PodEndpoint
from checks.facts.view import Facts
from checks.model.commands import KEGTS, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, warn
from checks.static_egress.components import NAMESPACE
from checks.static_egress.procedures import replace_pods


def endpoint_faults(facts: Facts, serving: Sequence[GatewayStatus]) -> Iterator[Observation]:
    """Faults of the running pods' PodEndpoints; none if either kind is unreadable."""
    namespace = facts.gateway.namespace
    if facts.gap(Pod, namespace) is not None or facts.gap(PodEndpoint, namespace) is not None:
        return
    running = [pod for pod in facts.pods() if pod.phase == "Running" and not pod.host_network]
    if not running:
        return
    endpoints = {pod.name: facts.get(PodEndpoint, pod.name, namespace) for pod in running}
    if without_endpoint := [pod for pod in running if endpoints[pod.name] is None]:
        yield _without_endpoint(facts, without_endpoint)
    outdated = [(p, e) for p in running if (e := endpoints[p.name]) is not None and p.ip and e.pod_ip != p.ip]
    if outdated:
        yield _outdated(facts, outdated)
    peers = {} if facts.gap(GatewayStatus) else facts.index(GatewayStatus, "peer", lambda status: status.peers)
    not_peers = [p for p in running if endpoints[p.name] is not None and f"{p.namespace}/{p.name}" not in peers]
    if serving and not_peers:
        yield _not_peers(facts, not_peers)


def _without_endpoint(facts: Facts, pods: Sequence[Pod]) -> Observation:
    return fail(
        f"{_count(pods)} of {facts.gateway.ref} {_has(pods)} no PodEndpoint: the static egress CNI plugin did not set up "
        f"{'its' if len(pods) == 1 else 'their'} network.",
        subject=facts.gateway.ref,
        evidence=[
            Evidence(f"PodEndpoint {p.namespace}/{p.name}", "metadata.name", "(not found)", "one for each pod")
            for p in pods
        ],
        actions=_pod_actions(facts, pods),
        about=_pods_about(pods),
    )


def _outdated(facts: Facts, pairs: Sequence[tuple[Pod, PodEndpoint]]) -> Observation:
    pods = [pod for pod, _ in pairs]
    return warn(
        f"{_count(pods)} of {facts.gateway.ref} {_has(pods)} a PodEndpoint with an outdated pod IP: replies are lost.",
        subject=facts.gateway.ref,
        evidence=[Evidence(end.ref, "spec.podIpAddress", end.pod_ip or "(empty)", pod.ip) for pod, end in pairs],
        actions=_pod_actions(facts, pods),
        about=_pods_about(pods),
        severity=Severity.DEGRADES,
    )


def _not_peers(facts: Facts, pods: Sequence[Pod]) -> Observation:
    return warn(
        f"{_count(pods)} of {facts.gateway.ref} {'is' if len(pods) == 1 else 'are'} not a WireGuard peer of any gateway node.",
        subject=facts.gateway.ref,
        evidence=[
            Evidence(
                f"GatewayStatus {NAMESPACE}/*",
                "spec.readyPeerConfigurations",
                f"{p.namespace}/{p.name} not listed",
                "listed on each gateway node",
            )
            for p in pods
        ],
        actions=_pod_actions(facts, pods),
        about=_pods_about(pods),
        severity=Severity.DEGRADES,
    )


def _pods_about(pods: Sequence[Pod]) -> list[Involved]:
    nodes = sorted({p.node for p in pods if p.node})
    return [
        *(Involved("pod", f"{p.namespace}/{p.name}") for p in pods),
        *(Involved("node", node) for node in nodes),
        *(Involved("component", f"cni-manager on {node}") for node in nodes),
    ]


def _count(pods: Sequence[Pod]) -> str:
    return "One running pod" if len(pods) == 1 else f"{len(pods)} running pods"


def _has(pods: Sequence[Pod]) -> str:
    return "has" if len(pods) == 1 else "have"


def _pod_actions(facts: Facts, pods: Sequence[Pod]) -> list[Action]:
    kind = "podendpoints.egressgateway.kubernetes.azure.com"
    return [
        *replace_pods(facts, pods),
        inspect(
            "Show the pods' PodEndpoints", kubectl("get", kind, "-o", "yaml", namespace=facts.gateway.namespace), KEGTS
        ),
    ]
