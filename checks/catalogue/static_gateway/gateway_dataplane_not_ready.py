"""EG410: the data plane of the StaticGatewayConfiguration is incomplete.

Gateway nodes do not serve it, or a running gateway pod has no WireGuard peer.
"""

from collections.abc import Iterator, Sequence

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.logs import GatewayDaemonLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import GatewayStatus, GatewayVMConfiguration, PodEndpoint, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet, Deployment
from checks.model.commands import SEGDOC, inspect, kubectl
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, unknown, warn
from checks.static_egress.gateway_configuration import CONTROLLER, NotApplicable, gateway_configuration, pool_of
from checks.static_egress.pod_endpoints import endpoint_faults
from checks.static_egress.serving_nodes import daemon_actions, not_serving, reported_faults, serving_nodes


@check(
    code="EG410",
    title="The static egress data plane does not serve the gateway",
    severity=Severity.BLOCKS,
    article=("SEG-8",),
    reads=(
        StaticGatewayConfiguration,
        GatewayVMConfiguration,
        GatewayStatus,
        PodEndpoint,
        Node,
        AgentPool,
        ManagedCluster,
        Deployment,
        DaemonSet,
        Pod,
        Event,
        GatewayDaemonLog,
    ),
    explains={
        "source-address-wrong": "traffic that no gateway node forwards leaves from another address, or fails",
        "uninjected-pod-fails": "traffic that no gateway node forwards leaves from another address, or fails",
        "traffic-failing": "gateway nodes do not forward the requests of the gateway pods",
    },
)
def gateway_dataplane_not_ready(facts: Facts) -> Iterator[Observation]:
    """What it checks: which ready nodes of the gateway node pool list the StaticGatewayConfiguration in their
    GatewayStatus, and the PodEndpoint of each running gateway pod: whether it exists, has the pod's IP, and is a peer
    of a gateway node. It fails if no node serves the SGC or a running pod has no PodEndpoint. It warns if only some
    nodes serve it, a pod IP is outdated or a peer is missing. It does not apply without a prefix or without the pool.

    Why it matters: pods run and appear healthy, while every request times out or leaves from the cluster's default
    outbound address.

    What usually fixes it: the fix of what the daemon on the node reports; a restart of the daemon's pod on the node that
    does not serve the SGC, if the node has an address and the daemon reports no fault that a restart does not end; a
    restart of the gateway if a pod has no PodEndpoint.

    Source: article SEG-8; kube-egress-gateway docs/troubleshooting and controllers/daemon."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    if not configuration.egress_prefix:
        yield skip(f"{configuration.ref} has no egress IP prefix yet (egress-prefix-unassigned).")
        return
    pool = pool_of(facts, configuration)
    if isinstance(pool, NotApplicable):
        yield skip(pool.reason)
        return
    absent = [kind for kind in (GatewayStatus, PodEndpoint) if facts.gap(kind) is None and not facts.installed(kind)]
    if absent:
        yield unknown(
            f"The {absent[0].kind} CRD is not installed in the cluster; the data plane reports its state there.",
            actions=[inspect("List the CRDs", kubectl("get", "crd"), SEGDOC)],
        )
        return
    serving = serving_nodes(facts, configuration)
    pods = list(endpoint_faults(facts, serving))
    yield from pods
    nodes = list(_nodes(facts, configuration, pool, serving))
    yield from nodes
    facts.pods()
    facts.in_namespace(PodEndpoint, facts.gateway.namespace)
    facts.all(GatewayStatus)
    if not pods and not nodes:
        facts.disregard(AgentPool)  # the nodes serve, whatever state Azure has for their pool
        yield healthy(f"Every ready node of gateway node pool {configuration.pool} serves {configuration.ref}.")


def _nodes(
    facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool | None, serving: Sequence[GatewayStatus]
) -> Iterator[Observation]:
    if facts.gap(GatewayStatus) is not None:
        return
    if facts.gap(Node) is not None and pool is not None and pool.count and not serving:
        yield _none(facts, configuration, ())
        return
    nodes = facts.index(Node, "pool", lambda node: (node.pool.lower(),)).get(configuration.pool.lower(), [])
    if not nodes and pool is None:
        # Only Azure distinguishes a pool without nodes from a pool that does not exist (docs/rulings.md#ruling-8).
        facts.all(AgentPool)
    if not nodes:
        yield skip(f"Gateway node pool {configuration.pool} has no node (gateway-pool-unhealthy).")
        return
    served = {status.name for status in serving}
    ready = [node for node in nodes if node.ready]
    idle = [node for node in ready if node.name not in served]
    if len(idle) == len(ready):
        yield _none(facts, configuration, ready or nodes)
    elif idle:
        yield _some(facts, configuration, ready, idle)


def _none(facts: Facts, configuration: StaticGatewayConfiguration, idle: Sequence[Node]) -> Observation:
    return fail(
        f"No node of gateway node pool {configuration.pool} serves {configuration.ref}: its traffic fails.",
        subject=configuration.ref,
        evidence=_evidence(facts, configuration, idle)
        or [
            Evidence(
                "GatewayStatus of any node",
                "spec.readyGatewayConfigurations",
                "(not listed by any node)",
                configuration.name,
            )
        ],
        actions=daemon_actions(facts, configuration, idle),
        about=_about(configuration, idle),
    )


def _evidence(facts: Facts, configuration: StaticGatewayConfiguration, idle: Sequence[Node]) -> list[Evidence]:
    """The nodes that do not serve it, and what their daemons report."""
    reported = [each for fault in reported_faults(facts, idle) for each in fault.evidence]
    return [*(not_serving(configuration, node) for node in idle), *reported]


def _some(
    facts: Facts, configuration: StaticGatewayConfiguration, ready: Sequence[Node], idle: Sequence[Node]
) -> Observation:
    return warn(
        f"{len(ready) - len(idle)} of {len(ready)} ready nodes of gateway node pool {configuration.pool} serve "
        f"{configuration.ref}.",
        subject=configuration.ref,
        evidence=_evidence(facts, configuration, idle),
        actions=daemon_actions(facts, configuration, idle),
        about=_about(configuration, idle),
        severity=Severity.DEGRADES,
    )


def _about(configuration: StaticGatewayConfiguration, nodes: Sequence[Node]) -> list[Involved]:
    return [
        Involved("pool", configuration.pool),
        Involved("component", CONTROLLER),
        Involved("component", "daemon-manager"),
        *(Involved("node", node.name) for node in nodes),
    ]
