"""EG409: the customer's own public IP prefix cannot be used.

The StaticGatewayConfiguration names it.
"""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.public_addresses import PublicIPPrefix
from checks.facts.role_assignments import RoleAssignmentList, RoleDefinition
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration
from checks.static_egress.join_right import join_right
from checks.static_egress.own_prefix_faults import PrefixFault, own_prefix_fault
from checks.static_egress.own_prefix_fixes import created_prefix_id, grant_on_created_prefix, list_roles, show_prefix
from checks.static_egress.procedures import describe, new_configuration


@check(
    code="EG409",
    title="The StaticGatewayConfiguration's own public IP prefix cannot be used",
    severity=Severity.BLOCKS,
    warns_of_limit=True,
    hop="node pool",
    article=("SEG-2",),
    partly=("SEG-7",),
    reads=(
        StaticGatewayConfiguration,
        Event,
        ManagedCluster,
        AgentPool,
        PublicIPPrefix,
        RoleAssignmentList,
        RoleDefinition,
    ),
    explains={
        "egress-prefix-unassigned": "the controller takes the addresses from this prefix, which it cannot use",
        "traffic-failing": "gateway nodes have no address of this prefix",
    },
)
def own_prefix_unusable(facts: Facts) -> Iterator[Observation]:
    """What it checks: spec.publicIpPrefixId, if it is set: the prefix's subscription, letter by letter as the controller
    compares it, and in Azure its region, SKU (Standard), tier (Regional), IP version (IPv4), length (the prefix size of
    the node pool), zones, and whether other resources use it; and every current warning of the controller whose error
    names the prefix. If role assignments may be read, which is an optional permission, it also checks whether a role of
    the cluster's identity allows to join the prefix; otherwise the result states that this was not checked. If Azure
    network resources are not read, it does not apply and offers the command to compare by hand. With an egress IP prefix
    already assigned a fault warns: it affects only new nodes.

    Why it matters: the controller attaches this prefix to the gateway nodes and has no fallback.

    What usually fixes it: the role Network Contributor on the prefix for the cluster's identity, or a prefix of the
    right length in the cluster's subscription and region.

    Source: article SEG-2 and SEG-7; kube-egress-gateway controllers/manager (gatewayVMConfiguration); Azure
    documentation, "Public IP address prefix"."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    if not configuration.public_ip_prefix_id:
        yield skip(f"{configuration.ref} names no public IP prefix of your own.")
        return
    if (fault := own_prefix_fault(facts, configuration)) is not None:
        yield _unusable(facts, configuration, fault)
        return
    wanted = configuration.public_ip_prefix_id.lower()
    prefix = next((each for each in facts.readable(PublicIPPrefix) if each.id.lower() == wanted), None)
    if prefix is None:
        # Only a failed read of this prefix matters, not that of a NAT gateway's.
        prefix = facts.get(PublicIPPrefix, wanted)
    facts.events_on(configuration)
    if prefix is None:
        if facts.configured(ManagedCluster):
            facts.all(ManagedCluster)  # the subscription has not been compared without it
        yield skip(
            f"The public IP prefix of {configuration.ref} is not checked: Azure network resources are not read. Compare its "
            "region, SKU, length and subscription by hand.",
            actions=[show_prefix(configuration), list_roles(facts, configuration)],
        )
        return
    # Without Azure's answer neither length nor subscription has been compared.
    facts.all(AgentPool)
    facts.one(ManagedCluster)
    right = join_right(facts, configuration)
    facts.disregard(PublicIPPrefix)  # of other prefixes, such as a NAT gateway's
    if configuration.egress_prefix:
        facts.disregard(RoleAssignmentList, RoleDefinition)  # an optional permission, and the prefix is in use
    unread = "" if right.allowed else f" The right of the cluster's identity to join it is not checked: {right.why}."
    yield healthy(f"{configuration.ref} can use {prefix.ref}.{unread}")


def _unusable(facts: Facts, configuration: StaticGatewayConfiguration, fault: PrefixFault) -> Observation:
    proof = list(fault.evidence)
    if all(each.field != "spec.publicIpPrefixId" for each in proof):
        proof.append(Evidence(configuration.ref, "spec.publicIpPrefixId", configuration.public_ip_prefix_id))
    actions = [show_prefix(configuration), describe(configuration), fault.fix]
    if configuration.egress_prefix:
        return warn(fault.summary, subject=configuration.ref, evidence=proof, actions=actions)
    if fault.another:
        prefix_id = created_prefix_id(facts, configuration)
        actions += [grant_on_created_prefix(facts, prefix_id)] if prefix_id else []
        actions += new_configuration(facts, configuration, prefix_id=prefix_id)
    return fail(fault.summary, subject=configuration.ref, evidence=proof, actions=actions)
