"""Reports of the controllers about a StaticGatewayConfiguration: evidence and fixes."""

from collections.abc import Iterator, Sequence

from checks.facts.events import Event
from checks.facts.static_egress import GatewayLBConfiguration, GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_texts import EventCause, event_cause, event_line
from checks.model.commands import SEGDOC, inspect, kubectl
from checks.model.findings import Action, Effect, Evidence
from checks.static_egress.azure_error_fixes import fill_command, fix_error, show_obstacle
from checks.static_egress.procedures import describe

_SHOWN_EVENTS = 3


def event_evidence(configuration: StaticGatewayConfiguration, warnings: Sequence[Event]) -> Iterator[Evidence]:
    """The newest warnings as evidence."""
    for event in warnings[:_SHOWN_EVENTS]:
        yield Evidence(configuration.ref, f"event {event.reason}", event_line(event.message))


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


def main_cause(warnings: Sequence[Event]) -> EventCause | None:
    """The newest cause with a known error of Azure, else the newest with a meaning.

    Other warnings of the same reconcile are often consequences: without the update of a node, its address is missing.
    """
    causes = [event_cause(event.message) for event in warnings]
    return next((each for each in causes if each.explained), None) or next((c for c in causes if c.meaning), None)


def controller_fixes(facts: Facts, warnings: Sequence[Event]) -> Iterator[Action]:
    """The fix of each known cause; those for Azure's errors come first."""
    causes = sorted((event_cause(event.message) for event in warnings), key=lambda each: not each.explained)
    for error in dict.fromkeys(cause.error for cause in causes):
        if error is not None:
            yield from show_obstacle(facts, error)
    fixes = [_fix(facts, cause) for cause in causes]
    yield from dict.fromkeys(each for each in fixes if each is not None)


def _fix(facts: Facts, cause: EventCause) -> Action | None:
    if cause.error is not None and (fix := fix_error(facts, cause.error)) is not None:
        return fix
    effect = Effect.READS if cause.waiting or cause.show else Effect.CHANGES
    return Action(cause.fix, fill_command(facts, cause.show), effect, SEGDOC) if cause.fix else None


def show_reports(configuration: StaticGatewayConfiguration) -> list[Action]:
    """Show the controller's events and what it has provisioned."""
    name, namespace = configuration.name, configuration.namespace
    return [
        describe(configuration),
        inspect(
            "Show what the controller has provisioned: load balancer and node addresses",
            kubectl(
                *("get", "gatewaylbconfiguration,gatewayvmconfiguration", name, "--ignore-not-found", "-o", "yaml"),
                namespace=namespace,
            ),
            SEGDOC,
        ),
    ]
