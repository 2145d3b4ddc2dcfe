"""EG309: components of the static egress gateway are not ready on the nodes that need them."""

from collections.abc import Iterator

from checks.azure.node_outbound import NODE_PATH_READS
from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.logs import CniManagerLog, GatewayDaemonLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_interfaces import NetworkInterface
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet, Deployment
from checks.model.commands import SEGDOC, TSG, az_aks, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy
from checks.static_egress.cni_taint import lasting_taints
from checks.static_egress.component_findings import component_finding, no_ready_pod, no_working_pod, none_ready
from checks.static_egress.component_nodes import daemon_pool, own_nodes
from checks.static_egress.component_state import node_faults, on_nodes, workload_nodes
from checks.static_egress.components import Component, cni_manager, daemon


@check(
    code="EG309",
    title="Components of the static egress gateway are not healthy",
    severity=Severity.BLOCKS,
    hop="static egress",
    article=("PROV-4", "SEG-2"),
    reads=(
        DaemonSet,
        Pod,
        *NODE_PATH_READS,
        NetworkInterface,
        Deployment,
        Event,
        StaticGatewayConfiguration,
        CniManagerLog,
        GatewayDaemonLog,
    ),
    explains={
        "pod-network-setup-fails": Because(
            "the cni-manager on a node sets up the network of every gateway pod there", share="node"
        ),
        "gateway-pods-not-running": Because(
            "without the cni-manager on their node new pods stay in ContainerCreating", share="node"
        ),
        "gateway-dataplane-not-ready": Because(
            "the daemon sets up the tunnels on gateway nodes and the cni-manager registers the pods",
            share="component",
        ),
        "traffic-failing": Because("without its components the static egress gateway forwards nothing", succeeds=True),
    },
)
def static_egress_components_unhealthy(facts: Facts) -> Iterator[Observation]:
    """What it checks: the DaemonSets `kube-egress-gateway-cni-manager` and `-daemon-manager`, their pods and logs, and
    the taint `cni-not-ready` on nodes. It fails when the cni-manager is missing or not ready on a node with a gateway
    pod, when a DaemonSet does not exist or has no ready pod, and when the gateway node pool has no ready daemon, or only
    daemons that report why their node serves nothing, such as a kernel without wireguard. On other nodes it warns. The
    taint fails on a gateway pod's node after 10 minutes; without a timestamp, and on other nodes, it warns, but not on a
    node younger than 5 minutes. The daemon is not checked while the gateway node pool is missing or stopped.

    Why it matters: the CNI plugin calls the cni-manager for every new pod on its node, annotated or not. While the
    cni-manager is down, no new pod starts there. Without the daemon a gateway node forwards no traffic.

    What usually fixes it: the pod's state names the cause: the memory limit (128Mi), an image that cannot be pulled, a
    webhook that denies its pods. AKS manages both DaemonSets; a deleted pod is created again.

    Source: article PROV-4 and SEG-2; kube-egress-gateway issues 759 and 1035; docs/domain/components.md."""
    manager, gateway_daemon = cni_manager(facts), daemon(facts)
    pool, no_pool = daemon_pool(facts)
    quiet = True
    for each in _faults(facts, manager, None if no_pool else gateway_daemon, pool):
        quiet = False
        yield each
    if quiet:
        # Only the StaticGatewayConfiguration shows which nodes need the daemon, and only logs what a ready one cannot do.
        facts.in_namespace(StaticGatewayConfiguration, facts.gateway.namespace)
        facts.disregard(AgentPool)  # the daemons are ready, whatever state Azure has for their pool
        note = f". Daemon not checked: {no_pool.clause}" if no_pool else f", {_count(gateway_daemon)}"
        yield healthy(f"{_count(manager)}{note}.")


def _faults(facts: Facts, manager: Component, gateway_daemon: Component | None, pool: str) -> Iterator[Observation]:
    """Report the faults; `gateway_daemon` is None if its nodes are not checked."""
    wanted = [manager] if gateway_daemon is None else [manager, gateway_daemon]
    yield from _absent(facts, [each for each in wanted if each.daemon_set is None])
    own = own_nodes(facts)
    if manager.daemon_set is not None:
        yield from _cni_manager(facts, manager, own)
    if gateway_daemon is not None and gateway_daemon.daemon_set is not None:
        yield from _daemon(facts, gateway_daemon, pool)
    yield from lasting_taints(facts, own)


