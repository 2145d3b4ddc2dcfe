"""Fixes for a customer's own public IP prefix that cannot be used."""

from collections.abc import Sequence

from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ErrorKind
from checks.knowledge.controller_texts import EventCause
from checks.model.commands import SEGDOC, change, inspect, quoted
from checks.model.findings import Action
from checks.static_egress.azure_error_fixes import fix_error
from checks.static_egress.gateway_configuration import pool_of

_ANOTHER_PREFIX = (
    ErrorKind.REGION,
    ErrorKind.ZONE,
    ErrorKind.SKU,
    ErrorKind.TIER,
    ErrorKind.IP_VERSION,
    ErrorKind.SCOPE,
    ErrorKind.TENANT,
)
"""Errors that only another prefix ends."""


def show_prefix(configuration: StaticGatewayConfiguration) -> Action:
    """Show the public IP prefix of the user as Azure has it."""
    return inspect(
        "Show the prefix: its region, SKU, tier, length, zones and state",
        quoted("az", "network", "public-ip", "prefix", "show", "--ids", configuration.public_ip_prefix_id),
        SEGDOC,
    )


def prefix_fix(facts: Facts, configuration: StaticGatewayConfiguration, cause: EventCause) -> Action:
    """The fix for an event: that of its error, such as a role on the prefix, or a new prefix."""
    error, known = cause.error, cause.error.known if cause.error else None
    if error is None or known is None:
        return create_prefix(facts, configuration)
    if known.kind is not ErrorKind.ROLE:
        fix = None if known.kind in _ANOTHER_PREFIX else fix_error(facts, error)
        return fix or create_prefix(facts, configuration)
    granted = fix_error(facts, error)
    return granted if granted is not None and granted.command else grant_on_prefix(facts, configuration)


def grant_on_prefix(facts: Facts, configuration: StaticGatewayConfiguration) -> Action:
    """Grant the cluster's identity the role that it needs on the prefix."""
    return _grant(
        facts,
        configuration.public_ip_prefix_id,
        "the prefix",
        "the controller retries within minutes and assigns the egress IP prefix",
    )


def _grant(facts: Facts, prefix_id: str, which: str, expect: str) -> Action:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    principal = cluster.identity_principal if cluster else ""
    who = quoted("--assignee-object-id", principal) if principal else '--assignee-object-id "$CLUSTER_IDENTITY"'
    scope = quoted("--role", "Network Contributor", "--scope", prefix_id)
    return change(
        f"Grant the cluster's identity Network Contributor on {which}",
        f"az role assignment create {who} --assignee-principal-type ServicePrincipal {scope}",
        SEGDOC,
        expect,
    )


def list_roles(facts: Facts, configuration: StaticGatewayConfiguration) -> Action:
    """List the roles of the cluster's identity on the prefix: one must allow to join it."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    principal = cluster.identity_principal if cluster else ""
    who = quoted("--assignee", principal) if principal else '--assignee "$CLUSTER_IDENTITY"'
    return inspect(
        "List the roles of the cluster's identity on the prefix: one must allow "
        "Microsoft.Network/publicIPPrefixes/join/action",
        f"az role assignment list {who} --include-inherited {quoted('--scope', configuration.public_ip_prefix_id)} -o table",
        SEGDOC,
    )


def create_prefix(facts: Facts, configuration: StaticGatewayConfiguration) -> Action:
    """Create a prefix in the cluster's region and subscription, of the pool's length.

    SEG-7 follows, because a StaticGatewayConfiguration keeps its id.
    """
    pool = pool_of(facts, configuration)
    size = pool.prefix_size if isinstance(pool, AgentPool) else None
    cluster = facts.cluster
    group = (
        quoted("--resource-group", cluster.resource_group) if cluster.resource_group else '--resource-group "$GROUP"'
    )
    subscription = f" {quoted('--subscription', cluster.subscription)}" if cluster.subscription else ""
    name = _new_name(configuration)
    managed = next(iter(facts.readable(ManagedCluster)), None)
    location = managed.location if managed else ""
    where = ("--location", location) if location else ()
    zones = prefix_zones(pool.zones) if isinstance(pool, AgentPool) else ()
    zoned = f", in zone{'' if len(zones) == 1 else 's'} {', '.join(zones)}," if zones else ""
    zone_words = ("--zone", *zones) if zones else ()
    return change(
        f"Create an IPv4 prefix of the right length in the cluster's region{f' ({location})' if location else ''}{zoned} for "
        "the new StaticGatewayConfiguration",
        f"az network public-ip prefix create {group}{subscription} "
        + quoted(
            "--name", name, "--length", str(size if size is not None else 31), *where, *zone_words, "--version", "IPv4"
        ),
        SEGDOC,
        "the command prints the id for spec.publicIpPrefixId of the new StaticGatewayConfiguration; without that field, Azure "
        "assigns a prefix itself",
    )


def prefix_zones(zones: Sequence[str]) -> tuple[str, ...]:
    """The zones of a prefix for nodes in these zones: one, or all three of a region.

    Source: https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-address-prefix (availability zone).
    """
    return tuple(zones) if len(zones) < 2 else ("1", "2", "3")


def _new_name(configuration: StaticGatewayConfiguration) -> str:
    """A name that the prefix of the StaticGatewayConfiguration does not have."""
    name = f"{configuration.name}-prefix"
    present = configuration.public_ip_prefix_id.rpartition("/")[2]
    return f"{name}-2" if present.lower() == name.lower() else name


def created_prefix_id(facts: Facts, configuration: StaticGatewayConfiguration) -> str:
    """The Azure resource ID of the prefix that `create_prefix` creates.

    "" if the subscription or the resource group is not known, and without public addresses. The
    subscription has the letters of the cluster's ID, because the controller compares them.
    """
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    subscription = (cluster.subscription if cluster else "") or facts.cluster.subscription
    group = facts.cluster.resource_group
    if not subscription or not group or not configuration.provisions_public_ips:
        return ""
    provider = "providers/Microsoft.Network/publicIPPrefixes"
    return f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/{_new_name(configuration)}"


def grant_on_created_prefix(facts: Facts, prefix_id: str) -> Action:
    """Grant the cluster's identity the role on a new prefix.

    This precedes the StaticGatewayConfiguration that names the prefix.
    """
    return _grant(
        facts,
        prefix_id,
        "the new prefix",
        "the role is in effect within minutes: the controller may then attach the prefix to the gateway nodes",
    )
