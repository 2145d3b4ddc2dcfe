"""EG408: the gateway pool has no ready node, too few, or more than its prefix has addresses for."""

from collections.abc import Iterator, Sequence

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.nodes import Node
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.known_issues import IP_CONFIGURATIONS_REMOVED, PUBLIC_IP_NAMES_COLLIDE
from checks.model.commands import SEGDOC, az_aks, change, disrupt, kubectl, look
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.configuration import NothingThere, configuration_of, pool_of
from checks.static_egress.prefixes import capacity
from checks.static_egress.procedures import describe

ENOUGH = 2
"""Nodes below which a single failure cuts all traffic."""
SIZES = range(28, 32)
"""Prefix lengths that AKS allows (AKS documentation, configure-static-egress-gateway)."""


@check(
    code="EG408",
    title="The gateway node pool is unhealthy",
    severity=Severity.BLOCKS,
    hop="node pool",
    article=("SEG-3",),
    reads=(StaticGatewayConfiguration, AgentPool, Node, GatewayVMConfiguration),
    explains={
        "static-egress-components-unhealthy": Because(
            "the gateway daemon cannot run on nodes that are not ready", share="pool"
        ),
        "gateway-dataplane-not-ready": Because("nodes that are not ready serve nothing", share="pool"),
    },
)
def gateway_pool_unhealthy(facts: Facts) -> Iterator[Observation]:
    """What it checks: the configuration's pool in Azure and its nodes in the cluster. No ready node fails, so do more nodes
    than the prefix has addresses (/31 two, /30 four, /29 eight, /28 sixteen) and Windows nodes. Some nodes not ready, or
    fewer nodes with an address than nodes, means less capacity. A single node or the autoscaler is a risk.

    Why it matters: all traffic leaves through these nodes. A node beyond the prefix has no public address, yet the load
    balancer sends it traffic.

    What usually fixes it: scaling the pool to two nodes or more, within the prefix, with the autoscaler off.

    Source: article SEG-3; AKS documentation, configure-static-egress-gateway."""
    configuration = configuration_of(facts)
    if isinstance(configuration, NothingThere):
        yield skip(configuration.why)
        return
    pool = pool_of(facts, configuration)
    if isinstance(pool, NothingThere):
        yield skip(pool.why)
        return
    found = list(_by_azure(facts, pool)) if pool else []
    yield from found
    if pool is None and not _nodes(facts, configuration.pool):
        # Only Azure can tell a pool without nodes from one that is not there.
        facts.all(AgentPool)
    found += (seen := list(_by_nodes(facts, configuration, pool)))
    yield from seen
    if pool is None:
        facts.all(AgentPool)
    if not found:
        count = len(_nodes(facts, configuration.pool))
        yield healthy(f"The {count} nodes of gateway pool {configuration.pool} are ready.")


def _nodes(facts: Facts, pool: str) -> Sequence[Node]:
    return facts.index(Node, "pool", lambda node: (node.pool.lower(),)).get(pool.lower(), [])


def _by_azure(facts: Facts, pool: AgentPool) -> Iterator[Observation]:
    if pool.os_type.lower() == "windows":
        yield fail(
            f"Gateway pool {pool.name} runs Windows, on which the gateway daemon cannot run.",
            subject=pool.ref,
            evidence=[Evidence(pool.ref, "osType", pool.os_type, "Linux")],
            actions=[_show(facts, pool.name)],
            about=[Involved("pool", pool.name)],
        )
    size, count = pool.prefix_size, pool.count
    if size is not None and size not in SIZES:
        yield warn(
            f"Gateway pool {pool.name} has prefix size /{size}, which AKS does not offer.",
            subject=pool.ref,
            evidence=[Evidence(pool.ref, "gatewayProfile.publicIPPrefixSize", str(size), "28 to 31")],
            actions=[_show(facts, pool.name)],
        )
    if size is not None and count is not None and count > capacity(size):
        yield _beyond(facts, pool, count, size)
    if count == 1:
        yield warn(
            f"Gateway pool {pool.name} has a single node, so its next restart cuts all traffic.",
            subject=pool.ref,
            evidence=[Evidence(pool.ref, "count", "1", f"{ENOUGH} or more")],
            actions=[_show(facts, pool.name), _scale(facts, pool.name, ENOUGH)],
            about=[Involved("pool", pool.name)],
        )
    if pool.autoscaled:
        yield _autoscaled(facts, pool)


def _beyond(facts: Facts, pool: AgentPool, count: int, size: int) -> Observation:
    return fail(
        f"Gateway pool {pool.name} has {count} nodes, but its /{size} prefix has addresses for {capacity(size)}.",
        subject=pool.ref,
        evidence=[
            Evidence(pool.ref, "count", str(count), f"at most {capacity(size)}"),
            Evidence(pool.ref, "gatewayProfile.publicIPPrefixSize", str(size)),
        ],
        actions=[
            _show(facts, pool.name),
            _scale(facts, pool.name, capacity(size), f"each remaining node has an address of the /{size} prefix"),
        ],
    )


