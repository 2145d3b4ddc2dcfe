"""Public addresses in Azure: NAT gateways, public IP prefixes and public IPs."""

from collections.abc import Iterable

from checks.facts.agent_pools import AgentPool
from checks.facts.fact import ArmResource, FactsRead, derived
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import NETWORK, ArmFact, Subnet
from checks.facts.probes import ProbeResult
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.model.raw_values import items, number, text, texts


def _nat_gateways(store: FactsRead) -> Iterable[str]:
    """The NAT gateways on the subnets of gateway node pools."""
    subnets = {pool.subnet_id.lower() for pool in store.known(AgentPool) if pool.is_gateway}
    return {each.nat_gateway_id for each in store.known(Subnet) if each.nat_gateway_id and each.id.lower() in subnets}


class NatGateway(ArmFact):
    """A NAT gateway on the subnet of a gateway node pool."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/natGateways/read", (Subnet,), _nat_gateways)

    @derived
    def ref(self) -> str:
        return f"NAT gateway {self.name}"

    @derived
    def address_ids(self) -> tuple[str, ...]:
        """The ids of its public IP addresses."""
        return tuple(filter(None, (text(each, "id") for each in items(self.raw, "publicipaddresses"))))

    @derived
    def prefix_ids(self) -> tuple[str, ...]:
        """The ids of its public IP prefixes."""
        return tuple(filter(None, (text(each, "id") for each in items(self.raw, "publicipprefixes"))))


def _prefixes(store: FactsRead) -> Iterable[str]:
    """The customer's own prefixes of StaticGatewayConfigurations, and those of NAT gateways."""
    own = {c.public_ip_prefix_id for c in store.known(StaticGatewayConfiguration) if c.public_ip_prefix_id}
    return own | {each for gateway in store.known(NatGateway) for each in gateway.prefix_ids}


class PublicIPPrefix(ArmFact):
    """A public IP prefix that a StaticGatewayConfiguration names, or of a NAT gateway.

    The field is `spec.publicIpPrefixId`.
    """

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/publicIPPrefixes/read", (StaticGatewayConfiguration, NatGateway), _prefixes)

    @derived
    def ref(self) -> str:
        return f"public IP prefix {self.name}"

    @derived
    def range(self) -> str:
        """Its addresses, such as `20.1.2.0/31`."""
        return text(self.raw, "ipprefix")

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


def _addresses(store: FactsRead) -> Iterable[str]:
    """The addresses of NAT gateways.

    After a probe also those that its source IP address is compared with.
    """
    found = {each for gateway in store.known(NatGateway) for each in gateway.address_ids}
    if store.known(ProbeResult):
        found |= {each for cluster in store.known(ManagedCluster) for each in cluster.outbound_ip_ids}
    return found


class PublicIPAddress(ArmFact):
    """A public IP of the cluster's load balancer, or of a NAT gateway."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/publicIPAddresses/read", (ManagedCluster, ProbeResult, NatGateway), _addresses)

    @derived
    def ref(self) -> str:
        return f"public IP address {self.name}"

    @derived
    def address(self) -> str:
        return text(self.raw, "ipaddress")
