"""A DestinationRule of one service, where a rule for the whole mesh applies to it.

The rule stays as it is: a wildcard, such as `*.local` with mutual TLS, or one of the root namespace.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from checks.facts.changes import Apply
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.istio.fixes.fields import name_for_host, networking_manifest
from checks.istio.fixes.readers_of_rules import EVERYONE
from checks.istio.mesh.objects.hosts import is_wildcard
from checks.istio.proxy.clusters import Cluster
from checks.model.raw_values import items, number


def has_shared_rule(cluster: Cluster) -> bool:
    """Whether the DestinationRule of a cluster is not for this service alone.

    It covers other services too, or is one of the root namespace.
    """
    rule = cluster.rule
    if rule is None:
        return False
    return rule.first.namespace == ROOT_NAMESPACE or (is_wildcard(rule.host) and rule.host != cluster.name.host)


def specific_rule(
    cluster: Cluster, namespace: str, tls: Mapping[str, Any], readers: Mapping[str, Any] = EVERYONE
) -> Apply:
    """A DestinationRule for the cluster's host alone, with these TLS settings for its port.

    It replaces the rule of the mesh for this host, so it repeats its other settings. `readers` are the fields that say
    which proxies read it.
    """
    host, port, subset = cluster.name.host, cluster.port.number, cluster.name.subset
    policy = deepcopy(dict(cluster.rule.policy or {})) if cluster.rule is not None else {}
    other = [each for each in items(policy, "portLevelSettings") if number(each, "port", "number") != port]
    kept = {key: value for key, value in cluster.policy.items() if key not in ("portLevelSettings", "tunnel")}
    own = {**deepcopy(kept), "port": {"number": port}, "tls": dict(tls)}
    spec: dict[str, Any] = {**readers, "host": host, "trafficPolicy": {**policy, "portLevelSettings": [*other, own]}}
    if cluster.rule is not None and cluster.rule.subsets:
        spec["subsets"] = [deepcopy(dict(raw)) for raw, _ in cluster.rule.subsets.values()]
        for each in spec["subsets"]:
            # The settings of a subset replace those above it.
            if each.get("name") == subset and each.get("trafficPolicy"):
                rest = [
                    e for e in items(each, "trafficPolicy", "portLevelSettings") if number(e, "port", "number") != port
                ]
                each["trafficPolicy"] = {**each["trafficPolicy"], "portLevelSettings": [*rest, own]}
    name = f"{name_for_host(host.removesuffix('.svc.cluster.local'))}-port-{port}"[:63]
    return Apply(networking_manifest("DestinationRule", name, namespace, spec))
