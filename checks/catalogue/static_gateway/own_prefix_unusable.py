"""EG409: the customer's own public IP prefix cannot be used.

The StaticGatewayConfiguration names it.
"""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.azure_json import arm_segment
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import PublicIPPrefix
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_events import current_errors
from checks.knowledge.controller_texts import ControllerFault, event_cause
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration, pool_of
from checks.static_egress.own_prefix_fixes import create_prefix, prefix_fix, show_prefix
from checks.static_egress.procedures import describe, new_configuration


@check(
    code="EG409",
    title="The StaticGatewayConfiguration's own public IP prefix cannot be used",
    severity=Severity.BLOCKS,
    warns_of_limit=True,
    hop="node pool",
    article=("SEG-2",),
    partly=("SEG-7",),
    reads=(StaticGatewayConfiguration, Event, ManagedCluster, AgentPool, PublicIPPrefix),
    explains={
        "egress-prefix-unassigned": "the controller takes the addresses from this prefix, which it cannot use",
    },
)
def own_prefix_unusable(facts: Facts) -> Iterator[Observation]:
    """What it checks: spec.publicIpPrefixId, if it is set: the prefix's subscription against the cluster's, its length
    against the prefix size of the node pool, and the controller's current warnings about it. If Azure network resources
    are not read, it does not apply and offers the command to compare by hand. With an egress IP prefix already assigned
    a fault warns: it affects only new nodes.

    Why it matters: the controller attaches this prefix to the gateway nodes and has no fallback.

    What usually fixes it: the role Network Contributor on the prefix for the cluster's identity, or a prefix of the
    right length in the cluster's subscription.

    Source: article SEG-2 and SEG-7; kube-egress-gateway controllers/manager (gatewayVMConfiguration)."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    if not configuration.public_ip_prefix_id:
        yield skip(f"{configuration.ref} names no public IP prefix of your own.")
        return
    if fault := _by_subscription(facts, configuration) or _by_event(facts, configuration):
        yield fault
        return
    prefix = facts.get(PublicIPPrefix, configuration.public_ip_prefix_id.lower())
    if prefix is not None and (fault := _by_length(facts, configuration, prefix)):
        yield fault
        return
    facts.events_on(configuration)
    if prefix is None:
        yield skip(
            f"The public IP prefix of {configuration.ref} is not checked: Azure network resources are not read. Compare its "
            "length and subscription by hand.",
            actions=[show_prefix(configuration)],
        )
        return
    # Without Azure's answer neither length nor subscription has been compared.
    facts.all(AgentPool)
    facts.one(ManagedCluster)
    yield healthy(f"{configuration.ref} can use {prefix.ref}.")


def _by_subscription(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation | None:
    subscription = arm_segment(configuration.public_ip_prefix_id, "subscriptions")
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    expected = cluster.subscription if cluster else facts.cluster.subscription
    if not subscription or not expected or subscription.lower() == expected.lower():
        return None
    return _fault(
        facts,
        configuration,
        f"The public IP prefix of {configuration.ref} is in another subscription than the cluster.",
        Evidence(
            configuration.ref, "spec.publicIpPrefixId", configuration.public_ip_prefix_id, f"subscription {expected}"
        ),
        [create_prefix(facts, configuration)],
    )


def _by_event(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation | None:
    if facts.gap(Event, configuration.namespace) is not None:
        return None
    for event in current_errors(facts.events_on(configuration)):
        cause = event_cause(event.message)
        if cause.fault is not ControllerFault.OWN_PREFIX_UNUSABLE:
            continue
        meaning = f"{cause.azure.meaning} ({cause.code})" if cause.azure else cause.meaning
        return _fault(
            facts,
            configuration,
            f"{configuration.ref} cannot use its own public IP prefix: {meaning}.",
            Evidence(configuration.ref, f"event {event.reason}", event.message, "(none)"),
            [prefix_fix(facts, configuration, cause)],
        )
    return None


def _by_length(facts: Facts, configuration: StaticGatewayConfiguration, prefix: PublicIPPrefix) -> Observation | None:
    pool = pool_of(facts, configuration)
    size = pool.prefix_size if isinstance(pool, AgentPool) else None
    if size is None or prefix.length is None or size == prefix.length:
        return None
    return _fault(
        facts,
        configuration,
        f"The public IP prefix of {configuration.ref} is a /{prefix.length}; node pool {configuration.pool} needs a /{size}.",
        Evidence(prefix.ref, "prefixLength", str(prefix.length), str(size)),
        [create_prefix(facts, configuration)],
    )


def _fault(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    summary: str,
    evidence: Evidence,
    fixes: list[Action],
) -> Observation:
    proof = [evidence]
    if evidence.field != "spec.publicIpPrefixId":
        proof.append(Evidence(configuration.ref, "spec.publicIpPrefixId", configuration.public_ip_prefix_id))
    reading = [
        show_prefix(configuration),
        describe(configuration),
    ]
    if configuration.egress_prefix:
        return warn(summary, subject=configuration.ref, evidence=proof, actions=[*reading, *fixes])
    actions = [*reading, *fixes, *new_configuration(facts, configuration)]
    return fail(summary, subject=configuration.ref, evidence=proof, actions=actions)
