"""EG410: gateway nodes do not serve the configuration, or a running gateway pod has no WireGuard end."""

from collections.abc import Iterator, Sequence

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import GatewayStatus, PodEndpoint, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.knowledge.known_issues import NO_CONNECTIVITY_ACROSS_SUBNETS, VIRTUAL_NETWORK_UNREACHABLE
from checks.model.commands import KEGTS, SEGDOC, disrupt, kubectl, look
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, unknown, warn
from checks.static_egress.configuration import CONTROLLER, NothingThere, configuration_of, pool_of
from checks.static_egress.procedures import restart_gateway

_NAMESPACE = "aks-static-egress-gateway"


@check(
    code="EG410",
    title="The static egress data plane does not serve the gateway",
    severity=Severity.BLOCKS,
    article=("SEG-8",),
    reads=(StaticGatewayConfiguration, GatewayStatus, PodEndpoint, Node, AgentPool, Deployment, Pod),
    explains={
        "source-address-wrong": "what does not go through a gateway node leaves from another address, or not at all",
    },
)
def gateway_dataplane_not_ready(facts: Facts) -> Iterator[Observation]:
    """What it checks: which ready nodes of the gateway pool list the configuration in their GatewayStatus, and for each
    running gateway pod its PodEndpoint: whether it exists, carries the pod's address, and is a peer of some node. No node
    that serves, or a running pod without PodEndpoint, fails; some nodes, an old address or a missing peer means less
    capacity. Without a prefix, or without the pool, there is nothing to look at.

    Why it matters: pods run and look healthy while every request times out, or leaves from the cluster's ordinary address.

    What usually fixes it: restarting the daemon's pod on the node that does not serve; restarting the gateway where a pod has
    no PodEndpoint.

    Source: article SEG-8; kube-egress-gateway docs/troubleshooting and controllers/daemon."""
    configuration = configuration_of(facts)
    if isinstance(configuration, NothingThere):
        yield skip(configuration.why)
        return
    if not configuration.egress_prefix:
        yield skip(f"{configuration.ref} has no egress prefix yet (egress-prefix-unassigned).")
        return
    pool = pool_of(facts, configuration)
    if isinstance(pool, NothingThere):
        yield skip(pool.why)
        return
    absent = [kind for kind in (GatewayStatus, PodEndpoint) if facts.gap(kind) is None and not facts.installed(kind)]
    if absent:
        yield unknown(
            f"The cluster does not have the kind {absent[0].kind}, by which the data plane shows what it does.",
            actions=[look("See the static egress kinds", kubectl("get", "crd"), SEGDOC)],
        )
        return
    serving = _serving(facts, configuration)
    pods = list(_pods(facts, serving))
    yield from pods
    nodes = list(_nodes(facts, configuration, pool, serving))
    yield from nodes
    facts.pods()
    facts.in_namespace(PodEndpoint, facts.gateway.namespace)
    facts.all(GatewayStatus)
    if not pods and not nodes:
        yield healthy(f"Every ready node of gateway pool {configuration.pool} serves {configuration.ref}.")


def _serving(facts: Facts, configuration: StaticGatewayConfiguration) -> Sequence[GatewayStatus]:
    """The nodes' statuses that list the configuration; what could be read of them."""
    if facts.gap(GatewayStatus) is not None:
        return ()
    index = facts.index(GatewayStatus, "configuration", lambda status: status.configurations)
    return index.get(f"{configuration.namespace}/{configuration.name}", [])


def _nodes(
    facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool | None, serving: Sequence[GatewayStatus]
) -> Iterator[Observation]:
    if facts.gap(GatewayStatus) is not None:
        return
    if facts.gap(Node) is not None and pool is not None and not serving:
        yield _none(configuration, ())
        return
    nodes = facts.index(Node, "pool", lambda node: (node.pool.lower(),)).get(configuration.pool.lower(), [])
    if not nodes and pool is None:
        # Only Azure can tell a pool without nodes from one that is not there (Ruling 8).
        facts.all(AgentPool)
    if not nodes:
        yield skip(f"Gateway pool {configuration.pool} has no node (gateway-pool-unhealthy).")
        return
    served = {status.name for status in serving}
    ready = [node for node in nodes if node.ready]
    idle = [node for node in ready if node.name not in served]
    if len(idle) == len(ready):
        yield _none(configuration, ready or nodes)
    elif idle:
        yield _some(configuration, ready, idle)


def _none(configuration: StaticGatewayConfiguration, idle: Sequence[Node]) -> Observation:
    return fail(
        f"No node of gateway pool {configuration.pool} serves {configuration.ref}, so its traffic goes nowhere.",
        subject=configuration.ref,
        evidence=[_status(configuration, node) for node in idle]
        or [
            Evidence(
                "GatewayStatus of any node", "spec.readyGatewayConfigurations", "(none lists it)", configuration.name
            )
        ],
        actions=_daemon_actions(configuration, idle),
        about=_about(configuration, idle),
    )


def _some(configuration: StaticGatewayConfiguration, ready: Sequence[Node], idle: Sequence[Node]) -> Observation:
    return warn(
        f"{len(ready) - len(idle)} of {len(ready)} ready nodes of gateway pool {configuration.pool} serve "
        f"{configuration.ref}.",
        subject=configuration.ref,
        evidence=[_status(configuration, node) for node in idle],
        actions=_daemon_actions(configuration, idle),
        about=_about(configuration, idle),
        severity=Severity.DEGRADES,
    )


