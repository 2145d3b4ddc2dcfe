"""EG402: the gateway's StaticGatewayConfiguration is being deleted."""

from collections.abc import Iterator
from dataclasses import replace

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.fact import KubernetesObject
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import GatewayLBConfiguration, GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_events import current_errors
from checks.knowledge.controller_texts import event_cause, event_line
from checks.model.durations import span
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip
from checks.static_egress.clean_up_fixes import clean_up_fixes
from checks.static_egress.gateway_configuration import CONTROLLER, NotApplicable, gateway_configuration
from checks.static_egress.new_pools import create_pool, prefix_size_of
from checks.static_egress.old_subnets import old_subnet
from checks.static_egress.procedures import describe, new_configuration

_RELATED: tuple[type[KubernetesObject], ...] = (GatewayLBConfiguration, GatewayVMConfiguration)


@check(
    code="EG402",
    title="The gateway's StaticGatewayConfiguration is being deleted",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    partly=("SEG-7",),
    reads=(
        StaticGatewayConfiguration,
        GatewayLBConfiguration,
        GatewayVMConfiguration,
        Event,
        AgentPool,
        Subnet,
        ManagedCluster,
    ),
    explains={
        "egress-prefix-unassigned": "deletion releases the prefix, and no new one is assigned",
        "gateway-dataplane-not-ready": "deletion removes the addresses and the WireGuard key from the gateway nodes",
    },
)
def gateway_configuration_terminating(facts: Facts) -> Iterator[Observation]:
    """What it checks: whether the StaticGatewayConfiguration has a deletion time, which finalizers block the deletion
    of it and of its load balancer and node objects, and which errors the controller reports about the clean-up.

    Why it matters: Azure releases the egress IP prefix. A gateway that still names the SGC loses it, at the latest when
    its next pod starts.

    What usually fixes it: a new SGC for the gateway. If the node pool was deleted first, the clean-up cannot finish
    until the pool exists again. Do not remove finalizers by hand: the prefix and the load balancer rules would be left
    behind.

    Source: article SEG-1 and SEG-7; kube-egress-gateway controllers/manager."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    deleted = configuration.deleted
    if deleted is None:
        yield healthy(f"{configuration.ref} is not being deleted.")
        return
    evidence = [
        Evidence(configuration.ref, "metadata.deletionTimestamp", f"{deleted:%Y-%m-%dT%H:%M:%SZ}", "(none)"),
        Evidence(configuration.ref, "metadata.finalizers", ", ".join(configuration.finalizers) or "(none)"),
        *_related(facts, configuration),
        *_errors(facts, configuration),
    ]
    yield fail(
        f"{configuration.ref} has been terminating for {span(facts.now - deleted)}.",
        subject=configuration.ref,
        evidence=evidence,
        actions=[
            *_actions(facts, configuration),
            *clean_up_fixes(facts, configuration),
            *new_configuration(facts, configuration),
        ],
        about=[Involved("component", CONTROLLER)],
        since=deleted,
    )


def _related(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Evidence]:
    for kind in _RELATED:
        if facts.gap(kind, configuration.namespace) is not None:
            continue
        related = facts.get(kind, configuration.name, configuration.namespace)
        if related is not None:
            yield Evidence(related.ref, "metadata.finalizers", ", ".join(related.finalizers) or "(none)", "(deleted)")


def _errors(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Evidence]:
    if facts.gap(Event, configuration.namespace) is not None:
        return
    for event in current_errors(facts.events_on(configuration))[:3]:
        meaning = event_cause(event.message).meaning
        field = f"event {event.reason}" + (f" ({meaning})" if meaning else "")
        yield Evidence(configuration.ref, field, event_line(event.message))


def _actions(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Action]:
    yield describe(configuration)
    if not configuration.pool or facts.gap(AgentPool) is not None or not facts.configured(AgentPool):
        return
    if facts.get(AgentPool, configuration.pool.lower()) is None:
        yield replace(
            create_pool(
                facts,
                configuration.pool,
                prefix_size_of(configuration),
                subnet=old_subnet(facts, configuration),
            ),
            title=f"Create gateway node pool {configuration.pool} again so that the clean-up can finish; keep the finalizers",
            expect=f"{configuration.name} is deleted some minutes after the pool's nodes are Ready",
        )
