"""EG105: the cluster has more egress gateways than the add-on supports."""

from collections.abc import Iterator

from checks.azure.unread import azure_not_read
from checks.engine.check import check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.model.commands import AZ_VERSION, HOWTO, az_aks, change, inspect
from checks.model.findings import Evidence, Observation, Scope, Severity, fail, healthy, warn

LIMIT = 500
"""The number of egress gateways that the add-on supports in a cluster."""

NEAR = 450
"""The number of egress gateways at which the check warns."""

_COUNT = "length(serviceMeshProfile.istio.components.egressGateways[?enabled])"


@check(
    code="EG105",
    title="The cluster has too many egress gateways",
    severity=Severity.BLOCKS,
    warns_of_limit=True,
    article=("overview",),
    scope=Scope.AZURE,
    reads=(ManagedCluster,),
    explains={"deployment-not-available": "gateways beyond the supported number are not provisioned"},
)
def too_many_gateways(facts: Facts) -> Iterator[Observation]:
    """What it checks: the number of enabled egress gateways in the mesh profile. More than 500 fails, 450 or more warns.

    Why it matters: the add-on supports 500 egress gateways in a cluster; further ones are not provisioned.

    What usually fixes it: disabling unused gateways, or a second cluster. Several namespaces can share a gateway.

    Source: article, overview; AKS documentation, "Deploy egress gateways for Istio service mesh add-on for Azure
    Kubernetes Service" (an older article said 2000)."""
    show = inspect("Count the enabled gateways", az_aks(facts.cluster, "show", "--query", _COUNT), HOWTO)
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield azure_not_read("The number of gateways is", [show])
        return
    count = sum(entry.enabled for entry in cluster.egress_gateways)
    evidence = [Evidence(cluster.ref, _COUNT, str(count), f"at most {LIMIT}")]
    actions = [
        show,
        change(
            f"Disable an unused gateway ({AZ_VERSION})",
            az_aks(facts.cluster, "mesh", "disable-egress-gateway")
            + ' --istio-egressgateway-name "${GATEWAY:?name of an unused gateway}"'
            + ' --istio-egressgateway-namespace "${NAMESPACE:?its namespace}"',
            HOWTO,
            "the count decreases by one",
        ),
    ]
    if count > LIMIT:
        summary = (
            f"The {cluster.ref} has {count} egress gateways enabled, {count - LIMIT} more than the {LIMIT} supported."
        )
        yield fail(summary, subject=cluster.ref, evidence=evidence, actions=actions)
    elif count >= NEAR:
        summary = f"The {cluster.ref} has {count} of at most {LIMIT} egress gateways enabled."
        yield warn(summary, subject=cluster.ref, evidence=evidence, actions=actions)
    else:
        yield healthy(f"The {cluster.ref} has {count} of at most {LIMIT} egress gateways.", evidence=evidence)
