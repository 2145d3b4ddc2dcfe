"""The steps to a cluster with a network that static egress gateways support."""

from collections.abc import Iterator
from dataclasses import replace

from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pool_settings import add_pool, taken_over
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, az_aks, change, inspect
from checks.model.findings import Action
from checks.model.question import ClusterIdentity
from checks.model.raw_values import text

_DEFAULT_OUTBOUND = "loadbalancer"
_NO_POLICY = ("", "none")


def create_supported_cluster(facts: Facts, why: str) -> Action:
    """Create a second cluster beside this one, with a supported network.

    It has Azure CNI Overlay, IPv4, the mesh and the static egress gateway, and the other settings of this one. `why` is
    the clause that says what cannot be changed in place. Requires ManagedCluster declared.
    """
    command = az_aks(_new(facts), "create", *_options(facts))
    return change(
        f"Create cluster {_name(facts)} with Azure CNI Overlay and move the workloads to it: {why}. It costs money beside "
        "this one",
        command,
        SEGDOC,
        "the cluster runs; create its gateway node pool, StaticGatewayConfigurations and gateways, then its workloads",
        verify=az_aks(_new(facts), "show", "--query", "provisioningState", "--output", "tsv"),
    )


def equip_new_cluster(facts: Facts) -> tuple[Action, ...]:
    """The steps after the creation of the second cluster.

    They create the gateway node pools of this one in it, and get its kubectl context. Requires ManagedCluster declared.
    """
    new = _new(facts)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    pools = [each for each in (cluster.pools if cluster is not None else ()) if each.is_gateway]
    return (
        *(_add(facts, each) for each in pools),
        inspect(f"Get the kubectl context of {_name(facts)}", az_aks(new, "get-credentials"), SEGDOC),
    )


def _add(facts: Facts, pool: AgentPool) -> Action:
    size = str(pool.prefix_size) if pool.prefix_size is not None else ""
    nodes, named = str(max(pool.count or 0, 2)), ("--nodepool-name", pool.name)
    given = {"--mode": "gateway", "--gateway-prefix-size": size, "--node-count": nodes}
    return change(
        f"Create gateway node pool {pool.name} in {_name(facts)}{taken_over(pool, given)}",
        add_pool(_new(facts), pool.name, given, pool),
        SEGDOC,
        f"{nodes} nodes are Ready; then create the StaticGatewayConfigurations and gateways from your manifests. Their egress "
        "IP prefixes are new: allow them at every destination before workloads move",
        verify=az_aks(_new(facts), "nodepool", "show", *named, "--query", "provisioningState", "--output", "tsv"),
        undo=az_aks(_new(facts), "nodepool", "delete", *named),
    )


def _name(facts: Facts) -> str:
    return f"{facts.cluster.aks_name}-overlay"


def _new(facts: Facts) -> ClusterIdentity:
    return replace(facts.cluster, aks_name=_name(facts))


def _options(facts: Facts) -> Iterator[str]:
    """The options of `az aks create`: those of this cluster, and a supported network."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    if cluster is not None:
        yield from _of_cluster(cluster)
        system = next((each for each in cluster.pools if each.mode.lower() == "system"), None)
        if system is not None:
            yield from _of_system_pool(system)
    yield from ("--network-plugin", "azure", "--network-plugin-mode", "overlay", "--ip-families", "ipv4")
    yield from ("--enable-static-egress-gateway", "--enable-azure-service-mesh")
    if cluster is not None and cluster.revisions:
        yield from ("--revision", cluster.revisions[-1])
    yield "--generate-ssh-keys"


def _of_cluster(cluster: ManagedCluster) -> Iterator[str]:
    service_range = next((each for each in cluster.service_cidrs if ":" not in each), "")
    values = {
        "--location": cluster.location,
        "--tier": text(cluster.raw, "sku", "tier").lower(),
        "--kubernetes-version": ".".join(cluster.kubernetes_version.split(".")[:2]),
        "--service-cidr": service_range,
        "--dns-service-ip": text(cluster.network, "dnsserviceip") if service_range else "",
        "--network-policy": "" if cluster.network_policy in _NO_POLICY else cluster.network_policy,
        "--network-dataplane": "cilium" if cluster.network_dataplane == "cilium" else "",
        "--outbound-type": "" if cluster.outbound_type.lower() == _DEFAULT_OUTBOUND else cluster.outbound_type,
    }
    for option, value in values.items():
        if value:
            yield from (option, value)
    if cluster.private:
        yield "--enable-private-cluster"


def _of_system_pool(pool: AgentPool) -> Iterator[str]:
    values = {
        "--node-vm-size": pool.vm_size,
        "--node-count": str(pool.count or ""),
        "--vnet-subnet-id": pool.subnet_id,
    }
    for option, value in values.items():
        if value:
            yield from (option, value)
    if pool.zones:
        yield from ("--zones", *pool.zones)


def set_ipv4_only(facts: Facts, cluster: ManagedCluster) -> Action:
    """Set the IP families of the cluster to IPv4."""
    before = ",".join(each.lower() for each in cluster.ip_families) or "ipv4,ipv6"
    return change(
        "Set the IP families of the cluster to IPv4, if no Service or application uses IPv6",
        az_aks(facts.cluster, "update", "--ip-families", "ipv4"),
        SEGDOC,
        "networkProfile.ipFamilies is IPv4, and new pods get IPv4 addresses only. If Azure refuses the change, nothing has "
        "changed: create a cluster instead",
        undo=az_aks(facts.cluster, "update", "--ip-families", before),
    )
