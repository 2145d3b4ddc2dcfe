"""StaticGatewayConfigurations besides the one that the gateway names."""

from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, inspect, kubectl
from checks.model.findings import Action


def namesakes(facts: Facts) -> list[StaticGatewayConfiguration]:
    """Those of the same name in any namespace that was read."""
    found = facts.readable(StaticGatewayConfiguration)
    return [each for each in found if each.name == facts.gateway.configuration]


def names_in_namespace(facts: Facts) -> list[str]:
    """The names of those in the gateway's namespace that are not being deleted."""
    found = facts.in_namespace(StaticGatewayConfiguration, facts.gateway.namespace)
    return sorted(each.name for each in found if each.deleted is None)


def list_configurations() -> Action:
    """List the StaticGatewayConfigurations of all namespaces."""
    command = kubectl("get", "staticgatewayconfigurations", "--all-namespaces")
    return inspect("List the StaticGatewayConfigurations of all namespaces", command, SEGDOC)
