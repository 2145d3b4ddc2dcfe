"""The steps to a gateway node pool in another subnet.

They are for a subnet without a free address.

Each StaticGatewayConfiguration takes an address of the subnet on every gateway node, besides the node's own. One without a
prefix has none yet: the name of its pool is changed in place.
"""

from collections.abc import Iterator, Sequence

from checks.azure.flow_ends import networks_of
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.network_resources import Subnet
from checks.facts.pool_settings import add_pool
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ErrorKind
from checks.knowledge.controller_texts import event_cause
from checks.model.commands import SEGDOC, alternatives, az_aks, change, inspect, quoted
from checks.model.findings import Action
from checks.static_egress.new_pools import free_pool_name
from checks.static_egress.procedures import patch_spec, wait_for_prefix


def other_subnet(facts: Facts, configuration: StaticGatewayConfiguration, warnings: Sequence[Event]) -> list[Action]:
    """A gateway node pool in the subnet of another pool.

    None if the subnet is not full or no other one is known. Requires AgentPool and Subnet declared.
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
    return _move(facts, configuration, pool, chosen)


def _show(facts: Facts, pool: AgentPool, needed: int) -> Action:
    """Show the used addresses before the new pool needs some; Azure keeps five of each subnet."""
    query = "{prefix:addressPrefix,prefixes:addressPrefixes,used:length(ipConfigurations || `[]`)}"
    command = quoted("az", "network", "vnet", "subnet", "show", "--ids", pool.subnet_id, "--query", query)
    name = pool.subnet_id.rpartition("/")[2]
    found = facts.with_id(Subnet, pool.subnet_id)
    networks = networks_of(found.prefixes) if isinstance(found, Subnet) else ()
    size = sum(each.num_addresses for each in networks) - _OF_AZURE
    most = f"`used` is at most {size - needed}: subnet {name} has {size} addresses" if networks else "enough are free"
    return inspect(
        f"Show the used addresses of subnet {name}, of which {needed} must be free",
        command,
        SEGDOC,
        f"{most}, and the new pool needs {needed}. Otherwise create a subnet for it",
    )


_OF_AZURE = 5
"""The addresses of a subnet that Azure keeps.

Source: Azure documentation, "Virtual network FAQ".
"""


def _move(facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool, other: AgentPool) -> list[Action]:
    name, nodes = free_pool_name(facts, "gwpool2"), max(pool.count or 0, 2)
    size = str(pool.prefix_size) if pool.prefix_size is not None else ""
    given = {"--mode": "gateway", "--gateway-prefix-size": size, "--node-count": str(nodes)}
    subnet = other.subnet_id.rpartition("/")[2]
    used = f"{configuration.namespace}/{configuration.name}"
    create = change(
        f"Create gateway node pool {name} in subnet {subnet} of {other.name}, with the other settings of {pool.name}",
        add_pool(facts.cluster, name, {**given, "--vnet-subnet-id": other.subnet_id}, pool),
        SEGDOC,
        f"{nodes} nodes are Ready",
    )
    return [
        _show(facts, other, 2 * nodes + 1),  # two of each node, and the frontend of the load balancer
        *alternatives(create, *_in_new_subnet(facts, pool, name, given)),
        patch_spec(
            configuration,
            f"Patch spec.gatewayNodepoolName of {used} from {pool.name} to {name}",
            {"gatewayNodepoolName": name},
            "it gets its egress IP prefix within minutes, and the waiting pods start",
        ),
        wait_for_prefix(configuration.namespace, configuration.name, used=True),
        *_delete(facts, pool, configuration),
    ]


def _in_new_subnet(facts: Facts, pool: AgentPool, name: str, given: dict[str, str]) -> Iterator[Action]:
    """A subnet of its own for the new pool.

    It has the security group, route table and NAT gateway of the full one.
    """
    full = facts.with_id(Subnet, pool.subnet_id)
    if not isinstance(full, Subnet):
        return
    network, new = pool.subnet_id.split("/")[-3], f"{full.name}-2"
    subnet_id = f"{pool.subnet_id.rpartition('/')[0]}/{new}"
    kept = {
        "--network-security-group": full.security_group_id,
        "--route-table": full.route_table_id,
        "--nat-gateway": full.nat_gateway_id,
    }
    where = ("--resource-group", full.resource_group, "--subscription", full.subscription, "--vnet-name", network)
    options = [word for option, value in kept.items() if value for word in (option, value)]
    create = quoted("az", "network", "vnet", "subnet", "create", *where, "--name", new, *options)
    add = add_pool(facts.cluster, name, {**given, "--vnet-subnet-id": subnet_id}, pool)
    yield change(
        f"Create subnet {new} and gateway node pool {name} in it; first set SUBNET_RANGE to a free range of virtual network "
        f"{network}, such as a /28",
        f'{create} --address-prefixes "${{SUBNET_RANGE:?free range of the virtual network}}" && {add}',
        SEGDOC,
        f"{given['--node-count']} nodes are Ready in {new}, whose rules and routes are those of {full.name}",
        undo=" && ".join(
            (
                az_aks(facts.cluster, "nodepool", "delete", "--nodepool-name", name),
                quoted("az", "network", "vnet", "subnet", "delete", "--ids", subnet_id),
            )
        ),
    )


def _delete(facts: Facts, pool: AgentPool, moved: StaticGatewayConfiguration) -> tuple[Action, ...]:
    """Delete the old pool, unless others use it."""
    others = [each for each in facts.all(StaticGatewayConfiguration) if each.pool.lower() == pool.name.lower()]
    if any(each.key != moved.key for each in others):
        return ()
    command = az_aks(facts.cluster, "nodepool", "delete", "--nodepool-name", pool.name)
    title = f"Delete node pool {pool.name}, which no StaticGatewayConfiguration uses any more: its nodes cost money"
    return (change(title, command, SEGDOC, "its machines are deleted"),)
