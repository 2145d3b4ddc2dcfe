"""A gateway node pool whose Azure resources lack the tag with its prefix size.

AKS writes the tag on the scale set or the VMs of a node pool in Gateway mode. The controller reads the prefix size from
it, not from the node pool, and without it provides no address.

Source: kube-egress-gateway controllers/manager/gatewayvmconfiguration_controller.go (loadPool) and pkg/consts.
"""

from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_events import current_errors
from checks.knowledge.controller_texts import lacks_prefix_size
from checks.model.commands import KEGTS, SEGDOC, az_aks, change, inspect, quoted
from checks.model.findings import Action, Evidence, Involved, Observation, fail, warn
from checks.static_egress.azure_error_fixes import exempt_listed_assignment
from checks.static_egress.controller_reports import event_evidence

POOL_TAG = "aks-managed-poolName"
SIZE_TAG = "aks-managed-gatewayIPPrefixSize"


def prefix_size_finding(facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool) -> Observation | None:
    """The finding about a pool in Gateway mode without a prefix size, None if it has one.

    It is a failure if the controller reports it, and there is no prefix yet or the StaticGatewayConfiguration is being
    deleted: an assigned prefix stays on the nodes that have it. Requires Event and ManagedCluster declared; without
    readable events only Azure's node pool is judged.
    """
    readable = facts.gap(Event, configuration.namespace) is None
    errors = current_errors(facts.events_on(configuration)) if readable else ()
    reported = [each for each in errors if lacks_prefix_size(each.message)]
    if not reported and pool.prefix_size is not None:
        return None
    size = str(pool.prefix_size) if pool.prefix_size is not None else "(none)"
    evidence = [
        Evidence(pool.ref, "mode", pool.mode),
        Evidence(pool.ref, "gatewayProfile.publicIPPrefixSize", size, "28 to 31"),
        *event_evidence(configuration, reported),
    ]
    if not reported:
        return warn(
            f"Azure returns no prefix size for gateway node pool {pool.name}; the controller reports no error yet.",
            subject=configuration.ref,
            evidence=evidence,
            actions=_fixes(facts, pool),
            about=[Involved("pool", pool.name)],
        )
    works = bool(configuration.egress_prefix) and configuration.deleted is None
    return (warn if works else fail)(
        f"The Azure resources of gateway node pool {pool.name} lack a valid tag {SIZE_TAG}, so that the controller assigns no "
        "address to them.",
        subject=configuration.ref,
        evidence=evidence,
        actions=_fixes(facts, pool),
        about=[Involved("pool", pool.name)],
    )


_CHANGING = (
    "(policyDefinitionAction eq 'modify' or policyDefinitionAction eq 'append') and "
    "(resourceType eq 'Microsoft.Compute/virtualMachineScaleSets' or resourceType eq 'Microsoft.Compute/virtualMachines')"
)
"""The effects of a policy that change a resource, for the types of a node pool.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/effect-basics.
"""


def _fixes(facts: Facts, pool: AgentPool) -> list[Action]:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    group = cluster.node_resource_group if cluster is not None else ""
    where = quoted("--resource-group", group) if group else '--resource-group "$NODE_RESOURCE_GROUP"'
    subscription = f" {quoted('--subscription', facts.cluster.subscription)}" if facts.cluster.subscription else ""
    of_pool = f"[?contains(resourceId, '-{pool.name}-')]"
    assigned = f"{of_pool}.{{assignment:policyAssignmentId,resource:resourceId}}"
    listed = f"az policy state list {where}{subscription} {quoted('--filter', _CHANGING)}"
    query = f'[?tags."{POOL_TAG}"==\'{pool.name}\'].{{name:name,type:type,prefixSize:tags."{SIZE_TAG}"}}'
    return [
        inspect(
            f"Show tag {SIZE_TAG} of the resources of {pool.name}",
            f"az resource list {where}{subscription} {quoted('--query', query)} -o table",
            KEGTS,
        ),
        inspect(
            f"List the policy assignments that change the scale set or the VMs of {pool.name}, such as their tags",
            f"{listed} {quoted('--query', assigned)} -o tsv",
            KEGTS,
            "an assignment about tags removes the tag again after each update: exempt the node resource group from it first. "
            "If none is listed, only the update of the node pool is needed",
        ),
        exempt_listed_assignment(facts, f"{listed} {quoted('--query', f'{of_pool}.policyAssignmentId | [0]')} -o tsv"),
        change(
            f"Run an empty update of node pool {pool.name}, so that AKS writes its tags again (the command asks for "
            "confirmation)",
            az_aks(facts.cluster, "nodepool", "update", "--nodepool-name", pool.name),
            SEGDOC,
            f"the scale set or the VMs of {pool.name} have tag {SIZE_TAG}, and the controller assigns a prefix within minutes",
        ),
        *_write_tag(pool, f"az resource list {where}{subscription}"),
    ]


def _write_tag(pool: AgentPool, listing: str) -> list[Action]:
    """Write the tag of AKS by hand, if the update of the node pool has not."""
    if pool.prefix_size is None:
        return []
    first = quoted("--query", f"[?tags.\"{POOL_TAG}\"=='{pool.name}'].id | [0]")
    return [
        change(
            f"Write tag {SIZE_TAG}={pool.prefix_size} on the scale set of {pool.name}, if the update has not",
            f'az tag update --resource-id "$({listing} {first} -o tsv)" --operation Merge --tags {SIZE_TAG}={pool.prefix_size}',
            KEGTS,
            "the scale set has the tag with the node pool's prefix size, and the controller assigns a prefix within minutes",
            undo="nothing to take back: AKS itself writes this tag with this value",
        )
    ]