def _autoscaled(facts: Facts, pool: AgentPool) -> Observation:
    return warn(
        f"Gateway pool {pool.name} has the cluster autoscaler on, which gateway pools do not support.",
        subject=pool.ref,
        evidence=[Evidence(pool.ref, "enableAutoScaling", "true", "false")],
        actions=[
            _show(facts, pool.name),
            change(
                "Turn the autoscaler off",
                az_aks(
                    facts.cluster, "nodepool", "update", "--nodepool-name", pool.name, "--disable-cluster-autoscaler"
                ),
                SEGDOC,
            ),
        ],
    )


def _by_nodes(facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool | None) -> Iterator[Observation]:
    name, nodes = configuration.pool, _nodes(facts, configuration.pool)
    ready = [node for node in nodes if node.ready]
    expected = max(len(nodes), (pool.count or 0) if pool else 0)
    if not ready:
        yield fail(
            f"No node of gateway pool {name} is ready.",
            subject=f"node pool {name}",
            evidence=_not_ready(nodes) or [Evidence(f"node pool {name}", "nodes", "0", f"{ENOUGH} ready nodes")],
            actions=_node_actions(facts, name, len(nodes)),
            about=[Involved("pool", name), *(Involved("node", node.name) for node in nodes)],
        )
        return
    if len(ready) < expected:
        missing = [Evidence(f"node pool {name}", "nodes in the cluster", str(len(nodes)), str(expected))]
        yield warn(
            f"{len(ready)} of {expected} nodes of gateway pool {name} are ready.",
            subject=f"node pool {name}",
            evidence=_not_ready(nodes) or missing,
            actions=_node_actions(facts, name, len(nodes)),
            about=[Involved("pool", name), *(Involved("node", node.name) for node in nodes if not node.ready)],
            severity=Severity.DEGRADES,
        )
    if unlabelled := [node for node in nodes if node.mode != "gateway"]:
        yield warn(
            f"{len(unlabelled)} of {len(nodes)} nodes of gateway pool {name} lack the gateway label, so no daemon runs there.",
            subject=f"node pool {name}",
            evidence=[
                Evidence(n.ref, "metadata.labels[kubernetes.azure.com/mode]", n.mode or "(none)", "gateway")
                for n in unlabelled
            ],
            actions=_node_actions(facts, name, len(nodes)),
            severity=Severity.DEGRADES,
        )
    yield from _without_address(facts, configuration, len(nodes), pool)


def _without_address(
    facts: Facts, configuration: StaticGatewayConfiguration, nodes: int, pool: AgentPool | None
) -> Iterator[Observation]:
    """Nodes that the controller has not given an address. Beyond the prefix that is said already."""
    size = pool.prefix_size if pool else None
    if not configuration.egress_prefix or (size is not None and nodes > capacity(size)):
        return
    machines_pool = pool is not None and pool.kind.lower() == "virtualmachines"
    machines = facts.get(GatewayVMConfiguration, configuration.name, configuration.namespace)
    profiles = machines.profiles if machines else None
    if machines is None or profiles is None or profiles >= nodes:
        return
    yield warn(
        f"{profiles} of {nodes} nodes of gateway pool {configuration.pool} have an address of the egress prefix.",
        subject=machines.ref,
        evidence=[
            Evidence(
                machines.ref,
                "status.gatewayVMProfiles",
                f"of {profiles} node{'' if profiles == 1 else 's'}",
                f"of {nodes} nodes",
            )
        ],
        actions=[
            look(
                "See which nodes have an address",
                kubectl("get", "gatewayvmconfiguration", machines.name, "-o", "yaml", namespace=machines.namespace),
                SEGDOC,
            ),
            describe(configuration),
            (PUBLIC_IP_NAMES_COLLIDE if machines_pool else IP_CONFIGURATIONS_REMOVED).compare,
        ],
        severity=Severity.DEGRADES,
    )


def _not_ready(nodes: Sequence[Node]) -> list[Evidence]:
    return [Evidence(n.ref, "status.conditions[Ready]", "not True", "True") for n in nodes if not n.ready]


def _node_actions(facts: Facts, pool: str, count: int) -> list[Action]:
    selector = f"kubernetes.azure.com/agentpool={pool}"
    return [
        look("See the pool's nodes", kubectl("get", "nodes", "-l", selector, "-o", "wide"), SEGDOC),
        look("See why a node is not ready", kubectl("describe", "nodes", "-l", selector), SEGDOC),
        _show(facts, pool),
        *([_scale(facts, pool, ENOUGH)] if count == 0 else []),
    ]


def _show(facts: Facts, pool: str) -> Action:
    command = az_aks(facts.cluster, "nodepool", "show", "--nodepool-name", pool, "-o", "json")
    return look(f"See node pool {pool} in Azure", command, SEGDOC)


def _scale(facts: Facts, pool: str, nodes: int, expect: str = "") -> Action:
    command = az_aks(facts.cluster, "nodepool", "scale", "--nodepool-name", pool, "--node-count", str(nodes))
    if expect:
        return disrupt(
            f"Scale the pool to {nodes} nodes; connections through the removed ones are cut", command, SEGDOC, expect
        )
    return change(f"Scale the pool to {nodes} nodes", command, SEGDOC, f"{nodes} nodes of the pool are Ready")
