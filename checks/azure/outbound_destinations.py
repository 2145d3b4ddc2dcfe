"""The destinations of a gateway's traffic outside the cluster."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from checks.azure.flow_ends import INTERNET, FlowEnd
from checks.azure.network import flow_end
from checks.azure.security_rules import Flow
from checks.facts.istio_networking import ServiceEntry
from checks.facts.network_resources import Subnet
from checks.facts.view import Facts
from checks.knowledge.network_requirements import EVERYWHERE, PRIVATE, WEB_PORTS
from checks.model.requested_host import split_host


@dataclass(frozen=True, slots=True)
class OutboundDestination:
    """A host, its effective port (`targetPort`), and its address if objects contain it.

    The host is "" for the Internet in general.
    """

    host: str
    port: int
    address: IPv4Address | None = None
    observed: bool = False
    """Whether the address is from the access log: the name resolves to it now."""

    @property
    def is_public(self) -> bool:
        """Whether its address is on the Internet, or not known."""
        return self.address is None or not any(self.address in each for each in PRIVATE)

    @property
    def end(self) -> FlowEnd:
        """The destination as the end of a flow."""
        if not self.host:
            return INTERNET
        networks = (EVERYWHERE if self.address is None else IPv4Network(self.address),)
        return FlowEnd(self.name, "internet" if self.is_public else "", networks, self.host, self.observed)

    @property
    def name(self) -> str:
        """The destination in a message: `api.bank.example (198.51.100.10)`."""
        if not self.host:
            return INTERNET.name
        return self.host if self.address is None or str(self.address) == self.host else f"{self.host} ({self.address})"

    def flow_from(self, facts: Facts, subnet: Subnet) -> Flow:
        """The flow from a subnet to this destination."""
        return Flow("Outbound", "TCP", range(self.port, self.port + 1), flow_end(facts, subnet), self.end)


def ipv4_address(written: str) -> IPv4Address | None:
    """A destination that is an IPv4 address; None for a name."""
    try:
        return IPv4Address(written)
    except AddressValueError:
        return None


def names_of(destinations: Iterable[OutboundDestination]) -> str:
    """The destinations in a sentence: the first two, and the number of others."""
    names = list(dict.fromkeys(each.name for each in destinations))
    if len(names) > 3:
        return f"{names[0]}, {names[1]} and {len(names) - 2} more hosts"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def internet(facts: Facts) -> tuple[OutboundDestination, ...]:
    """The Internet on the port in the question, otherwise on ports 80 and 443."""
    _, port = split_host(facts.question.host or "")
    return tuple(OutboundDestination("", each) for each in (WEB_PORTS if port is None else (port,)))


def port_80_is_used(facts: Facts) -> bool:
    """Whether a ServiceEntry has an external host on port 80. Raises Unreadable."""
    return facts.once("external services on port 80", _port_80_is_registered)


def _port_80_is_registered(facts: Facts) -> bool:
    entries = (entry for entry in facts.all(ServiceEntry) if entry.location == "MESH_EXTERNAL")
    return any((port.target or port.number) == 80 for entry in entries for port in entry.ports)
