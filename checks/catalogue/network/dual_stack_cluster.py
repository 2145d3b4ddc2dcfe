"""EG203: the cluster uses IPv6, which static egress gateways do not support."""

from collections.abc import Iterator

from checks.azure.new_clusters import create_supported_cluster, equip_new_cluster, set_ipv4_only
from checks.azure.unread import azure_not_read
from checks.engine.check import Because, check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import SEGDOC, alternatives, az_aks, inspect
from checks.model.findings import Evidence, Observation, Scope, Severity, fail, healthy, unknown
from checks.static_egress.new_cluster_gateways import move_gateways


@check(
    code="EG203",
    title="The cluster uses IPv6, which static egress gateways do not support",
    severity=Severity.BLOCKS,
    article=("NET-2",),
    scope=Scope.AZURE,
    reads=(ManagedCluster, StaticGatewayConfiguration),
    explains={
        "egress-prefix-unassigned": "AKS does not support static egress gateways on clusters with IPv6",
        "pod-network-setup-fails": Because("kube-egress-cni creates IPv4 routes only", share="sandbox"),
        "deployment-not-available": "gateway pods with IPv6 get no network that kube-egress-cni can route",
    },
)
def dual_stack_cluster(facts: Facts) -> Iterator[Observation]:
    """What it checks: the cluster's IP families, and whether a pod or service CIDR is IPv6.

    Why it matters: AKS supports static egress gateways neither on dual-stack clusters nor for IPv6 traffic.

    What usually fixes it: a second cluster with IPv4 only, to which pools, gateways and Istio objects are copied. The AKS
    documentation describes no way back from dual stack; `az aks update --ip-families` is offered last.

    Source: AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)" (limitations); azure-cli,
    acs, `update_network_profile`."""
    show = inspect("Show the network profile", az_aks(facts.cluster, "show", "--query", "networkProfile"), SEGDOC)
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield azure_not_read("The IP families of the cluster are", [show])
        return
    given = {
        "ipFamilies": cluster.ip_families,
        "podCidrs": cluster.pod_cidrs,
        "serviceCidrs": cluster.service_cidrs,
    }
    six = {field: values for field, values in given.items() if any(_is_six(value) for value in values)}
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
                *alternatives(
                    [
                        create_supported_cluster(facts, "the AKS documentation describes no way back to IPv4"),
                        *equip_new_cluster(facts),
                        *move_gateways(facts),
                    ],
                    set_ipv4_only(facts, cluster),
                ),
            ],
            about=[sandbox(dual_stack_cluster.slug)],
        )
    elif not any(given.values()):
        yield unknown(f"Azure returns neither IP families nor address ranges for {cluster.ref}.", actions=[show])
    else:
        families = ", ".join(cluster.ip_families) or "(not set)"
        evidence = Evidence(cluster.ref, "networkProfile.ipFamilies", families, "IPv4 only")
        yield healthy(f"The {cluster.ref} uses IPv4 only.", evidence=[evidence])


def _is_six(value: str) -> bool:
    return value.lower() == "ipv6" or ":" in value
