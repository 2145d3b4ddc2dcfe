"""The Azure part of a patch: managed cluster, node pools in two formats, other resources."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.merging import PatchError, merge, only

_AZURE_KEYS = {"managed_cluster", "agent_pools", "resources"}
_POOL_TYPE = "Microsoft.ContainerService/managedClusters/agentPools"


def patched_azure(cluster: Cluster, patch: Mapping[str, Any] | None) -> Cluster:
    """The cluster with its Azure facts patched.

    The managed cluster's agentPoolProfiles are derived from the pools.
    """
    if patch is None:
        return replace(cluster, managed_cluster=None, agent_pools=None, resources=None)
    only(patch, _AZURE_KEYS, "azure")
    managed_cluster = cluster.managed_cluster
    pools = cluster.agent_pools
    resources = cluster.resources
    if "managed_cluster" in patch:
        managed_cluster = merge(managed_cluster, patch["managed_cluster"])
    if "agent_pools" in patch:
        pools = None if patch["agent_pools"] is None else _pools(pools or (), patch["agent_pools"], managed_cluster)
        if managed_cluster is not None and pools is not None:
            profiles = [{"name": pool["name"], **pool["properties"]} for pool in pools]
            managed_cluster = merge(managed_cluster, {"properties": {"agentPoolProfiles": profiles}})
    if "resources" in patch:
        resources = None if patch["resources"] is None else _resources(resources or (), patch["resources"])
    return replace(cluster, managed_cluster=managed_cluster, agent_pools=pools, resources=resources)


def _pools(
    pools: Iterable[Manifest], patch: Mapping[str, Any], managed_cluster: Manifest | None
) -> tuple[Manifest, ...]:
    by_name = {str(pool["name"]): pool for pool in pools}
    parent = str((managed_cluster or {}).get("id", ""))
    for name, properties in patch.items():
        if properties is None:
            if by_name.pop(name, None) is None:
                raise PatchError(f"azure.agent_pools: no pool {name}")
            continue
        empty = {"id": f"{parent}/agentPools/{name}", "name": name, "type": _POOL_TYPE, "properties": {}}
        by_name[name] = merge(by_name.get(name, empty), {"properties": properties})
    return tuple(by_name.values())


def _resources(resources: Iterable[Manifest], patch: Mapping[str, Any]) -> tuple[Manifest, ...]:
    changed = list(resources)
    for key, value in patch.items():
        found = [i for i, r in enumerate(changed) if key.lower() in (str(r["id"]).lower(), str(r["name"]).lower())]
        if not found and (value is None or not key.startswith("/")):
            raise PatchError(f"azure.resources: no resource {key}; for a new one, use its complete ID as the key")
        if value is None:
            del changed[found[0]]
        elif found:
            changed[found[0]] = merge(changed[found[0]], value)
        else:
            changed.append(merge({"id": key, "name": key.rpartition("/")[2]}, value))
    return tuple(changed)
