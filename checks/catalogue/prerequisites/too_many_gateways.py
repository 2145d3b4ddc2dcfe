"""EG105: more egress gateways than a cluster may have."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.model.commands import AZ_VERSION, HOWTO, az_aks, change, look
from checks.model.findings import Evidence, Observation, Scope, Severity, fail, healthy, skip, warn

LIMIT = 500
"""Egress gateways that the add-on supports in a cluster (how-to and article; an older article said 2000)."""

NEAR = 450
"""From here on it is time to plan."""

COUNT = "length(serviceMeshProfile.istio.components.egressGateways[?enabled])"


@check(
    code="EG105",
    title="The cluster has too many egress gateways",
    severity=Severity.BLOCKS,
    article=("overview",),
    scope=Scope.AZURE,
    reads=(ManagedCluster,),
    explains={"deployment-not-available": "gateways past the supported number are not provisioned"},
)
def too_many_gateways(facts: Facts) -> Iterator[Observation]:
    """What it checks: how many egress gateways of the mesh profile are enabled. Past 500 fails, from 450 warns.

    Why it matters: the add-on supports 500 egress gateways in a cluster; what comes after is not provisioned.

    What usually fixes it: disabling gateways that nobody uses, or a second cluster. Several namespaces can share a gateway.

    Source: article, overview; AKS docs, deploy egress gateways for the Istio add-on (an older article said 2000)
    """
    show = look("Count the enabled gateways", az_aks(facts.cluster, "show", "--query", COUNT), HOWTO)
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield skip("Azure is not looked at by configuration, so the gateways are not counted.", actions=[show])
        return
    count = sum(entry.enabled for entry in cluster.egress_gateways)
    evidence = [Evidence(cluster.ref, COUNT, str(count), f"at most {LIMIT}")]
    actions = [
        show,
        change(
            f"Disable a gateway that nobody uses ({AZ_VERSION})",
            az_aks(facts.cluster, "mesh", "disable-egress-gateway")
            + ' --istio-egressgateway-name "${GATEWAY:?}" --istio-egressgateway-namespace "${NAMESPACE:?}"',
            HOWTO,
            "the count falls by one",
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
