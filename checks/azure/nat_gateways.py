"""NAT gateways on the gateway node pool's subnet, whose address destinations see."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from checks.azure.flow_ends import networks_of
from checks.azure.network import NotRead, arm_resource, gateway_subnet
from checks.azure.outbound_destinations import OutboundDestination, names_of
from checks.facts.network_resources import Subnet
from checks.facts.public_addresses import NatGateway, PublicIPAddress, PublicIPPrefix
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import NAT, alternatives, change, inspect, quoted
from checks.model.findings import Action, Evidence, Observation, warn


@dataclass(frozen=True, slots=True)
class SubnetNatGateway:
    """A NAT gateway, the subnet that it is attached to, and its public addresses and prefixes.

    It takes precedence over the public addresses of the subnet's machines, so that no connection leaves from the egress
    IP prefix. `addresses` is () if not all of them were read, and `unread` is the reason.

    Source: Azure documentation, "What is Azure NAT Gateway?".
    """

    subnet: Subnet
    addresses: tuple[tuple[PublicIPAddress | PublicIPPrefix, str], ...] = ()
    unread: str = ""

    @property
    def name(self) -> str:
        """Its name in messages: `NAT gateway nat-egress`."""
        return f"NAT gateway {self.subnet.nat_gateway_id.rsplit('/', 1)[-1]}"

    @property
    def seen(self) -> str:
        """The source address of connections through it: `20.1.2.3 of NAT gateway nat-egress`."""
        if not self.addresses:
            return f"the address of {self.name}"
        one = len(self.addresses) == 1 and "/" not in self.addresses[0][1]
        return f"{'' if one else 'an address of '}{self._ranges} of {self.name}"

    @property
    def _ranges(self) -> str:
        written = [each.removesuffix("/32") for _, each in self.addresses]
        return " and ".join(filter(None, (", ".join(written[:-1]), written[-1])))

    def has(self, address: str) -> bool:
        """Whether this is one of its public addresses."""
        wanted = ip_address(address)
        return any(wanted in each for each in networks_of(written for _, written in self.addresses))

    @property
    def evidence(self) -> Evidence:
        """The subnet's reference to it."""
        return Evidence(self.subnet.ref, "natGateway.id", self.subnet.nat_gateway_id, "(none)")

    def address_evidence(self) -> list[Evidence]:
        """Its public addresses and prefixes."""
        return [
            Evidence(each.ref, "ipPrefix" if isinstance(each, PublicIPPrefix) else "ipAddress", written)
            for each, written in self.addresses
        ]

    def observation(
        self, egress_prefix: str, seen: Evidence, destinations: Sequence[OutboundDestination] = ()
    ) -> Observation:
        """The finding, with `seen` as evidence.

        `destinations` are those whose traffic no route and no service endpoint redirects, () for all.
        """
        not_read = f" (addresses not read: {self.unread})" if self.unread else ""
        names = names_of(destinations) if destinations else "Destinations"
        verb = "sees" if len({each.host for each in destinations}) == 1 and destinations[0].host else "see"
        return warn(
            f"{names} {verb} {self.seen}{not_read} instead of {egress_prefix}: it {self.reason}.",
            subject=self.subnet.ref,
            evidence=[seen, self.evidence, *self.address_evidence()],
            actions=self.actions(egress_prefix),
        )

    @property
    def reason(self) -> str:
        """Why it decides, after its name: `is attached to subnet gw and takes precedence …`."""
        return f"is attached to {self.subnet.ref} and takes precedence over the nodes' own public IPs"

    def actions(self, egress_prefix: str) -> list[Action]:
        """Show it, remove it from the subnet, or allow its addresses."""
        show = quoted("az", "network", "nat", "gateway", "show", "--ids", self.subnet.nat_gateway_id)
        remove = quoted("az", "network", "vnet", "subnet", "update", "--ids", self.subnet.id, "--remove", "natGateway")
        allow = f"{self._ranges} ({self.name})" if self.addresses else f"the public addresses of {self.name}"
        return [
            inspect(f"Show the public IP addresses and prefixes of {self.name}", show, NAT),
            *alternatives(
                change(
                    f"Remove {self.name} from {self.subnet.ref}, unless other node pools use the subnet",
                    remove,
                    NAT,
                    f"destinations see an address of {egress_prefix}",
                ),
                change(
                    f"Allow {allow} at the destinations instead; then no traffic leaves from {egress_prefix}",
                    url=NAT,
                    expect="requests are answered",
                ),
            ),
        ]


def nat_gateway(facts: Facts, configuration: StaticGatewayConfiguration) -> SubnetNatGateway | None:
    """The NAT gateway that changes the source address of a configuration's public addresses.

    None if there is none, or if the subnet was not read. Requires AgentPool, Subnet, NatGateway, PublicIPAddress and
    PublicIPPrefix declared.
    """
    subnet = gateway_subnet(facts, configuration)
    if not isinstance(subnet, Subnet) or not subnet.nat_gateway_id or not configuration.provisions_public_ips:
        return None
    found = arm_resource(facts, NatGateway, subnet.nat_gateway_id)
    if isinstance(found, NotRead):
        return SubnetNatGateway(subnet, unread=found.why if found.gap is not None else "")
    addresses: list[tuple[PublicIPAddress | PublicIPPrefix, str]] = []
    for each in (
        *(arm_resource(facts, PublicIPAddress, address) for address in found.address_ids),
        *(arm_resource(facts, PublicIPPrefix, prefix) for prefix in found.prefix_ids),
    ):
        if isinstance(each, NotRead):
            return SubnetNatGateway(subnet, unread=each.why if each.gap is not None else "")
        written = each.range if isinstance(each, PublicIPPrefix) else each.address
        if written:
            addresses.append((each, written))
    return SubnetNatGateway(subnet, tuple(addresses))
