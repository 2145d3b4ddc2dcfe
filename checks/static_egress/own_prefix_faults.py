"""Faults of a customer's own public IP prefix.

They are in its id, its properties in Azure, or the controller's warnings.
"""

from dataclasses import dataclass

from checks.facts.agent_pools import AgentPool
from checks.facts.azure_json import arm_segment
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.public_addresses import PublicIPPrefix
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ErrorKind, ReportedError
from checks.knowledge.controller_events import current_errors
from checks.knowledge.controller_texts import ControllerFault, EventCause, event_cause, event_line
from checks.model.findings import Action, Evidence
from checks.static_egress.gateway_configuration import pool_of
from checks.static_egress.join_right import JOIN, join_right
from checks.static_egress.own_prefix_fixes import create_prefix, grant_on_prefix, prefix_fix
from checks.static_egress.own_prefix_properties import unusable_properties
from checks.static_egress.procedures import patch_spec


@dataclass(frozen=True, slots=True)
class PrefixFault:
    """A fault in a sentence, with its evidence and its fix."""

    summary: str
    evidence: tuple[Evidence, ...]
    fix: Action
    another: bool = True
    """Whether the fix is another prefix, which needs another StaticGatewayConfiguration."""


def own_prefix_fault(facts: Facts, configuration: StaticGatewayConfiguration) -> PrefixFault | None:
    """The first fault of the prefix.

    It is in its id, its properties, a current warning, the right to join it, or a 404 of Azure.

    Requires StaticGatewayConfiguration, Event, ManagedCluster, AgentPool, PublicIPPrefix, RoleAssignmentList and
    RoleDefinition declared.
    """
    return (
        _by_subscription(facts, configuration)
        or _by_properties(facts, configuration)
        or _by_event(facts, configuration)
        or _by_role(facts, configuration)
        or _by_absence(facts, configuration)
    )


def _by_subscription(facts: Facts, configuration: StaticGatewayConfiguration) -> PrefixFault | None:
    subscription = arm_segment(configuration.public_ip_prefix_id, "subscriptions")
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    expected = cluster.subscription if cluster else facts.cluster.subscription
    if not subscription or not expected or subscription == expected:
        return None
    path = "spec.publicIpPrefixId"
    evidence = Evidence(configuration.ref, path, configuration.public_ip_prefix_id, f"subscription {expected}")
    if subscription.lower() != expected.lower():
        summary = f"The public IP prefix of {configuration.ref} is in another subscription than the cluster."
        return PrefixFault(summary, (evidence,), create_prefix(facts, configuration))
    if configuration.egress_prefix:
        return None
    summary = (
        f"{configuration.ref} writes the subscription of its public IP prefix in other letters than the cluster's id "
        f"({subscription}); the controller takes it for another subscription."
    )
    return PrefixFault(summary, (evidence,), _spelling(configuration, subscription, expected), another=False)


def _spelling(configuration: StaticGatewayConfiguration, subscription: str, expected: str) -> Action:
    return patch_spec(
        configuration,
        f"Write the subscription of the prefix as Azure does: {expected}",
        {"publicIpPrefixId": configuration.public_ip_prefix_id.replace(subscription, expected)},
        "the egress IP prefix is assigned within minutes",
    )


def _by_event(facts: Facts, configuration: StaticGatewayConfiguration) -> PrefixFault | None:
    """A current warning about the prefix, by its text or because Azure's error names it."""
    if facts.gap(Event, configuration.namespace) is not None:
        return None
    for event in current_errors(facts.events_on(configuration)):
        cause = event_cause(event.message)
        named = cause.error is not None and _is_about(configuration, cause.error)
        if cause.fault is not ControllerFault.OWN_PREFIX_UNUSABLE and (not named or cause.waiting):
            continue
        fix = prefix_fix(facts, configuration, cause)
        return PrefixFault(
            f"{configuration.ref} cannot use its own public IP prefix: {_meaning(configuration, cause)}.",
            (Evidence(configuration.ref, f"event {event.reason}", event_line(event.message), "(none)"),),
            fix,
            another=fix == create_prefix(facts, configuration),
        )
    return None


_ABOUT_ADDRESSES = (ErrorKind.ZONE, ErrorKind.SKU, ErrorKind.TIER, ErrorKind.IP_VERSION)
"""Errors about properties that the nodes' public addresses have from the prefix."""


def _is_about(configuration: StaticGatewayConfiguration, error: ReportedError) -> bool:
    """Whether an error names the prefix, or the properties that addresses have from it."""
    named = configuration.public_ip_prefix_id.lower() in error.message.lower()
    return named or (error.known is not None and error.known.kind in _ABOUT_ADDRESSES)


def _meaning(configuration: StaticGatewayConfiguration, cause: EventCause) -> str:
    error = cause.error
    if error is None:
        return cause.meaning
    if error.known is not None and error.known.kind is ErrorKind.ROLE:
        join = "publicIPPrefixes/join/action" in error.message
        may = "read it, but not join it" if join else "not read it"
        name = configuration.public_ip_prefix_id.rsplit("/", 1)[-1]
        return f"{error.code}, the cluster's identity may {may} ({name})"
    return error.meaning


def _by_role(facts: Facts, configuration: StaticGatewayConfiguration) -> PrefixFault | None:
    """The right to join the prefix, if role assignments were read and none of them allows it."""
    right = join_right(facts, configuration)
    if right.allowed is not False:
        return None
    name = configuration.public_ip_prefix_id.rsplit("/", 1)[-1]
    roles = ", ".join(right.roles) or "(none)"
    return PrefixFault(
        f"The cluster's identity may not join the public IP prefix of {configuration.ref} ({name}).",
        (Evidence(f"public IP prefix {name}", "roles of the cluster's identity", roles, f"a role that allows {JOIN}"),),
        grant_on_prefix(facts, configuration),
        another=False,
    )


def _by_absence(facts: Facts, configuration: StaticGatewayConfiguration) -> PrefixFault | None:
    """Azure's 404 for the prefix."""
    gap = facts.gap(PublicIPPrefix)
    if gap is None or gap.status != 404 or gap.resource.lower() != configuration.public_ip_prefix_id.lower():
        return None
    group = arm_segment(configuration.public_ip_prefix_id, "resourcegroups")
    return PrefixFault(
        f"{configuration.ref} names a public IP prefix that does not exist in resource group {group}.",
        (
            Evidence(
                configuration.ref, "spec.publicIpPrefixId", configuration.public_ip_prefix_id, "a prefix that exists"
            ),
        ),
        create_prefix(facts, configuration),
    )


def _by_properties(facts: Facts, configuration: StaticGatewayConfiguration) -> PrefixFault | None:
    wanted = configuration.public_ip_prefix_id.lower()
    prefix = next((each for each in facts.readable(PublicIPPrefix) if each.id.lower() == wanted), None)
    if prefix is None:
        return None
    cluster, pool = next(iter(facts.readable(ManagedCluster)), None), _pool(facts, configuration)
    found = list(unusable_properties(prefix, cluster, pool))
    if not found:
        return None
    return PrefixFault(
        f"The public IP prefix of {configuration.ref} {' and '.join(each.what for each in found)}.",
        tuple(Evidence(prefix.ref, each.field, each.observed, each.expected) for each in found),
        create_prefix(facts, configuration),
    )


def _pool(facts: Facts, configuration: StaticGatewayConfiguration) -> AgentPool | None:
    pool = pool_of(facts, configuration)
    return pool if isinstance(pool, AgentPool) else None
