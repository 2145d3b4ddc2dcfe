"""EG203: a cluster with IPv6, which static egress gateways do not carry."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import SEGDOC, az_aks, change, look
from checks.model.findings import Evidence, Observation, Scope, Severity, fail, healthy, skip, unknown


@check(
    code="EG203",
    title="The cluster is dual-stack or IPv6",
    severity=Severity.BLOCKS,
    article=("NET-2",),
    scope=Scope.AZURE,
    reads=(ManagedCluster,),
    explains={
        "egress-prefix-unassigned": "static egress gateways are not supported with IPv6 and may never be set up",
        "pod-network-setup-fails": Because("the egress plugin builds IPv4 routes only", share="sandbox"),
        "deployment-not-available": "gateway pods get no network that the egress plugin can route",
    },
)
def dual_stack_cluster(facts: Facts) -> Iterator[Observation]:
    """What it checks: the cluster's IP families, and whether a pod or service range is IPv6.

    Why it matters: static egress gateways are not supported on dual-stack clusters, and carry no IPv6.

    What usually fixes it: a cluster with IPv4 only. The IP families of a cluster are chosen when it is created.

    Source: AKS docs, configure static egress gateway, limitations
    """
    show = look("See the network profile", az_aks(facts.cluster, "show", "--query", "networkProfile"), SEGDOC)
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield skip("Azure is not looked at by configuration, so the IP families are not known.", actions=[show])
        return
    told = {
        "ipFamilies": cluster.ip_families,
        "podCidrs": cluster.pod_cidrs,
        "serviceCidrs": cluster.service_cidrs,
    }
    six = {field: values for field, values in told.items() if any(_is_six(value) for value in values)}
    if six:
        yield fail(
            f"The {cluster.ref} uses IPv6, which static egress gateways do not support.",
            subject=cluster.ref,
            evidence=[
                Evidence(cluster.ref, f"networkProfile.{field}", ", ".join(values), "IPv4 only")
                for field, values in six.items()
            ],
            actions=[
                show,
                change("Move to a cluster with IPv4 only; IP families cannot be changed in place", url=SEGDOC),
            ],
            about=[sandbox("dual-stack-cluster")],
        )
    elif not any(told.values()):
        yield unknown(f"Azure gives neither IP families nor address ranges of {cluster.ref}.", actions=[show])
    else:
        families = ", ".join(cluster.ip_families) or "(not set)"
        evidence = Evidence(cluster.ref, "networkProfile.ipFamilies", families, "IPv4 only")
        yield healthy(f"The {cluster.ref} uses IPv4 only.", evidence=[evidence])


def _is_six(value: str) -> bool:
    return value.lower() == "ipv6" or ":" in value
