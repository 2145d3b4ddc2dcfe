"""The subnet of a gateway node pool that does not exist any more.

The frontend of the pool's internal load balancer is in it: docs/domain/components.md#azure-resources.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address

from checks.azure.flow_ends import networks_of
from checks.azure.used_addresses import tunnel_network
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import quoted

_LOAD_BALANCER = "kubeegressgateway-ilb"


@dataclass(frozen=True, slots=True)
class OldSubnet:
    """A subnet as the value of an option: `words` are in shell syntax, `name` ends "in"."""

    name: str
    words: str


def old_subnet(facts: Facts, configuration: StaticGatewayConfiguration) -> OldSubnet | None:
    """The subnet with the address to which pods send the tunnel packets.

    It is one of those that were read, or that of the frontend with this address in the internal load balancer. None without
    an address. Requires Subnet and ManagedCluster declared.
    """
    network = tunnel_network(configuration)
    if network is None:
        return None
    address = network.network_address
    for each in facts.readable(Subnet):
        if any(address in one for one in networks_of(each.prefixes)):
            return OldSubnet(f"subnet {each.name}, which contains {address} of its load balancer", quoted(each.id))
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is None or not cluster.node_resource_group:
        return None
    subscription = ("--subscription", cluster.subscription) if cluster.subscription else ()
    return OldSubnet(
        f"the subnet of frontend {address} of its load balancer",
        _subnet_of_frontend(address, ("--resource-group", cluster.node_resource_group, *subscription)),
    )


def _subnet_of_frontend(address: IPv4Address, group: tuple[str, ...]) -> str:
    """The substitution that reads the subnet's ID.

    The query has no double quotes, which would end those around the substitution.
    """
    query = f"[?privateIPAddress==`{address}`].subnet.id"
    words = ("--lb-name", _LOAD_BALANCER, *group, "--query", query, "--output", "tsv")
    return f'"$({quoted("az", "network", "lb", "frontend-ip", "list", *words)})"'
