"""Actions that meet the requirements of private-IP mode."""

from checks.azure.cluster_upgrades import newer_components
from checks.azure.network import show_subnet
from checks.facts.agent_pools import AgentPool
from checks.facts.network_resources import Subnet
from checks.facts.pool_settings import add_pool, taken_over
from checks.facts.view import Facts
from checks.knowledge.known_issues import PRIVATE_IP_MODE_PREVIEW
from checks.model.commands import SEGDOC, az_aks, change, inspect, kubectl
from checks.model.findings import Action


def upgrade_actions(facts: Facts, version: str) -> list[Action]:
    """Upgrade the control plane to a Kubernetes version.

    The mode does not need newer nodes of the other pools.
    """
    major, minor = version.split(".")
    return [
        inspect("List the versions that the cluster can be upgraded to", az_aks(facts.cluster, "get-upgrades"), SEGDOC),
        newer_components(
            facts,
            (int(major), int(minor)),
            "which private-IP mode needs; no node is replaced",
            "status.egressIpPrefix of the StaticGatewayConfiguration lists the private addresses",
        ),
        PRIVATE_IP_MODE_PREVIEW.compare,
    ]


PRIVATE_POOL = "gwprivate"
"""The name of the node pool that the mode gets."""


def new_pool_actions(facts: Facts, pool: AgentPool, namespace: str) -> list[Action]:
    """Add a gateway node pool of the type that the mode needs."""
    nodes = str(max(pool.count or 0, 2))
    given = {"--mode": "gateway", "--vm-set-type": "VirtualMachines", "--node-count": nodes}
    return [
        inspect("Show the node pool", az_aks(facts.cluster, "nodepool", "show", "-n", pool.name), SEGDOC),
        inspect(
            "List the pods that use the StaticGatewayConfiguration",
            kubectl("get", "pods", "-o", "wide", namespace=namespace),
        ),
        change(
            f"Create gateway node pool {PRIVATE_POOL} of type VirtualMachines{taken_over(pool, given)}",
            add_pool(facts.cluster, PRIVATE_POOL, given, pool),
            SEGDOC,
            f"{nodes} nodes are Ready",
        ),
    ]


def route_actions(subnet: Subnet) -> list[Action]:
    """Add the outbound route that the mode does not create."""
    return [
        show_subnet(subnet.id),
        change(
            "Associate a route table with the subnet that sends 0.0.0.0/0 to your firewall, and allow the addresses there",
            url=SEGDOC,
        ),
    ]
