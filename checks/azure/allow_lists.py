"""Evidence and steps for allow-lists before the destinations, which are not visible."""

from checks.azure.network import NotRead, show_pool, show_subnet
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import change
from checks.model.findings import Action, Evidence

_ALLOW_LISTS = "every firewall, NSG and allow-list before the destinations"


def allow_prefix(
    facts: Facts, configuration: StaticGatewayConfiguration, subnet: Subnet | NotRead, url: str
) -> list[Action]:
    """The steps of article NET-1: show the subnet, and allow the prefix."""
    return [
        show_subnet(subnet.id) if isinstance(subnet, Subnet) else show_pool(facts, configuration.pool),
        change(f"Allow {configuration.egress_prefix} as a source in {_ALLOW_LISTS}", "", url, "requests are answered"),
    ]


def allowed_prefix(configuration: StaticGatewayConfiguration) -> Evidence:
    """The egress IP prefix as evidence, with the places that must allow it."""
    return Evidence(
        configuration.ref, "status.egressIpPrefix", configuration.egress_prefix, f"allowed in {_ALLOW_LISTS}"
    )
