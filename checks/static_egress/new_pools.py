"""The step that creates a gateway node pool, and whether one is needed."""

from checks.facts.agent_pools import AgentPool
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


def lacks_gateway_pool(facts: Facts) -> bool:
    """Whether Azure lists the node pools and none of them is in Gateway mode."""
    if not facts.configured(AgentPool) or facts.gap(AgentPool) is not None:
        return False
    return not any(pool.is_gateway for pool in facts.all(AgentPool))


def free_pool_name(facts: Facts, wanted: str) -> str:
    """The wanted name of a node pool, or gwpool, gwpool2 or gwpool3, that no pool has."""
    taken = {each.name.lower() for each in facts.readable(AgentPool)}
    return next(name for name in (wanted or "gwpool", "gwpool", "gwpool2", "gwpool3") if name.lower() not in taken)
