"""Reports of the controllers about a StaticGatewayConfiguration: evidence and fixes."""

from collections.abc import Iterator, Sequence

from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import GatewayLBConfiguration, GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_texts import event_cause
from checks.model.commands import SEGDOC, inspect, kubectl, quoted
from checks.model.findings import Action, Effect, Evidence
from checks.static_egress.procedures import describe

_SHOWN_EVENTS = 3


def event_evidence(configuration: StaticGatewayConfiguration, warnings: Sequence[Event]) -> Iterator[Evidence]:
    """The newest warnings as evidence."""
    for event in warnings[:_SHOWN_EVENTS]:
        yield Evidence(configuration.ref, f"event {event.reason}", event.message)


def provisioned_parts(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Evidence]:
    """How much the controller has provisioned: first the load balancer, then the nodes."""
    where = (configuration.name, configuration.namespace)
    if facts.gap(GatewayLBConfiguration, configuration.namespace) is None:
        balancer = facts.get(GatewayLBConfiguration, *where)
        got = "(not found)" if balancer is None else balancer.frontend_ip or "(empty)"
        ref = f"GatewayLBConfiguration {configuration.namespace}/{configuration.name}"
        yield Evidence(ref, "status.frontendIp", got, "an address")
    if facts.gap(GatewayVMConfiguration, configuration.namespace) is None:
        machines = facts.get(GatewayVMConfiguration, *where)
        count = "(not found)" if machines is None else f"{machines.profiles or 0} nodes"
        ref = f"GatewayVMConfiguration {configuration.namespace}/{configuration.name}"
        yield Evidence(ref, "status.gatewayVMProfiles", count, "one for each gateway node")


def controller_fixes(facts: Facts, warnings: Sequence[Event]) -> Iterator[Action]:
    """The fix of each known cause."""
    causes = [event_cause(event.message) for event in warnings]
    for azure in dict.fromkeys(cause.azure for cause in causes):
        if azure is not None and azure.show:
            yield inspect(f"Show the reason for {azure.code}", _filled(facts, azure.show), SEGDOC)
    for fix, waiting in dict.fromkeys((cause.fix, cause.waiting) for cause in causes):
        if fix:
            yield Action(fix, effect=Effect.READS if waiting else Effect.CHANGES, url=SEGDOC)


def _filled(facts: Facts, command: str) -> str:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    group, location = (cluster.node_resource_group, cluster.location) if cluster else ("", "")
    filled = command.format(
        group=quoted(group) if group else '"$NODE_RESOURCE_GROUP"',
        location=quoted(location) if location else '"$LOCATION"',
    )
    subscription = facts.cluster.subscription
    return f"{filled} --subscription {quoted(subscription)}" if subscription else filled


def show_reports(configuration: StaticGatewayConfiguration) -> list[Action]:
    """Show the controller's events and what it has provisioned."""
    name, namespace = configuration.name, configuration.namespace
    return [
        describe(configuration),
        inspect(
            "Show what the controller has provisioned: load balancer and node addresses",
            kubectl("get", "gatewaylbconfiguration,gatewayvmconfiguration", name, "-o", "yaml", namespace=namespace),
            SEGDOC,
        ),
    ]
