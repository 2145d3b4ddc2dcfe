"""The nodes of a gateway node pool as the cluster shows them.

They are checked for readiness, for labels, and for an address of the egress IP prefix.
"""

from collections.abc import Iterator, Sequence

from checks.facts.agent_pools import AgentPool
from checks.facts.nodes import Node
from checks.facts.static_egress import GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ErrorKind, ReportedError, reported_error
from checks.knowledge.known_issues import IP_CONFIGURATIONS_REMOVED, PUBLIC_IP_NAMES_COLLIDE
from checks.kubernetes.node_fixes import not_ready_evidence, restart_machines, state_of_node
from checks.kubernetes.times_of_faults import first_of, last_of, unready_since
from checks.model.commands import SEGDOC, az_aks, change, disrupt, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, warn
from checks.static_egress.azure_error_fixes import fix_error, show_obstacle
from checks.static_egress.new_pools import create_replacement, delete_unused_pool
from checks.static_egress.prefixes import capacity
from checks.static_egress.procedures import describe, new_configuration

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
    wanted = max(expected, MIN_NODES)
    if not ready:
        lacking = _not_ready(nodes) or [Evidence(f"node pool {name}", "nodes", "0", f"{MIN_NODES} ready nodes")]
        yield fail(
            f"No node of gateway node pool {name} is ready{reason or _why(nodes)}.",
            subject=f"node pool {name}",
            evidence=[*lacking, *failed],
            actions=_node_actions(facts, name, nodes, error, wanted),
            about=[Involved("pool", name), *(Involved("node", node.name) for node in nodes)],
            since=last_of(map(unready_since, nodes)),
        )
        return
    if len(ready) < expected:
        missing = [Evidence(f"node pool {name}", "nodes in the cluster", str(len(nodes)), str(expected))]
        yield warn(
            f"{len(ready)} of {expected} nodes of gateway node pool {name} are ready{reason or _why(nodes)}.",
            subject=f"node pool {name}",
            evidence=[*(_not_ready(nodes) or missing), *failed],
            actions=_node_actions(facts, name, nodes, error, wanted),
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
            actions=_node_actions(facts, name, nodes),
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
    return [not_ready_evidence(each) for each in nodes if not each.ready]


def _why(nodes: Sequence[Node]) -> str:
    """The clause with the reasons of nodes that are not ready, "" without any."""
    reasons = dict.fromkeys(state_of_node(each).meaning for each in nodes if not each.ready)
    return f": {'; '.join(filter(None, reasons))}" if any(reasons) else ""


def pool_error(pool: AgentPool | None) -> ReportedError | None:
    """Azure's error of the last operation on a pool, None if it did not fail."""
    if pool is None or pool.provisioning_state.lower() != "failed":
        return None
    return reported_error(pool.provisioning_error)


def _node_actions(
    facts: Facts, pool: str, nodes: Sequence[Node], error: ReportedError | None = None, wanted: int = MIN_NODES
) -> list[Action]:
    # Scaling the pool fails for the reason for which it failed before.
    fix = fix_error(facts, error, pool) if error is not None else None
    others = _other_pool(facts, pool, error) if not nodes else []
    if others:
        fix = None
    if fix is None and not nodes and not others:
        fix = scale_pool(facts, pool, MIN_NODES)
    lost = [each for each in nodes if not each.ready]
    repairs = restart_machines(facts, pool, lost, wanted) if lost and fix is None else []
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
        *others,
        *repairs,
    ]


def _other_pool(facts: Facts, name: str, error: ReportedError | None) -> list[Action]:
    """The steps to a pool with another VM size, if Azure has no nodes of this size."""
    known = error.known if error is not None else None
    pool = next((each for each in facts.readable(AgentPool) if each.name.lower() == name.lower()), None)
    if known is None or pool is None or known.kind not in (ErrorKind.CAPACITY, ErrorKind.CORES):
        return []
    return move_to_replacement(facts, pool, other_size=True)


def move_to_replacement(facts: Facts, pool: AgentPool, *, other_size: bool) -> list[Action]:
    """Create another gateway node pool, and move the gateway to it (SEG-7)."""
    gateway = facts.gateway
    configuration = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    name, create = create_replacement(facts, pool, other_size=other_size)
    if configuration is None:
        return [create]
    return [
        create,
        *new_configuration(facts, configuration, name),
        *delete_unused_pool(facts, pool.name, configuration),
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
