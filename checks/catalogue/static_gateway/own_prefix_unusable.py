"""EG409: the public IP prefix that the configuration brings along cannot be used."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import PublicIPPrefix
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_events import EventCause, current_errors, event_cause
from checks.model.commands import SEGDOC, change, look, quoted
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.configuration import NothingThere, configuration_of, pool_of
from checks.static_egress.procedures import describe, new_configuration

_DENIED = ("AuthorizationFailed", "LinkedAuthorizationFailed")


@check(
    code="EG409",
    title="The configuration's own public IP prefix cannot be used",
    severity=Severity.BLOCKS,
    hop="node pool",
    article=("SEG-2",),
    reads=(StaticGatewayConfiguration, Event, ManagedCluster, AgentPool, PublicIPPrefix),
    explains={
        "egress-prefix-unassigned": "the controller takes the addresses from this prefix, and cannot",
    },
)
def own_prefix_unusable(facts: Facts) -> Iterator[Observation]:
    """What it checks: spec.publicIpPrefixId, where it is set: its subscription against the cluster's, its length against the
    pool's prefix size, and the controller's current warnings about it. Skipped with the check by hand where Azure's network
    is not looked at. With a range already assigned a fault warns: it stops only new nodes.

    Why it matters: the controller attaches this prefix to the gateway nodes and takes no other instead.

    What usually fixes it: Network Contributor on the prefix for the cluster's identity, or a prefix of the right length in
    the cluster's subscription.

    Source: article SEG-2, SEG-7; kube-egress-gateway controllers/manager (gatewayVMConfiguration)."""
    configuration = configuration_of(facts)
    if isinstance(configuration, NothingThere):
        yield skip(configuration.why)
        return
    if not configuration.public_ip_prefix_id:
        yield skip(f"{configuration.ref} brings no public IP prefix of its own.")
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
            f"Whether the public IP prefix of {configuration.ref} fits is not looked at; compare its length and subscription "
            "by hand.",
            actions=[_show(configuration)],
        )
        return
    # Neither length nor subscription has been compared where Azure could not be read.
    facts.all(AgentPool)
    facts.one(ManagedCluster)
    yield healthy(f"{configuration.ref} can use {prefix.ref}.")


def _by_subscription(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation | None:
    parts = configuration.public_ip_prefix_id.split("/")
    theirs = parts[2] if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    ours = cluster.subscription if cluster else facts.cluster.subscription
    if not theirs or not ours or theirs.lower() == ours.lower():
        return None
    return _fault(
        facts,
        configuration,
        f"{configuration.ref} brings a public IP prefix of another subscription than the cluster's.",
        Evidence(configuration.ref, "spec.publicIpPrefixId", configuration.public_ip_prefix_id, f"subscription {ours}"),
        [_create(facts, configuration)],
    )


def _by_event(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation | None:
    if facts.gap(Event, configuration.namespace) is not None:
        return None
    for event in current_errors(facts.events_on(configuration)):
        cause = event_cause(event.message)
        if cause.maps_to != "own-prefix-unusable":
            continue
        said = f"{cause.azure.meaning} ({cause.code})" if cause.azure else cause.meaning
        return _fault(
            facts,
            configuration,
            f"{configuration.ref} cannot use its own public IP prefix: {said}.",
            Evidence(configuration.ref, f"event {event.reason}", event.message, "(none)"),
            [_remedy(facts, configuration, cause)],
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
        f"{configuration.ref} brings a /{prefix.length} prefix, while node pool {configuration.pool} needs a /{size}.",
        Evidence(prefix.ref, "prefixLength", str(prefix.length), str(size)),
        [_create(facts, configuration)],
    )


def _fault(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    summary: str,
    evidence: Evidence,
    remedy: list[Action],
) -> Observation:
    proof = [evidence]
    if evidence.field != "spec.publicIpPrefixId":
        proof.append(Evidence(configuration.ref, "spec.publicIpPrefixId", configuration.public_ip_prefix_id))
    looks = [
        _show(configuration),
        describe(configuration),
    ]
    if configuration.egress_prefix:
        return warn(summary, subject=configuration.ref, evidence=proof, actions=[*looks, *remedy])
    actions = [*looks, *remedy, *new_configuration(facts, configuration)]
    return fail(summary, subject=configuration.ref, evidence=proof, actions=actions)


def _show(configuration: StaticGatewayConfiguration) -> Action:
    return look(
        "See the prefix: its length, subscription and state",
        quoted("az", "network", "public-ip", "prefix", "show", "--ids", configuration.public_ip_prefix_id),
        SEGDOC,
    )


def _remedy(facts: Facts, configuration: StaticGatewayConfiguration, cause: EventCause) -> Action:
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
        "the controller tries again within minutes and assigns the range",
    )


def _create(facts: Facts, configuration: StaticGatewayConfiguration) -> Action:
    """A prefix that fits, next to the cluster; a configuration takes another id only from the start, so SEG-7 follows."""
    pool = pool_of(facts, configuration)
    size = pool.prefix_size if isinstance(pool, AgentPool) else None
    cluster = facts.cluster
    group = (
        quoted("--resource-group", cluster.resource_group) if cluster.resource_group else '--resource-group "$GROUP"'
    )
    subscription = f" {quoted('--subscription', cluster.subscription)}" if cluster.subscription else ""
    name = f"{configuration.name}-prefix"
    return change(
        "Create a prefix that fits, to name in the new configuration, or leave it out there and let Azure assign one",
        f"az network public-ip prefix create {group}{subscription} "
        + quoted("--name", name, "--length", str(size if size is not None else 31)),
        SEGDOC,
        "the command prints the id for spec.publicIpPrefixId",
    )
