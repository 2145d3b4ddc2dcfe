"""Azure network resources around the gateway node pool.

They are subnets, NSGs, route tables, public IP prefixes and public IPs.
"""

from collections.abc import Iterable

from checks.facts.agent_pools import AgentPool
from checks.facts.azure_json import arm_segment
from checks.facts.fact import ArmResource, Fact, FactsRead, derived
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.nodes import Node
from checks.facts.probes import ProbeResult
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.model.raw_values import Raw, items, number, text, texts

NETWORK = "Microsoft.Network"


class ArmFact(Fact):
    """An Azure resource read by its id. Keys are canonical."""

    __slots__ = ()

    @property
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


class Subnet(ArmFact):
    """A subnet of a node pool, with the ids of its security group and route table."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/virtualNetworks/subnets/read", (AgentPool,), _subnets_of_gateway_pools)

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


def _security_groups(store: FactsRead) -> Iterable[str]:
    return {subnet.security_group_id for subnet in store.known(Subnet) if subnet.security_group_id}


def _route_tables(store: FactsRead) -> Iterable[str]:
    return {subnet.route_table_id for subnet in store.known(Subnet) if subnet.route_table_id}


class SecurityRule:
    """One rule of a network security group."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.name = text(raw, "name")
        self.priority = number(raw, "priority") or 0
        self.direction = text(raw, "direction")
        self.access = text(raw, "access")
        self.protocol = text(raw, "protocol")
        self.sources = _both(raw, "sourceaddressprefix")
        self.destinations = _both(raw, "destinationaddressprefix")
        self.source_ports = _both(raw, "sourceportrange")
        self.destination_ports = _both(raw, "destinationportrange")


class NetworkSecurityGroup(ArmFact):
    """A network security group.

    `rules` are its own and the default rules by priority (the first match decides).
    """

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/networkSecurityGroups/read", (Subnet,), _security_groups)

    @derived
    def ref(self) -> str:
        return f"network security group {self.name}"

    @derived
    def rules(self) -> tuple[SecurityRule, ...]:
        own = [SecurityRule(each) for each in items(self.raw, "securityrules")]
        default = [SecurityRule(each) for each in items(self.raw, "defaultsecurityrules")]
        return tuple(sorted(own + default, key=lambda rule: rule.priority))


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


def _own_prefixes(store: FactsRead) -> Iterable[str]:
    return {c.public_ip_prefix_id for c in store.known(StaticGatewayConfiguration) if c.public_ip_prefix_id}


class PublicIPPrefix(ArmFact):
    """A customer's public IP prefix that a StaticGatewayConfiguration names.

    The field is `spec.publicIpPrefixId`.
    """

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/publicIPPrefixes/read", (StaticGatewayConfiguration,), _own_prefixes)

    @derived
    def ref(self) -> str:
        return f"public IP prefix {self.name}"

    @derived
    def length(self) -> int | None:
        return number(self.raw, "prefixlength")

    @derived
    def location(self) -> str:
        return text(self.raw, "location")

    @derived
    def sku(self) -> str:
        return text(self.raw, "sku", "name")

    @derived
    def tier(self) -> str:
        return text(self.raw, "sku", "tier")

    @derived
    def ip_version(self) -> str:
        return text(self.raw, "publicipaddressversion")

    @derived
    def zones(self) -> tuple[str, ...]:
        """Its availability zones; none for a prefix without zones."""
        return texts(self.raw, "zones")

    @derived
    def attached_to(self) -> str:
        """The id of the NAT gateway or load balancer frontend that uses the whole prefix.

        "" if none does.
        """
        return text(self.raw, "natgateway", "id") or text(self.raw, "loadbalancerfrontendipconfiguration", "id")

    @derived
    def addresses(self) -> tuple[str, ...]:
        """The ids of the public IP addresses that were taken from it."""
        return tuple(filter(None, (text(each, "id") for each in items(self.raw, "publicipaddresses"))))


def _outbound_ips(store: FactsRead) -> Iterable[str]:
    """The public IPs that a probe's source IP address is compared with; none without a probe."""
    if not store.known(ProbeResult):
        return ()
    return {each for cluster in store.known(ManagedCluster) for each in cluster.outbound_ip_ids}


class PublicIPAddress(ArmFact):
    """A public IP of the cluster's load balancer or NAT gateway."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/publicIPAddresses/read", (ManagedCluster, ProbeResult), _outbound_ips)

    @derived
    def ref(self) -> str:
        return f"public IP address {self.name}"

    @derived
    def address(self) -> str:
        return text(self.raw, "ipaddress")


def _interface_lists(store: FactsRead) -> Iterable[str]:
    return {
        f"{node.scale_set_machine}/networkInterfaces"
        for node in store.known(Node)
        if node.mode == "gateway" and node.scale_set_machine
    }


class NetworkInterface(ArmFact):
    """A network interface of a gateway node in a scale set.

    It is read with the list of its machine's interfaces.
    """

    __slots__ = ()
    origin = ArmResource(
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces/read", (Node,), _interface_lists
    )

    @property
    def ref(self) -> str:
        return f"network interface {self.name} of {self.machine.rsplit('/', 3)[-3]} instance {self.machine.rsplit('/', 1)[-1]}"

    @property
    def machine(self) -> str:
        """The id of its virtual machine in lower case."""
        return self.id.lower().rpartition("/networkinterfaces/")[0]

    @property
    def addresses(self) -> tuple[str, ...]:
        """The private addresses of its ipConfigurations."""
        return tuple(text(each, "privateipaddress") for each in items(self.raw, "ipconfigurations"))


def _both(raw: Raw, key: str) -> tuple[str, ...]:
    plural = f"{key}es" if key.endswith("prefix") else f"{key}s"
    return texts(raw, plural) or texts(raw, key)
