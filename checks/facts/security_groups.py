"""Network security groups of subnets and of network interfaces."""

from collections.abc import Iterable

from checks.facts.fact import ArmResource, FactsRead, derived
from checks.facts.network_interfaces import MachineInterface, NetworkInterface
from checks.facts.network_resources import NETWORK, ArmFact, Subnet
from checks.model.raw_values import Raw, items, number, text, texts


def _security_groups(store: FactsRead) -> Iterable[str]:
    """The groups of subnets, and of the gateway nodes' network interfaces."""
    subnets = {each.security_group_id for each in store.known(Subnet)}
    interfaces = {each.security_group_id for each in store.known(NetworkInterface)}
    machines = {each.security_group_id for each in store.known(MachineInterface)}
    return (subnets | interfaces | machines) - {""}


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
    origin = ArmResource(
        f"{NETWORK}/networkSecurityGroups/read", (Subnet, NetworkInterface, MachineInterface), _security_groups
    )

    @derived
    def ref(self) -> str:
        return f"network security group {self.name}"

    @derived
    def rules(self) -> tuple[SecurityRule, ...]:
        own = [SecurityRule(each) for each in items(self.raw, "securityrules")]
        default = [SecurityRule(each) for each in items(self.raw, "defaultsecurityrules")]
        return tuple(sorted(own + default, key=lambda rule: rule.priority))


def _both(raw: Raw, key: str) -> tuple[str, ...]:
    plural = f"{key}es" if key.endswith("prefix") else f"{key}s"
    return texts(raw, plural) or texts(raw, key)
