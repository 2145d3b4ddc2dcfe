"""The TLS settings of DestinationRules, and changes of them.

The settings that apply are found in the object and field that contain them.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from checks.facts.changes import Apply, JsonPatch, ObjectWrite
from checks.facts.istio_networking import DestinationRule
from checks.istio.fixes.fields import json_pointer, name_for_host, networking_manifest, remove_field, set_field
from checks.istio.fixes.readers_of_rules import EVERYONE
from checks.istio.fixes.specific_rules import has_shared_rule, specific_rule
from checks.istio.mesh.destination_rules import MergedRule
from checks.istio.proxy.clusters import Cluster
from checks.model.raw_values import Raw, items, mapping, number, text


def policy_place(cluster: Cluster) -> tuple[DestinationRule, str, Raw] | None:
    """The traffic policy in which a cluster's TLS belongs: object, field path and content.

    None if no DestinationRule applies to the cluster.
    """
    rule, subset = cluster.rule, cluster.name.subset
    if rule is None:
        return None
    if subset in rule.subsets:
        raw, source = rule.subsets[subset]
        index = next((n for n, each in enumerate(source.subsets) if text(each, "name") == subset), 0)
        return source, f"spec.subsets[{index}].trafficPolicy", mapping(raw, "trafficPolicy")
    return _whole(rule)


def _whole(rule: MergedRule) -> tuple[DestinationRule, str, Raw]:
    source = next((each for each in rule.sources if each.traffic_policy), rule.first)
    return source, "spec.trafficPolicy", source.traffic_policy


def tls_place(cluster: Cluster) -> tuple[DestinationRule, str] | None:
    """The object and field path of the TLS settings that apply to a cluster; None if none do."""
    if cluster.rule is None or cluster.policy.get("tls") is None:
        return None
    for place in (policy_place(cluster), _whole(cluster.rule)):
        if place is None:
            continue
        source, path, policy = place
        entry = port_entry(policy, cluster.port.number)
        if entry is not None and mapping(policy, "portLevelSettings") is not None:
            settings = items(policy, "portLevelSettings")[entry]
            if settings.get("tls") is not None:
                return source, f"{path}.portLevelSettings[{entry}].tls"
        elif policy.get("tls") is not None:
            return source, f"{path}.tls"
    return None


def port_entry(policy: Raw, port: int) -> int | None:
    """The position of the port-level settings for a port."""
    found = enumerate(items(policy, "portLevelSettings"))
    return next((n for n, each in found if number(each, "port", "number") == port), None)


def dropping_entry(cluster: Cluster) -> str:
    """The path of port-level settings that drop the TLS of the settings above them, or "".

    Port-level settings replace those of the subset and of the whole rule completely.
    """
    place = policy_place(cluster)
    if place is None:
        return ""
    _, path, policy = place
    entry = port_entry(policy, cluster.port.number)
    above = mapping(policy, "tls") or (
        mapping(cluster.rule.policy, "tls") if cluster.rule and cluster.rule.policy else {}
    )
    drops = entry is not None and not items(policy, "portLevelSettings")[entry].get("tls") and bool(above)
    return f"{path}.portLevelSettings[{entry}]" if drops else ""


def without_tls(cluster: Cluster, namespace: str, readers: Mapping[str, Any] = EVERYONE) -> ObjectWrite | None:
    """The DestinationRule without the TLS settings that apply to a cluster.

    If it is a wildcard for other services too, it is a rule of the cluster's host in this namespace, with the `readers`
    of a new rule.
    """
    place = tls_place(cluster)
    if place is not None and has_shared_rule(cluster):
        return specific_rule(cluster, namespace, {"mode": "DISABLE"}, readers)
    return tls_removed(*place) if place is not None else None


def tls_removed(rule: DestinationRule, path: str) -> JsonPatch:
    """The DestinationRule without the TLS settings in this field.

    If nothing else is set beside them, they become `mode: DISABLE`: istiod's webhook refuses a traffic policy without
    settings (`validateTrafficPolicy`, `validatePortTrafficPolicies` in `pkg/config/validation/validation.go`).
    """
    beside: Any = rule.raw
    for step in json_pointer(path).split("/")[1:-1]:
        beside = beside[int(step)] if step.isdigit() else beside[step]
    alone = {key for key, value in beside.items() if value} <= {"port", "tls"}
    return set_field(rule, path, {"mode": "DISABLE"}) if alone else remove_field(rule, path)


def with_tls(
    cluster: Cluster, tls: Mapping[str, Any], namespace: str, readers: Mapping[str, Any] = EVERYONE
) -> ObjectWrite | None:
    """The DestinationRule with these TLS settings for a cluster's port.

    If it is a wildcard for other services too, it is a rule of the cluster's host in this namespace, with the `readers`
    of a new rule. None if no rule applies to the cluster.
    """
    written, place = tls_place(cluster), policy_place(cluster)
    if place is None:
        return None
    if has_shared_rule(cluster):
        return specific_rule(cluster, namespace, tls, readers)
    if written is not None:
        kept = {key: value for key, value in mapping(cluster.policy, "tls").items() if key not in _OTHERS}
        return set_field(*written, {**kept, **tls})
    source, path, policy = place
    entry = port_entry(policy, cluster.port.number)
    if entry is not None:
        return set_field(source, f"{path}.portLevelSettings[{entry}].tls", dict(tls))
    added = {"port": {"number": cluster.port.number}, "tls": dict(tls)}
    settings = [*(deepcopy(dict(each)) for each in items(policy, "portLevelSettings")), added]
    return set_field(source, path, {**deepcopy(dict(policy)), "portLevelSettings": settings})


_OTHERS = ("mode", "sni", "credentialName", "clientCertificate", "privateKey", "caCertificates")


def new_rule(
    host: str,
    namespace: str,
    port: int,
    tls: Mapping[str, Any],
    name: str,
    readers: Mapping[str, Any] = EVERYONE,
) -> ObjectWrite:
    """A DestinationRule with TLS settings for one port of a host.

    `readers` are the fields that say which proxies read it.
    """
    policy = {"portLevelSettings": [{"port": {"number": port}, "tls": dict(tls)}]}
    spec = {**readers, "host": host, "trafficPolicy": policy}
    return Apply(networking_manifest("DestinationRule", name[:63], namespace, spec))


def new_subset(host: str, namespace: str, port: int, tls: Mapping[str, Any], subset: str) -> ObjectWrite:
    """A DestinationRule with a subset that has TLS settings for one port."""
    policy = {"portLevelSettings": [{"port": {"number": port}, "tls": dict(tls)}]}
    spec = {"host": host, "subsets": [{"name": subset, "trafficPolicy": policy}]}
    name = f"egressgateway-for-{name_for_host(subset)}"[:63]
    return Apply(networking_manifest("DestinationRule", name, namespace, spec))
