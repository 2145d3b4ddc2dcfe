"""NAT gateways on the gateway node pool's subnet, whose address destinations see."""

from dataclasses import dataclass

from checks.azure.network import gateway_subnet
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import NAT, change, inspect, quoted
from checks.model.findings import Evidence, Observation, warn


@dataclass(frozen=True, slots=True)
class SubnetNatGateway:
    """A NAT gateway and the subnet that it is attached to.

    It takes precedence over the public addresses of the subnet's machines, so that no connection leaves from the egress
    IP prefix. Source: Azure documentation, "What is Azure NAT Gateway?".
    """

    subnet: Subnet

    @property
    def name(self) -> str:
        """Its name in messages: `NAT gateway nat-egress`."""
        return f"NAT gateway {self.subnet.nat_gateway_id.rsplit('/', 1)[-1]}"

    @property
    def evidence(self) -> Evidence:
        """The subnet's reference to it."""
        return Evidence(self.subnet.ref, "natGateway.id", self.subnet.nat_gateway_id, "(none)")

    def observation(self, egress_prefix: str, seen: Evidence) -> Observation:
        """The finding, with `seen` as evidence."""
        show = quoted("az", "network", "nat", "gateway", "show", "--ids", self.subnet.nat_gateway_id)
        remove = quoted("az", "network", "vnet", "subnet", "update", "--ids", self.subnet.id, "--remove", "natGateway")
        return warn(
            f"Destinations see the address of {self.name} instead of {egress_prefix}: it is attached to {self.subnet.ref} "
            "and takes precedence over the nodes' own public IPs.",
            subject=self.subnet.ref,
            evidence=[seen, self.evidence],
            actions=[
                inspect(f"Show the public IP addresses and prefixes of {self.name}", show, NAT),
                change(
                    f"Remove {self.name} from {self.subnet.ref}, unless other node pools use the subnet",
                    remove,
                    NAT,
                    f"destinations see an address of {egress_prefix}",
                ),
                change(
                    f"Allow the public addresses of {self.name} at the destinations instead; then no traffic leaves from "
                    f"{egress_prefix}",
                    url=NAT,
                ),
            ],
        )


def nat_gateway(facts: Facts, configuration: StaticGatewayConfiguration) -> SubnetNatGateway | None:
    """The NAT gateway that changes the source address of a configuration's public addresses.

    None if there is none, or if the subnet was not read.
    """
    subnet = gateway_subnet(facts, configuration)
    if not isinstance(subnet, Subnet) or not subnet.nat_gateway_id or not configuration.provisions_public_ips:
        return None
    return SubnetNatGateway(subnet)
