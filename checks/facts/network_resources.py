"""Azure network resources around the gateway node pool.

They are subnets and route tables.
"""

from collections.abc import Iterable

from checks.facts.agent_pools import AgentPool
from checks.facts.azure_json import arm_segment
from checks.facts.fact import ArmResource, Fact, FactsRead, derived
from checks.facts.nodes import Node
from checks.model.raw_values import items, text, texts

NETWORK = "Microsoft.Network"


class ArmFact(Fact):
    """An Azure resource read by its id. Keys are canonical."""

    __slots__ = ()

    @derived
    def key(self) -> tuple[str, str]:
        return ("", self.id.lower())

    @derived
    def id(self) -> str:
        return text(self.raw, "id")

    @derived
    def name(self) -> str:
        return text(self.raw, "name") or self.id.rsplit("/", 1)[-1]

    @derived
    def subscription(self) -> str:
        return arm_segment(self.id, "subscriptions")

    @derived
    def resource_group(self) -> str:
        return arm_segment(self.id, "resourcegroups")


def _subnets_of_gateway_pools(store: FactsRead) -> Iterable[str]:
    return {pool.subnet_id for pool in store.known(AgentPool) if pool.subnet_id}


def _subnets_of_nodes(store: FactsRead) -> Iterable[str]:
    return {node.subnet_id for node in store.known(Node) if node.subnet_id}


class Subnet(ArmFact):
    """A subnet of a node pool, with the ids of its security group and route table."""

    __slots__ = ()
    origin = ArmResource(
        f"{NETWORK}/virtualNetworks/subnets/read",
        (AgentPool,),
        _subnets_of_gateway_pools,
        expected_after=(Node,),
        expected=_subnets_of_nodes,
    )

    @derived
    def ref(self) -> str:
        return f"subnet {self.name}"

    @derived
    def security_group_id(self) -> str:
        return text(self.raw, "networksecuritygroup", "id")

    @derived
    def route_table_id(self) -> str:
        return text(self.raw, "routetable", "id")

    @derived
    def nat_gateway_id(self) -> str:
        return text(self.raw, "natgateway", "id")

    @derived
    def prefixes(self) -> tuple[str, ...]:
        return texts(self.raw, "addressprefixes") or texts(self.raw, "addressprefix")

    @derived
    def service_endpoints(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each Azure service with an endpoint, such as `Microsoft.Storage`.

        The second value contains the regions in which it applies.
        """
        return tuple((text(e, "service"), texts(e, "locations")) for e in items(self.raw, "serviceendpoints"))


def _route_tables(store: FactsRead) -> Iterable[str]:
    return {subnet.route_table_id for subnet in store.known(Subnet) if subnet.route_table_id}


class RouteTable(ArmFact):
    """A route table; each route is (name, address prefix, next hop type, next hop address)."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/routeTables/read", (Subnet,), _route_tables)

    @derived
    def ref(self) -> str:
        return f"route table {self.name}"

    @derived
    def routes(self) -> tuple[tuple[str, str, str, str], ...]:
        return tuple(
            (text(r, "name"), text(r, "addressprefix"), text(r, "nexthoptype"), text(r, "nexthopipaddress"))
            for r in items(self.raw, "routes")
        )
