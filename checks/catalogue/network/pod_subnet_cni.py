"""EG201: Azure CNI Pod Subnet, with which static egress gateways do not work."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import PODSUBNET, SEGDOC, az_aks, change, look
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, fail, healthy, skip, unknown


@check(
    code="EG201",
    title="Node pools use Azure CNI Pod Subnet",
    severity=Severity.BLOCKS,
    article=("NET-2",),
    scope=Scope.AZURE,
    reads=(AgentPool, ManagedCluster),
    explains={
        "egress-prefix-unassigned": "static egress gateways are not supported on such a cluster and may never be set up",
        "pod-network-setup-fails": Because(
            "the static egress plugin cannot route a pod whose network the Pod Subnet plugin built", share="sandbox"
        ),
        "deployment-not-available": "gateway pods get no network with Azure CNI Pod Subnet",
    },
)
def pod_subnet_cni(facts: Facts) -> Iterator[Observation]:
    """What it checks: `podSubnetID` of every node pool. One pool with a pod subnet makes the cluster one of Azure CNI Pod
    Subnet, whether its addresses are allocated dynamically or in static blocks.

    Why it matters: static egress gateways, and with them egress gateways, are not supported there.

    What usually fixes it: a cluster, or node pools, with Azure CNI Overlay or node subnet. It cannot be changed in place.

    Source: article NET-2; AKS docs, configure static egress gateway, limitations
    """
    gap = facts.gap(AgentPool)
    # The cluster's own answer carries the pools, too: what it shows is proof even where the list is forbidden.
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
            about=[sandbox("pod-subnet-cni")],
        )
        return
    if gap is not None:
        facts.all(AgentPool)
    if not facts.configured(AgentPool):
        yield skip(
            "Azure is not looked at by configuration, so the pools' subnets are not known.", actions=_actions(facts)[:1]
        )
    elif not pools:
        yield unknown("Azure lists no node pools, which no cluster is without.", actions=_actions(facts)[:1])
    else:
        evidence = [Evidence(pool.ref, "podSubnetID", "(empty)", "(empty)") for pool in pools]
        yield healthy("No node pool uses Azure CNI Pod Subnet.", evidence=evidence)


def _actions(facts: Facts) -> list[Action]:
    query = "[].{name:name,mode:mode,podSubnet:podSubnetId}"
    return [
        look("See the pools' pod subnets", az_aks(facts.cluster, "nodepool", "list", "--query", query), PODSUBNET),
        change(
            "Move to a cluster with Azure CNI Overlay or node subnet; a pool's pod subnet cannot be changed in place",
            url=SEGDOC,
            expect="no pool has a pod subnet; then enable the static egress gateway there",
        ),
    ]
