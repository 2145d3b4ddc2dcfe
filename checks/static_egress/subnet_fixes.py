"""The steps to a gateway node pool in another subnet.

They are for a subnet without a free address.

Each StaticGatewayConfiguration takes an address of the subnet on every gateway node, besides the node's own. One without a
prefix has none yet: the name of its pool is changed in place.
"""

from collections.abc import Sequence

from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.pool_settings import add_pool
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ErrorKind
from checks.knowledge.controller_texts import event_cause
from checks.model.commands import SEGDOC, az_aks, change, inspect, quoted
from checks.model.findings import Action
from checks.static_egress.new_pools import free_pool_name
from checks.static_egress.procedures import patch_spec, wait_for_prefix


def other_subnet(facts: Facts, configuration: StaticGatewayConfiguration, warnings: Sequence[Event]) -> list[Action]:
    """A gateway node pool in the subnet of another pool.

    None if the subnet is not full or no other one is known. Requires AgentPool declared.
    """
    errors = [event_cause(each.message).error for each in warnings]
    full = any(e is not None and e.known is not None and e.known.kind is ErrorKind.SUBNET for e in errors)
    pool = facts.get(AgentPool, configuration.pool.lower()) if not facts.gap(AgentPool) else None
    if not full or pool is None or configuration.egress_prefix:
        return []
    others = [each for each in facts.all(AgentPool) if each.subnet_id and each.subnet_id != pool.subnet_id]
    if not pool.subnet_id or not others:
        return []
    chosen = min(others, key=lambda each: (each.mode.lower() != "system", each.name))
    return [_show(chosen), *_move(facts, configuration, pool, chosen)]


def _show(pool: AgentPool) -> Action:
    query = "{prefix:addressPrefix,prefixes:addressPrefixes,used:length(ipConfigurations || `[]`)}"
    command = quoted("az", "network", "vnet", "subnet", "show", "--ids", pool.subnet_id, "--query", query)
    return inspect(f"Show the range and the used addresses of the subnet of {pool.name}", command, SEGDOC)


def _move(
    facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool, other: AgentPool
) -> tuple[Action, ...]:
    name, nodes = free_pool_name(facts, "gwpool2"), max(pool.count or 0, 2)
    size = str(pool.prefix_size) if pool.prefix_size is not None else ""
    given = {
        "--mode": "gateway",
        "--gateway-prefix-size": size,
        "--node-count": str(nodes),
        "--vnet-subnet-id": other.subnet_id,
    }
    subnet = other.subnet_id.rpartition("/")[2]
    used = f"{configuration.namespace}/{configuration.name}"
    return (
        change(
            f"Create gateway node pool {name} in subnet {subnet} of {other.name}, which needs {2 * nodes} free addresses, "
            f"with the other settings of {pool.name}",
            add_pool(facts.cluster, name, given, pool),
            SEGDOC,
            f"{nodes} nodes are Ready",
        ),
        patch_spec(
            configuration,
            f"Patch spec.gatewayNodepoolName of {used} from {pool.name} to {name}",
            {"gatewayNodepoolName": name},
            "it gets its egress IP prefix within minutes, and the waiting pods start",
        ),
        wait_for_prefix(configuration.namespace, configuration.name, used=True),
        *_delete(facts, pool, configuration),
    )


def _delete(facts: Facts, pool: AgentPool, moved: StaticGatewayConfiguration) -> tuple[Action, ...]:
    """Delete the old pool, unless others use it."""
    others = [each for each in facts.all(StaticGatewayConfiguration) if each.pool.lower() == pool.name.lower()]
    if any(each.key != moved.key for each in others):
        return ()
    command = az_aks(facts.cluster, "nodepool", "delete", "--nodepool-name", pool.name)
    title = f"Delete node pool {pool.name}, which no StaticGatewayConfiguration uses any more: its nodes cost money"
    return (change(title, command, SEGDOC, "its machines are deleted"),)
