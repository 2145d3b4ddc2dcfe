"""The step that creates a gateway node pool, and whether one is needed."""

from checks.facts.agent_pools import AgentPool
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, az_aks, change
from checks.model.findings import Action

DEFAULT_PREFIX = "30"
"""The length of a prefix with addresses for four nodes."""


def create_pool(facts: Facts, name: str, size: str = DEFAULT_PREFIX) -> Action:
    """Create a node pool in Gateway mode with two nodes."""
    options = ("--mode", "gateway", "--gateway-prefix-size", size, "--node-count", "2")
    return change(
        f"Create node pool {name} in Gateway mode",
        az_aks(facts.cluster, "nodepool", "add", "--nodepool-name", name, *options),
        SEGDOC,
        "2 nodes are Ready, and the StaticGatewayConfigurations that name the pool get their prefix",
    )


_OTHER_SIZES = ("Standard_D2as_v5", "Standard_D2s_v5")
"""Small sizes of two families, each with a quota of its own for cores."""


def create_replacement(facts: Facts, pool: AgentPool, *, other_size: bool) -> tuple[str, Action]:
    """The name of a new gateway node pool in place of another, and its step.

    With another VM size and without zones if Azure lacks that size, otherwise with Linux nodes.
    """
    name = free_pool_name(facts, "gwpool2")
    family = pool.vm_size.rpartition("_D")[2][1:].lower()
    size = next(each for each in _OTHER_SIZES if each.rpartition("_D")[2][1:].lower() != family)
    words = ("--node-vm-size", size) if other_size else ("--os-type", "Linux")
    length = str(pool.prefix_size) if pool.prefix_size is not None else DEFAULT_PREFIX
    options = ("--mode", "gateway", "--gateway-prefix-size", length, "--node-count", "2", *words)
    title = f"Create gateway node pool {name} " + (
        f"with VM size {size}, which costs money beside {pool.name}" if other_size else "with Linux nodes"
    )
    command = az_aks(facts.cluster, "nodepool", "add", "--nodepool-name", name, *options)
    return name, change(title, command, SEGDOC, "2 nodes are Ready")


def delete_unused_pool(facts: Facts, pool: str, moved: StaticGatewayConfiguration) -> tuple[Action, ...]:
    """Delete a gateway node pool that the gateway has left; () if others use it."""
    users = [each for each in facts.readable(StaticGatewayConfiguration) if each.pool.lower() == pool.lower()]
    if facts.gap(StaticGatewayConfiguration) is not None or any(each.key != moved.key for each in users):
        return ()
    command = az_aks(facts.cluster, "nodepool", "delete", "--nodepool-name", pool)
    title = f"Delete node pool {pool} when {moved.namespace}/{moved.name} is deleted: until then its nodes cost money"
    return (change(title, command, SEGDOC, "its machines are deleted"),)


def lacks_gateway_pool(facts: Facts) -> bool:
    """Whether Azure lists the node pools and none of them is in Gateway mode."""
    if not facts.configured(AgentPool) or facts.gap(AgentPool) is not None:
        return False
    return not any(pool.is_gateway for pool in facts.all(AgentPool))


def free_pool_name(facts: Facts, wanted: str) -> str:
    """The wanted name of a node pool, or gwpool, gwpool2 or gwpool3, that no pool has."""
    taken = {each.name.lower() for each in facts.readable(AgentPool)}
    return next(name for name in (wanted or "gwpool", "gwpool", "gwpool2", "gwpool3") if name.lower() not in taken)
