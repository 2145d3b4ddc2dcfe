"""The ports of the gateway's traffic to the Internet."""

from checks.facts.istio_networking import ServiceEntry
from checks.facts.view import Facts
from checks.knowledge.network_requirements import WEB_PORTS
from checks.model.requested_host import split_host


def web_ports(facts: Facts) -> tuple[int, ...]:
    """The port in the question, otherwise ports 80 and 443."""
    _, port = split_host(facts.question.host or "")
    return WEB_PORTS if port is None else (port,)


def port_80_is_used(facts: Facts) -> bool:
    """Whether a ServiceEntry has an external host on port 80.

    True if ServiceEntries cannot be read.
    """
    if facts.gap(ServiceEntry) is not None:
        return True
    return facts.once("external services on port 80", _port_80_is_registered)


def _port_80_is_registered(facts: Facts) -> bool:
    entries = (entry for entry in facts.all(ServiceEntry) if entry.location == "MESH_EXTERNAL")
    return any((port.target or port.number) == 80 for entry in entries for port in entry.ports)