def _status(configuration: StaticGatewayConfiguration, node: Node) -> Evidence:
    if not node.ready:
        return Evidence(node.ref, "status.conditions[Ready]", "not True", "True")
    return Evidence(
        f"GatewayStatus {_NAMESPACE}/{node.name}",
        "spec.readyGatewayConfigurations",
        f"without {configuration.namespace}/{configuration.name}",
        f"{configuration.namespace}/{configuration.name}",
    )


def _about(configuration: StaticGatewayConfiguration, nodes: Sequence[Node]) -> list[Involved]:
    return [
        Involved("pool", configuration.pool),
        Involved("component", CONTROLLER),
        Involved("component", "daemon-manager"),
        *(Involved("node", node.name) for node in nodes),
    ]


def _pods(facts: Facts, serving: Sequence[GatewayStatus]) -> Iterator[Observation]:
    """The gateway's running pods and their WireGuard ends, as far as both could be read."""
    namespace = facts.gateway.namespace
    if facts.gap(Pod, namespace) is not None or facts.gap(PodEndpoint, namespace) is not None:
        return
    running = [pod for pod in facts.pods() if pod.phase == "Running" and not pod.host_network]
    if not running:
        return
    ends = {pod.name: facts.get(PodEndpoint, pod.name, namespace) for pod in running}
    if bare := [pod for pod in running if ends[pod.name] is None]:
        yield _bare(facts, bare)
    stale = [(p, e) for p in running if (e := ends[p.name]) is not None and p.ip and e.pod_ip != p.ip]
    if stale:
        yield _stale(facts, stale)
    peers = {} if facts.gap(GatewayStatus) else facts.index(GatewayStatus, "peer", lambda status: status.peers)
    lost = [p for p in running if ends[p.name] is not None and f"{p.namespace}/{p.name}" not in peers]
    if serving and lost:
        yield _lost(facts, lost)


def _bare(facts: Facts, pods: Sequence[Pod]) -> Observation:
    return fail(
        f"{_count(pods)} of {facts.gateway.ref} {_has(pods)} no PodEndpoint, so the static egress plugin took no part in "
        "setting up the network.",
        subject=facts.gateway.ref,
        evidence=[
            Evidence(f"PodEndpoint {p.namespace}/{p.name}", "metadata.name", "(not found)", "one for each pod")
            for p in pods
        ],
        actions=_pod_actions(facts),
        about=_pods_about(pods),
    )


def _stale(facts: Facts, pairs: Sequence[tuple[Pod, PodEndpoint]]) -> Observation:
    pods = [pod for pod, _ in pairs]
    return warn(
        f"{_count(pods)} of {facts.gateway.ref} {_has(pods)} a PodEndpoint with another address, so answers get lost.",
        subject=facts.gateway.ref,
        evidence=[Evidence(end.ref, "spec.podIpAddress", end.pod_ip or "(empty)", pod.ip) for pod, end in pairs],
        actions=_pod_actions(facts),
        about=_pods_about(pods),
        severity=Severity.DEGRADES,
    )


def _lost(facts: Facts, pods: Sequence[Pod]) -> Observation:
    return warn(
        f"{_count(pods)} of {facts.gateway.ref} {'is' if len(pods) == 1 else 'are'} known as a peer to no gateway node.",
        subject=facts.gateway.ref,
        evidence=[
            Evidence(
                f"GatewayStatus {_NAMESPACE}/*",
                "spec.readyPeerConfigurations",
                f"without {p.namespace}/{p.name}",
                "on each gateway node",
            )
            for p in pods
        ],
        actions=_pod_actions(facts),
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


def _pod_actions(facts: Facts) -> list[Action]:
    kind = "podendpoints.egressgateway.kubernetes.azure.com"
    return [
        look(
            "See the pods' WireGuard ends", kubectl("get", kind, "-o", "yaml", namespace=facts.gateway.namespace), KEGTS
        ),
        *restart_gateway(facts.gateway),
    ]


def _daemon_actions(configuration: StaticGatewayConfiguration, nodes: Sequence[Node]) -> list[Action]:
    kind = "gatewaystatuses.egressgateway.kubernetes.azure.com"
    selector = "kube-egress-gateway-control-plane=daemon-manager"
    return [
        look("See what each gateway node serves", kubectl("get", kind, "-A", "-o", "yaml"), KEGTS),
        look(
            "See what the gateway daemons log",
            kubectl("logs", "-l", selector, "-c", "daemon", "--tail=100", "--prefix", namespace=_NAMESPACE),
            KEGTS,
        ),
        *(
            disrupt(
                f"Restart the gateway daemon on {node.name}; connections through this gateway node are cut",
                kubectl(
                    "delete", "pod", "-l", selector, f"--field-selector=spec.nodeName={node.name}", namespace=_NAMESPACE
                ),
                SEGDOC,
                f"the GatewayStatus of {node.name} lists {configuration.namespace}/{configuration.name} within a minute",
            )
            for node in nodes[:3]
        ),
        NO_CONNECTIVITY_ACROSS_SUBNETS.compare,
        VIRTUAL_NETWORK_UNREACHABLE.compare,
    ]
