"""EG408: the gateway node pool has too few ready nodes, or too many nodes.

It has no ready node, too few, or more than its prefix has addresses for.
"""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.nodes import Node
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, az_aks, change
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration, pool_of
from checks.static_egress.gateway_nodes import (
    MIN_NODES,
    gateway_node_faults,
    move_to_replacement,
    pool_nodes,
    scale_pool,
    show_node_pool,
)
from checks.static_egress.prefixes import capacity

_PREFIX_SIZES = range(28, 32)
"""The prefix lengths that AKS offers (AKS documentation, configure-static-egress-gateway)."""


@check(
    code="EG408",
    title="The gateway node pool is unhealthy",
    severity=Severity.BLOCKS,
    warns_of_limit=True,
    hop="node pool",
    article=("SEG-3",),
    reads=(StaticGatewayConfiguration, AgentPool, Node, GatewayVMConfiguration, ManagedCluster),
    explains={
        "egress-prefix-unassigned": "the prefix needs ready nodes in the pool: none is ready, or more than it has addresses",
        "static-egress-components-unhealthy": Because(
            "the gateway daemon cannot run on nodes that are not ready", share="pool"
        ),
        "gateway-dataplane-not-ready": Because(
            "a node that is not ready or has no address of the prefix does not serve the StaticGatewayConfiguration",
            share="pool",
        ),
        "traffic-failing": "no gateway node forwards the requests",
    },
)
def gateway_pool_unhealthy(facts: Facts) -> Iterator[Observation]:
    """What it checks: the StaticGatewayConfiguration's node pool in Azure and its nodes in the cluster. It fails if no
    node is ready, if no node has an address of the prefix, if the nodes run Windows, or if no prefix is assigned yet and
    the pool has more nodes than its prefix has addresses (/31 two, /30 four, /29 eight, /28 sixteen). It warns if some
    nodes are not ready or have no address, if there are more nodes than an assigned prefix serves, if there is a single
    node, or if the cluster autoscaler is enabled.

    Why it matters: all traffic leaves through these nodes. A node beyond the prefix has no public IP address; the load
    balancer sends it no traffic.

    What usually fixes it: scaling the pool to 2 or more nodes, within the prefix, with the autoscaler disabled.

    Source: article SEG-3; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    pool = pool_of(facts, configuration)
    if isinstance(pool, NotApplicable):
        yield skip(pool.reason)
        return
    found = list(_by_azure(facts, configuration, pool)) if pool else []
    yield from found
    if pool is None and not pool_nodes(facts, configuration.pool):
        # Only Azure distinguishes a pool without nodes from a pool that does not exist.
        facts.all(AgentPool)
    found += (seen := list(gateway_node_faults(facts, configuration, pool)))
    yield from seen
    if pool is None:
        facts.all(AgentPool)
    if not found:
        count = len(pool_nodes(facts, configuration.pool))
        yield healthy(f"{count} of {count} nodes of gateway node pool {configuration.pool} are ready.")


def _by_azure(facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool) -> Iterator[Observation]:
    if pool.os_type.lower() == "windows":
        yield fail(
            f"Gateway node pool {pool.name} runs Windows; the gateway daemon runs only on Linux.",
            subject=pool.ref,
            evidence=[Evidence(pool.ref, "osType", pool.os_type, "Linux")],
            actions=[show_node_pool(facts, pool.name), *move_to_replacement(facts, pool, other_size=False)],
            about=[Involved("pool", pool.name)],
        )
    size, count = pool.prefix_size, pool.count
    if size is not None and size not in _PREFIX_SIZES:
        yield warn(
            f"Gateway node pool {pool.name} has prefix size /{size}; AKS offers /28 to /31.",
            subject=pool.ref,
            evidence=[Evidence(pool.ref, "gatewayProfile.publicIPPrefixSize", str(size), "28 to 31")],
            actions=[show_node_pool(facts, pool.name)],
        )
    if size is not None and count is not None and count > capacity(size):
        yield _beyond(facts, configuration, pool, count, size)
    if count == 1:
        yield warn(
            f"Gateway node pool {pool.name} has a single node: its next restart interrupts all traffic.",
            subject=pool.ref,
            evidence=[Evidence(pool.ref, "count", "1", f"{MIN_NODES} or more")],
            actions=[show_node_pool(facts, pool.name), scale_pool(facts, pool.name, MIN_NODES)],
            about=[Involved("pool", pool.name)],
        )
    if pool.autoscaled:
        yield _autoscaled(facts, pool)


def _beyond(
    facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool, count: int, size: int
) -> Observation:
    """A finding for more nodes than addresses.

    No prefix is assigned to them; one that is assigned already serves the other nodes.
    """
    summary = (
        f"Gateway node pool {pool.name} has {count} nodes, but its /{size} prefix has addresses for {capacity(size)}"
    )
    evidence = [
        Evidence(pool.ref, "count", str(count), f"at most {capacity(size)}"),
        Evidence(pool.ref, "gatewayProfile.publicIPPrefixSize", str(size)),
    ]
    actions = [
        show_node_pool(facts, pool.name),
        scale_pool(facts, pool.name, capacity(size), f"each remaining node has an address of the /{size} prefix"),
    ]
    if not configuration.egress_prefix:
        return fail(f"{summary}.", subject=pool.ref, evidence=evidence, actions=actions)
    spare = count - capacity(size)
    return warn(
        f"{summary}: {spare} node{' forwards' if spare == 1 else 's forward'} no traffic.",
        subject=pool.ref,
        evidence=evidence,
        actions=actions,
        about=[Involved("pool", pool.name)],
        severity=Severity.DEGRADES,
    )


def _autoscaled(facts: Facts, pool: AgentPool) -> Observation:
    return warn(
        f"Gateway node pool {pool.name} has the cluster autoscaler enabled, which gateway node pools do not support.",
        subject=pool.ref,
        evidence=[Evidence(pool.ref, "enableAutoScaling", "true", "false")],
        actions=[
            show_node_pool(facts, pool.name),
            change(
                f"Disable the cluster autoscaler of node pool {pool.name}",
                az_aks(
                    facts.cluster, "nodepool", "update", "--nodepool-name", pool.name, "--disable-cluster-autoscaler"
                ),
                SEGDOC,
            ),
        ],
    )
