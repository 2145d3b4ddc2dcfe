"""The nodes of a gateway node pool as the cluster shows them.

They are checked for readiness, for labels, and for an address of the egress IP prefix.
"""

from collections.abc import Iterator, Sequence

from checks.facts.agent_pools import AgentPool
from checks.facts.nodes import Node
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ReportedError, reported_error
from checks.knowledge.known_issues import IP_CONFIGURATIONS_REMOVED, PUBLIC_IP_NAMES_COLLIDE
from checks.kubernetes.times_of_faults import first_of, last_of, unready_since
from checks.model.commands import SEGDOC, az_aks, change, disrupt, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, warn
from checks.static_egress.azure_error_fixes import fix_error, show_obstacle
from checks.static_egress.prefixes import capacity
from checks.static_egress.procedures import describe

MIN_NODES = 2
"""The fewest nodes with which the failure of one does not interrupt all traffic."""


def pool_nodes(facts: Facts, pool: str) -> Sequence[Node]:
    """The nodes of the pool in the cluster."""
    return facts.index(Node, "pool", lambda node: (node.pool.lower(),)).get(pool.lower(), [])


def gateway_node_faults(
    facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool | None
) -> Iterator[Observation]:
    """Faults of the pool's nodes; `pool` is None without an answer from Azure."""
    name, nodes = configuration.pool, pool_nodes(facts, configuration.pool)
    ready = [node for node in nodes if node.ready]
    expected = max(len(nodes), (pool.count or 0) if pool else 0)
    error = pool_error(pool)
    reason = f": {error.meaning}" if error is not None else ""
    failed = [Evidence(pool.ref, "status.provisioningError", error.shown, "(none)")] if pool and error else []
    if not ready:
        lacking = _not_ready(nodes) or [Evidence(f"node pool {name}", "nodes", "0", f"{MIN_NODES} ready nodes")]
        yield fail(
            f"No node of gateway node pool {name} is ready{reason}.",
            subject=f"node pool {name}",
            evidence=[*lacking, *failed],
            actions=_node_actions(facts, name, len(nodes), error),
            about=[Involved("pool", name), *(Involved("node", node.name) for node in nodes)],
            since=last_of(map(unready_since, nodes)),
        )
        return
    if len(ready) < expected:
        missing = [Evidence(f"node pool {name}", "nodes in the cluster", str(len(nodes)), str(expected))]
        yield warn(
            f"{len(ready)} of {expected} nodes of gateway node pool {name} are ready{reason}.",
            subject=f"node pool {name}",
            evidence=[*(_not_ready(nodes) or missing), *failed],
            actions=_node_actions(facts, name, len(nodes), error),
            about=[Involved("pool", name), *(Involved("node", node.name) for node in nodes if not node.ready)],
            severity=Severity.DEGRADES,
            since=first_of(map(unready_since, nodes)),
        )
    if unlabelled := [node for node in nodes if node.mode != "gateway"]:
        yield warn(
            f"{len(unlabelled)} of {len(nodes)} nodes of gateway node pool {name} lack the gateway label: "
            "no daemon runs there.",
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
    """A finding for nodes without an address, which is a failure if none has one.

    Nodes beyond the prefix have a finding of their own. Source: docs/rulings.md#ruling-42.
    """
    most = capacity(pool.prefix_size) if pool and pool.prefix_size is not None else None
    if not configuration.egress_prefix:
        return
    machines_pool = pool is not None and pool.kind.lower() == "virtualmachines"
    machines = facts.get(GatewayVMConfiguration, configuration.name, configuration.namespace)
    profiles = machines.profiles if machines else None
    if machines is None or profiles is None or profiles >= nodes:
        return
    name = configuration.pool
    evidence = [
        Evidence(
            machines.ref,
            "status.gatewayVMProfiles",
            f"of {profiles} node{'' if profiles == 1 else 's'}",
            f"of {nodes} nodes",
        )
    ]
    show = inspect(
        "Show which nodes have an address",
        kubectl("get", "gatewayvmconfiguration", machines.name, "-o", "yaml", namespace=machines.namespace),
        SEGDOC,
    )
    again = configure_again(facts, name, nodes, most, configuration)
    compare = (PUBLIC_IP_NAMES_COLLIDE if machines_pool else IP_CONFIGURATIONS_REMOVED).compare
    if profiles == 0:
        yield fail(
            f"No node of gateway node pool {name} has an address of the egress IP prefix.",
            subject=machines.ref,
            evidence=evidence,
            actions=[show, describe(configuration), again, compare],
            about=[Involved("pool", name)],
        )
    elif most is None or nodes <= most:
        yield warn(
            f"{profiles} of {nodes} nodes of gateway node pool {name} have an address of the egress IP prefix.",
            subject=machines.ref,
            evidence=evidence,
            actions=[show, describe(configuration), again, compare],
            severity=Severity.DEGRADES,
        )


def _not_ready(nodes: Sequence[Node]) -> list[Evidence]:
    return [Evidence(n.ref, "status.conditions[Ready]", "not True", "True") for n in nodes if not n.ready]


def pool_error(pool: AgentPool | None) -> ReportedError | None:
    """Azure's error of the last operation on a pool, None if it did not fail."""
    if pool is None or pool.provisioning_state.lower() != "failed":
        return None
    return reported_error(pool.provisioning_error)


def _node_actions(facts: Facts, pool: str, count: int, error: ReportedError | None = None) -> list[Action]:
    # Scaling the pool fails for the reason for which it failed before.
    fix = fix_error(facts, error, pool) if error is not None else None
    if fix is None and count == 0:
        fix = scale_pool(facts, pool, MIN_NODES)
    selector = f"kubernetes.azure.com/agentpool={pool}"
    return [
        inspect("List the pool's nodes", kubectl("get", "nodes", "-l", selector, "-o", "wide"), SEGDOC),
        inspect(
            "Describe the pool's nodes: their conditions show why one is not ready",
            kubectl("describe", "nodes", "-l", selector),
            SEGDOC,
        ),
        show_node_pool(facts, pool),
        *(show_obstacle(facts, error) if error is not None else ()),
        *([fix] if fix is not None else []),
    ]


def show_node_pool(facts: Facts, pool: str) -> Action:
    """Shows the pool as Azure has it."""
    command = az_aks(facts.cluster, "nodepool", "show", "--nodepool-name", pool, "-o", "json")
    return inspect(f"Show node pool {pool} in Azure", command, SEGDOC)


def scale_pool(facts: Facts, pool: str, nodes: int, expect: str = "") -> Action:
    """Scales the pool; `expect` is set if the scaling removes nodes, which interrupts traffic."""
    command = az_aks(facts.cluster, "nodepool", "scale", "--nodepool-name", pool, "--node-count", str(nodes))
    if expect:
        return disrupt(
            f"Scale node pool {pool} to {nodes} nodes; open connections through the removed nodes are closed",
            command,
            SEGDOC,
            expect,
        )
    return change(f"Scale node pool {pool} to {nodes} nodes", command, SEGDOC, f"{nodes} nodes of the pool are Ready")


def configure_again(
    facts: Facts, pool: str, nodes: int, most: int | None, configuration: StaticGatewayConfiguration
) -> Action:
    """Scales the pool by one node and back, so that the controller configures all its nodes.

    Down first if the prefix has addresses for `most` nodes and the pool has as many.
    """
    back = min(nodes, most) if most is not None else nodes
    other = back + 1 if most is None or back < most else back - 1
    steps = (back,) if back < nodes else (other, back)
    commands = (
        az_aks(facts.cluster, "nodepool", "scale", "--nodepool-name", pool, "--node-count", str(n)) for n in steps
    )
    by = f"to {back} nodes" if back < nodes else f"to {other} node{'' if other == 1 else 's'} and back to {back}"
    return disrupt(
        f"Scale node pool {pool} {by}: the controller then configures its nodes again; open connections through the removed "
        "node are closed",
        " && ".join(commands),
        SEGDOC,
        f"GatewayVMConfiguration {configuration.namespace}/{configuration.name} lists {back} nodes within some minutes",
    )
