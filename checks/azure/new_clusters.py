"""The steps to a cluster with a network that static egress gateways support."""

from collections.abc import Iterator
from dataclasses import replace

from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pool_settings import add_pool, taken_over
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, az_aks, change, disrupt, inspect
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
    new = new_cluster(facts)
    return change(
        f"Create cluster {new.aks_name} with Azure CNI Overlay and move the workloads to it: {why}. It costs money beside "
        "this one",
        az_aks(new, "create", *_options(facts)),
        SEGDOC,
        f"cluster {new.aks_name} runs, with the mesh and the static egress gateway; nothing uses it yet",
        verify=az_aks(new, "show", "--query", "provisioningState", "--output", "tsv"),
    )


def equip_new_cluster(facts: Facts) -> tuple[Action, ...]:
    """The steps after the creation of the second cluster.

    They get its kubectl context, and create the gateway node pools of this one in it. Requires ManagedCluster declared.
    """
    new = new_cluster(facts)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    pools = [each for each in (cluster.pools if cluster is not None else ()) if each.is_gateway]
    return (
        inspect(
            f"Get the kubectl context of {new.aks_name}",
            az_aks(new, "get-credentials", "--context", new.aks_name),
            SEGDOC,
            f"the context {new.aks_name} exists and is the current one; the next steps name theirs",
        ),
        *(_add(facts, each) for each in pools),
    )


def _add(facts: Facts, pool: AgentPool) -> Action:
    new, size = new_cluster(facts), str(pool.prefix_size) if pool.prefix_size is not None else ""
    nodes, named = str(max(pool.count or 0, 2)), ("--nodepool-name", pool.name)
    given = {"--mode": "gateway", "--gateway-prefix-size": size, "--node-count": nodes}
    return change(
        f"Create gateway node pool {pool.name} in {new.aks_name}{taken_over(pool, given)}",
        add_pool(new, pool.name, given, pool),
        SEGDOC,
        f"{nodes} nodes are Ready",
        verify=az_aks(new, "nodepool", "show", *named, "--query", "provisioningState", "--output", "tsv"),
        undo=az_aks(new, "nodepool", "delete", *named),
    )


def new_cluster(facts: Facts) -> ClusterIdentity:
    """The second cluster; its kubectl context has its name."""
    return replace(facts.cluster, aks_name=f"{facts.cluster.aks_name}-overlay")


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
    """Set the IP families of the cluster to IPv4.

    The AKS documentation describes only the addition of IPv6 to a cluster.
    """
    before = ",".join(each.lower() for each in cluster.ip_families) or "ipv4,ipv6"
    return disrupt(
        "Set the IP families of this cluster to IPv4, only if nothing uses IPv6: the AKS documentation does not describe this "
        "change. It can replace every node, and open connections are closed",
        az_aks(facts.cluster, "update", "--ip-families", "ipv4"),
        SEGDOC,
        "networkProfile lists IPv4 only in ipFamilies, podCidrs and serviceCidrs. If Azure refuses the change, or an IPv6 "
        "range stays, create the other cluster instead",
        undo=az_aks(facts.cluster, "update", "--ip-families", before),
    )
