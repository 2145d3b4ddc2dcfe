"""Fixes for a customer's own public IP prefix that cannot be used."""

from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_texts import EventCause
from checks.model.commands import SEGDOC, change, inspect, quoted
from checks.model.findings import Action
from checks.static_egress.gateway_configuration import pool_of

_DENIED = ("AuthorizationFailed", "LinkedAuthorizationFailed")


def show_prefix(configuration: StaticGatewayConfiguration) -> Action:
    """Show the public IP prefix of the user as Azure has it."""
    return inspect(
        "Show the prefix: its length, subscription and state",
        quoted("az", "network", "public-ip", "prefix", "show", "--ids", configuration.public_ip_prefix_id),
        SEGDOC,
    )


def prefix_fix(facts: Facts, configuration: StaticGatewayConfiguration, cause: EventCause) -> Action:
    """The fix for an event: a role on the prefix if access is denied, otherwise a new prefix."""
    if cause.code not in _DENIED:
        return create_prefix(facts, configuration)
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


def create_prefix(facts: Facts, configuration: StaticGatewayConfiguration) -> Action:
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