def _count(component: Component) -> str:
    ready = sum(1 for pod in component.pods.values() if pod.ready)
    return f"{ready} of {len(component.pods)} pods of the {component.short} are ready"


def _absent(facts: Facts, absent: list[Component]) -> Iterator[Observation]:
    if not absent:
        return
    names = " and ".join(each.name for each in absent)
    many = len(absent) > 1
    about = [Involved("component", each.short) for each in absent]
    if any(each.short == "cni-manager" for each in absent):
        about += on_nodes("cni-manager", own_nodes(facts))
    yield fail(
        f"DaemonSet{'s' if many else ''} {names} {'do' if many else 'does'} not exist.",
        subject=", ".join(each.ref for each in absent),
        evidence=[Evidence(each.ref, "metadata.name", "(not found)", each.name) for each in absent],
        actions=[
            _install(facts),
            inspect("List the DaemonSets of all namespaces", kubectl("get", "daemonsets", "-A"), TSG),
        ],
        about=about,
    )


def _install(facts: Facts) -> Action:
    """Let AKS install both DaemonSets: by a reconciliation, or with the feature."""
    enabled = any(each.static_egress_enabled for each in facts.readable(ManagedCluster))
    words = () if enabled else ("--enable-static-egress-gateway",)
    title = (
        "Reconcile the cluster: the static egress gateway is enabled, and AKS installs its DaemonSets again"
        if enabled
        else "Enable the static egress gateway; AKS installs both DaemonSets with it"
    )
    command = az_aks(facts.cluster, "update", *words)
    return change(title, command, SEGDOC, "both DaemonSets exist after a few minutes")


def _cni_manager(facts: Facts, component: Component, own: frozenset[str]) -> Iterator[Observation]:
    logs = CniManagerLog
    if none_ready(component):
        faults = node_faults(facts, component, own or set(component.pods), logs)
        yield no_ready_pod(facts, component, faults, on_nodes(component.short, own))
        return
    for each in node_faults(facts, component, own, logs):
        yield component_finding(facts, component, [each], each.down)
    elsewhere = set(component.pods) - own
    daemon_set = component.daemon_set
    if daemon_set is not None and daemon_set.desired > daemon_set.ready and not facts.gap(Node):
        # A node matters only if the DaemonSet counts a pod on it that is not ready; the DaemonSet may skip other nodes.
        elsewhere |= workload_nodes(facts.all(Node)) - own
    if rest := node_faults(facts, component, elsewhere, logs):
        yield component_finding(facts, component, rest, False)


def _daemon(facts: Facts, component: Component, pool: str) -> Iterator[Observation]:
    logs = GatewayDaemonLog
    by_pool = facts.index(Node, "pool", lambda node: (node.pool.lower(),))
    own = {node.name for node in by_pool.get(pool.lower(), ())} if pool else set()
    about = [Involved("pool", pool)] if pool else []
    faults = node_faults(facts, component, own, logs)
    running = {node.name for node in facts.all(Node) if node.ready}
    if running.isdisjoint(own or component.pods) and (faults or none_ready(component)):
        # Only Azure shows that the pool is stopped, and then its daemon is not checked (docs/rulings.md#ruling-8).
        facts.in_namespace(StaticGatewayConfiguration, facts.gateway.namespace)
        if facts.configured(AgentPool):
            facts.all(AgentPool)
    serving = any(pod.ready for node, pod in component.pods.items() if node in own)
    if (own and not serving and faults) or none_ready(component):
        faults = faults or node_faults(facts, component, set(component.pods), logs)
        yield no_ready_pod(facts, component, faults, [*about, *on_nodes(component.short, own)])
        return
    gateway = facts.gateway
    stopped = {f.node for f in faults if f.reported and f.reported.stops(gateway.namespace, gateway.configuration)}
    if own and own <= stopped:
        yield no_working_pod(facts, component, faults, pool, [*about, *on_nodes(component.short, own)])
    elif faults:
        yield component_finding(facts, component, faults, False, about)
    elsewhere = set(component.pods) - own
    if rest := node_faults(facts, component, elsewhere, logs):
        if not own:
            # Only the StaticGatewayConfiguration shows whether these nodes are the gateway's.
            facts.in_namespace(StaticGatewayConfiguration, facts.gateway.namespace)
        yield component_finding(facts, component, rest, False)
