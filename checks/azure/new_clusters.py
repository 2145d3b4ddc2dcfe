"""The step that creates a cluster with a network that static egress gateways support."""

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, az_aks, change
from checks.model.findings import Action


def create_supported_cluster(facts: Facts, why: str) -> Action:
    """Create a second cluster beside this one, with a supported network.

    It has Azure CNI Overlay, IPv4, the mesh and the static egress gateway. `why` is the clause that says what cannot be
    changed in place. Workloads are moved afterwards. Requires ManagedCluster declared.
    """
    name = f"{facts.cluster.aks_name}-overlay"
    command = az_aks(facts.cluster, "create").replace(f"--name {facts.cluster.aks_name}", f"--name {name}", 1)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    location = f" --location {cluster.location}" if cluster is not None and cluster.location else ""
    options = (
        "--network-plugin azure --network-plugin-mode overlay --ip-families ipv4 --enable-static-egress-gateway "
        "--enable-azure-service-mesh"
    )
    return change(
        f"Create cluster {name} with Azure CNI Overlay and move the workloads to it: {why}. It costs money beside this one",
        f"{command}{location} {options}",
        SEGDOC,
        "the cluster runs; create its gateway node pool, StaticGatewayConfigurations and gateways, then its workloads",
    )
