"""EG207: a NetworkPolicy blocks connections that the egress gateway needs."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.istio_networking import Gateway
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.network_policies import NetworkPolicy, PolicyDirection
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet, Deployment
from checks.istio.blocked_hops import ISTIOD_PODS, BlockedHop, blocked_clients, blocked_gateway_pods
from checks.istio.required_connections import ISTIOD_PORT, connections_to_istiod
from checks.kubernetes.pod_connections import blocked_connection
from checks.kubernetes.policy_engine import policy_engine
from checks.kubernetes.policy_fixes import allowing_policy, apply_policy
from checks.model.commands import NETPOL, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip


@check(
    code="EG207",
    title="A NetworkPolicy blocks connections that the gateway needs",
    severity=Severity.BLOCKS,
    reads=(ManagedCluster, DaemonSet, NetworkPolicy, Namespace, Pod, Deployment, Service, Gateway),
    explains={
        "proxy-not-ready": Because("a proxy without a connection to istiod or DNS gets no configuration", share="pod"),
        "gateway-server-unreachable": Because("a NetworkPolicy closes the server's port to clients", share="host"),
        "traffic-failing": "a NetworkPolicy blocks connections that the requests need",
    },
)
def network_policy_blocks(facts: Facts) -> Iterator[Observation]:
    """What it checks: whether the NetworkPolicies of Kubernetes allow the connections of clients to the ports that Gateways
    open on the gateway's pods, and of these pods to istiod (15012) and DNS. It fails if they block one of the last two, all
    clients, or the client of the question (`--from`), which also needs DNS. A policy that keeps some clients from the gateway
    and admits others is intended. It does not apply to a cluster without a network policy engine.

    Why it matters: a blocked connection times out. Policies apply to the pods' own connections; what the gateway sends
    through its tunnel is not subject to them. Policies of Calico and Cilium themselves are not read.

    What usually fixes it: a NetworkPolicy that allows the connection. Policies only add to each other, so that none has to be
    changed.

    Source: Kubernetes documentation, "Network Policies"; AKS documentation, "Secure traffic between pods by using network
    policies in AKS"; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"
    (limitations)."""
    engine = policy_engine(facts)
    if not engine:
        yield skip("The cluster has no network policy engine: NetworkPolicies have no effect.")
        return
    pods = facts.pods()
    if not pods:
        yield skip(f"The {facts.gateway.ref} has no pods (gateway-pods-not-running, deployment-not-available).")
        return
    clients = blocked_clients(facts, pods, engine)
    found = [*clients.faults, *blocked_gateway_pods(facts, pods, engine)]
    yield from (_finding(facts, each) for each in found)
    if not found:
        yield healthy(
            f"NetworkPolicies allow the connections that {facts.gateway.ref} needs (engine: {engine}).",
            evidence=[
                Evidence(
                    hop.policies[0].ref, "spec.ingress" if hop.incoming else "spec.egress", f"not {hop.source_words}"
                )
                for hop in clients.intended[:20]
            ],
        )


def _finding(facts: Facts, hop: BlockedHop) -> Observation:
    names = ", ".join(each.ref for each in hop.policies[:3])
    verb = "blocks" if len(hop.policies) == 1 else "block"
    between = f"connections from {hop.source_words} to {hop.target.words} ({hop.port_words})"
    pods = hop.sources.values() if hop.source_labels else ()
    return fail(
        f"{names} {verb} {between}: {hop.target.effect}.",
        subject=hop.policies[0].ref,
        evidence=[
            Evidence(
                each.ref, "spec.ingress" if hop.incoming else "spec.egress", "no rule allows them", f"{hop.port_words}"
            )
            for each in hop.policies
        ],
        actions=_actions(facts, hop),
        about=[
            *(Involved("host", each) for each in hop.target.hosts),
            *(Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods),
        ],
    )


def _actions(facts: Facts, hop: BlockedHop) -> list[Action]:
    first = hop.policies[0]
    also = [(ISTIOD_PODS, ISTIOD_PORT)] if _blocks_istiod_too(facts, hop) else []
    manifest = allowing_policy(
        facts, hop.blocked, f"allow-{hop.target.name}", hop.peers, hop.allowed_ports, hop.selected_labels, also
    )
    allowed = f"from {hop.source_words}" if hop.incoming else f"to {hop.target.words}"
    allowed += " and of sidecars to istiod, which new pods need to start" if also else ""
    return [
        inspect(
            "Describe the NetworkPolicy", kubectl("describe", "networkpolicy", first.name, namespace=first.namespace)
        ),
        change(
            f"Create a NetworkPolicy that allows connections {allowed}",
            apply_policy(manifest),
            NETPOL,
            "the connections succeed within seconds",
        ),
    ]


def _blocks_istiod_too(facts: Facts, hop: BlockedHop) -> bool:
    """Whether the policies that keep clients from the gateway keep their sidecars from istiod."""
    if hop.incoming or hop.source_labels:
        return False
    engine = policy_engine(facts)
    found = (
        blocked_connection(facts, each, engine)
        for client in hop.sources.values()
        for each in connections_to_istiod(facts, client)
    )
    return any(each is not None and each.direction is PolicyDirection.EGRESS for each in found)
