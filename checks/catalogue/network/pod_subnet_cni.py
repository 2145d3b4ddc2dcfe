"""EG201: a node pool uses Azure CNI Pod Subnet.

Static egress gateways do not support it.
"""

from collections.abc import Iterator

from checks.azure.new_clusters import create_supported_cluster, equip_new_cluster
from checks.azure.unread import azure_not_read
from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import PODSUBNET, az_aks, inspect
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, fail, healthy, unknown
from checks.static_egress.new_cluster_gateways import move_gateways


@check(
    code="EG201",
    title="Node pools use Azure CNI Pod Subnet",
    severity=Severity.BLOCKS,
    article=("NET-2",),
    scope=Scope.AZURE,
    reads=(AgentPool, ManagedCluster, StaticGatewayConfiguration),
    explains={
        "egress-prefix-unassigned": "AKS does not support static egress gateways on clusters with Azure CNI Pod Subnet",
        "pod-network-setup-fails": Because(
            "kube-egress-cni cannot set routes in a pod network that Azure CNI Pod Subnet created", share="sandbox"
        ),
        "deployment-not-available": "gateway pods get no network with Azure CNI Pod Subnet",
    },
)
def pod_subnet_cni(facts: Facts) -> Iterator[Observation]:
    """What it checks: `podSubnetID` of every node pool. It fails if one node pool has a pod subnet, with dynamic or static
    block allocation.

    Why it matters: with Azure CNI Pod Subnet neither static egress gateways nor the Istio add-on's egress gateways are
    supported.

    What usually fixes it: a second cluster with Azure CNI Overlay, to which pools, gateways and Istio objects are copied. A
    node pool cannot be changed in place.

    Source: article NET-2; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"
    (limitations)."""
    gap = facts.gap(AgentPool)
    # The managed cluster lists its node pools, too: it proves a pod subnet even if listing node pools is forbidden.
    pools = facts.readable(AgentPool) or (
        facts.readable(ManagedCluster)[0].pools if facts.readable(ManagedCluster) else ()
    )
    found = [pool for pool in pools if pool.pod_subnet_id]
    if found:
        names = ", ".join(pool.name for pool in found)
        yield fail(
            f"Node pool{'s' if len(found) > 1 else ''} {names} use{'' if len(found) > 1 else 's'} Azure CNI Pod Subnet, "
            "which static egress gateways do not support.",
            subject=f"cluster {facts.cluster.name}",
            evidence=[Evidence(pool.ref, "podSubnetID", pool.pod_subnet_id, "(empty)") for pool in found],
            actions=_actions(facts),
            about=[sandbox(pod_subnet_cni.slug)],
        )
        return
    if gap is not None:
        facts.all(AgentPool)
    if not facts.configured(AgentPool):
        yield azure_not_read("The subnets of the node pools are", _actions(facts)[:1])
    elif not pools:
        yield unknown("Azure returned an empty list of node pools.", actions=_actions(facts)[:1])
    else:
        evidence = [Evidence(pool.ref, "podSubnetID", "(empty)", "(empty)") for pool in pools]
        yield healthy("No node pool uses Azure CNI Pod Subnet.", evidence=evidence)


def _actions(facts: Facts) -> list[Action]:
    query = "[].{name:name,mode:mode,podSubnet:podSubnetId}"
    return [
        inspect(
            "List the pod subnets of the node pools",
            az_aks(facts.cluster, "nodepool", "list", "--query", query),
            PODSUBNET,
        ),
        create_supported_cluster(facts, "the pod subnet of a node pool cannot be changed"),
        *equip_new_cluster(facts),
        *move_gateways(facts),
    ]
