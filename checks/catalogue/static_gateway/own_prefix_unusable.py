"""EG409: the customer's own public IP prefix cannot be used.

The StaticGatewayConfiguration names it.
"""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import PublicIPPrefix
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_events import ControllerFault, EventCause, current_errors, event_cause
from checks.model.commands import SEGDOC, change, inspect, quoted
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.configuration import NotApplicable, gateway_configuration, pool_of
from checks.static_egress.procedures import describe, new_configuration

_DENIED = ("AuthorizationFailed", "LinkedAuthorizationFailed")


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
            actions=[_show(configuration)],
        )
        return
    # Without Azure's answer neither length nor subscription has been compared.
    facts.all(AgentPool)
    facts.one(ManagedCluster)
    yield healthy(f"{configuration.ref} can use {prefix.ref}.")


def _by_subscription(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation | None:
    parts = configuration.public_ip_prefix_id.split("/")
    subscription = parts[2] if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""
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
        [_create(facts, configuration)],
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
            [_fix(facts, configuration, cause)],
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
        [_create(facts, configuration)],
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
        _show(configuration),
        describe(configuration),
    ]
    if configuration.egress_prefix:
        return warn(summary, subject=configuration.ref, evidence=proof, actions=[*reading, *fixes])
    actions = [*reading, *fixes, *new_configuration(facts, configuration)]
    return fail(summary, subject=configuration.ref, evidence=proof, actions=actions)


def _show(configuration: StaticGatewayConfiguration) -> Action:
    return inspect(
        "Show the prefix: its length, subscription and state",
        quoted("az", "network", "public-ip", "prefix", "show", "--ids", configuration.public_ip_prefix_id),
        SEGDOC,
    )


def _fix(facts: Facts, configuration: StaticGatewayConfiguration, cause: EventCause) -> Action:
    if cause.code not in _DENIED:
        return _create(facts, configuration)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    principal = cluster.identity_principal if cluster else ""
    who = quoted("--assignee-object-id", principal) if principal else '--assignee-object-id "$CLUSTER_IDENTITY"'
    scope = quoted("--role", "Network Contributor", "--scope", configuration.public_ip_prefix_id)
    return change(
        "Grant the cluster's identity Network Contributor on the prefix",
        f"az role assignment create {who} --assignee-principal-type ServicePrincipal {scope}",
        SEGDOC,
        "the controller retries within minutes and assigns the egress IP prefix",
    )


def _create(facts: Facts, configuration: StaticGatewayConfiguration) -> Action:
    """Create a prefix of the right length in the cluster's subscription.

    SEG-7 follows, because a StaticGatewayConfiguration keeps its id.
    """
    pool = pool_of(facts, configuration)
    size = pool.prefix_size if isinstance(pool, AgentPool) else None
    cluster = facts.cluster
    group = (
        quoted("--resource-group", cluster.resource_group) if cluster.resource_group else '--resource-group "$GROUP"'
    )
    subscription = f" {quoted('--subscription', cluster.subscription)}" if cluster.subscription else ""
    name = f"{configuration.name}-prefix"
    return change(
        "Create a prefix of the right length for the new StaticGatewayConfiguration; without one, Azure assigns a "
        "prefix itself",
        f"az network public-ip prefix create {group}{subscription} "
        + quoted("--name", name, "--length", str(size if size is not None else 31)),
        SEGDOC,
        "the command prints the id for spec.publicIpPrefixId",
    )
