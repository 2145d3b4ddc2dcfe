"""A DestinationRule of one service, where a wildcard applies to it and to other services.

The wildcard, such as `*.local` with mutual TLS for the whole mesh, stays as it is.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from checks.facts.changes import Apply
from checks.istio.fixes.fields import name_for_host, networking_manifest
from checks.istio.mesh.objects.hosts import is_wildcard
from checks.istio.proxy.clusters import Cluster
from checks.model.raw_values import items, number


def has_shared_rule(cluster: Cluster) -> bool:
    """Whether the DestinationRule of a cluster has a wildcard that covers other services too."""
    return cluster.rule is not None and is_wildcard(cluster.rule.host) and cluster.rule.host != cluster.name.host


def specific_rule(cluster: Cluster, namespace: str, tls: Mapping[str, Any]) -> Apply:
    """A DestinationRule for the cluster's host alone, with these TLS settings for its port.

    It replaces the wildcard for this host, so it repeats its other settings.
    """
    host, port = cluster.name.host, cluster.port.number
    policy = deepcopy(dict(cluster.rule.policy or {})) if cluster.rule is not None else {}
    other = [each for each in items(policy, "portLevelSettings") if number(each, "port", "number") != port]
    kept = {key: value for key, value in cluster.policy.items() if key not in ("portLevelSettings", "tunnel")}
    own = {**deepcopy(kept), "port": {"number": port}, "tls": dict(tls)}
    spec: dict[str, Any] = {"host": host, "trafficPolicy": {**policy, "portLevelSettings": [*other, own]}}
    if cluster.rule is not None and cluster.rule.subsets:
        spec["subsets"] = [deepcopy(dict(raw)) for raw, _ in cluster.rule.subsets.values()]
    name = f"{name_for_host(host.removesuffix('.svc.cluster.local'))}-port-{port}"[:63]
    return Apply(networking_manifest("DestinationRule", name, namespace, spec))
