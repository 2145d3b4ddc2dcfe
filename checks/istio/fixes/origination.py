"""Changes of DestinationRules that make the gateway originate TLS to a destination."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Protocol

from checks.facts.changes import Apply, MergePatch, ObjectWrite
from checks.facts.istio_networking import DestinationRule
from checks.facts.view import Facts
from checks.istio.fixes.exports import exported_to
from checks.istio.fixes.fields import name_for_host, networking_manifest
from checks.istio.fixes.readers_of_rules import only_the_gateway
from checks.istio.fixes.tls_settings import new_rule, policy_place, with_tls
from checks.istio.mesh.objects.hosts import is_subset, is_wildcard, qualified
from checks.istio.mesh.services import MeshService
from checks.istio.proxy.clusters import Cluster, ClusterName
from checks.model.raw_values import items, mapping


class _Request(Protocol):
    @property
    def facts(self) -> Facts: ...


class DestinationOfGateway(Protocol):
    """The destination to which the gateway sends a request."""

    @property
    def broken(self) -> _Request: ...
    @property
    def name(self) -> ClusterName: ...
    @property
    def cluster(self) -> Cluster | None: ...
    @property
    def service(self) -> MeshService | None: ...


def applying_elsewhere(at: DestinationOfGateway) -> list[DestinationRule]:
    """DestinationRules for the destination that do not apply at the gateway.

    Rules with TLS come first.
    """
    rule = at.cluster.rule if at.cluster is not None else None
    used = {id(each) for each in rule.sources} if rule is not None else set()
    found = [
        each
        for each in at.broken.facts.all(DestinationRule)
        if is_subset(at.name.host, qualified(each.host, each.namespace)) and id(each) not in used
    ]
    return sorted(found, key=lambda each: not has_tls(each))


def has_tls(rule: DestinationRule) -> bool:
    """Whether a DestinationRule has TLS settings for all ports or one."""
    policy = rule.traffic_policy
    return bool(mapping(policy, "tls")) or any(mapping(each, "tls") for each in items(policy, "portLevelSettings"))


def origination_rules(at: DestinationOfGateway) -> Iterator[ObjectWrite]:
    """Possible changes that make the gateway originate TLS.

    They change a rule with TLS that does not apply, change the rule that applies, or add a new rule.
    """
    namespace, cluster = at.broken.facts.gateway.namespace, at.cluster
    readers = only_the_gateway(at.broken.facts)
    if cluster is None or cluster.rule is None:
        for other in (each for each in applying_elsewhere(at) if has_tls(each)):
            yield from _applying(at, other, readers)
    simple = {"mode": "SIMPLE"} if is_wildcard(at.name.host) else {"mode": "SIMPLE", "sni": at.name.host}
    if cluster is not None and cluster.rule is not None:
        place = policy_place(cluster)
        above = mapping(place[2], "tls") if place is not None else {}
        change = with_tls(cluster, dict(above) or simple, namespace, readers)
        if change is not None:
            yield change
        return
    name = f"originate-tls-for-{name_for_host(at.name.host)}"
    yield new_rule(at.name.host, namespace, at.name.port, {"mode": "SIMPLE"}, name, readers)


def _applying(at: DestinationOfGateway, other: DestinationRule, readers: Mapping[str, Any]) -> Iterator[ObjectWrite]:
    """The changes by which a DestinationRule applies at the gateway.

    The rule selects the gateway or is exported to its namespace, or it is repeated there.
    """
    namespace = at.broken.facts.gateway.namespace
    owner = at.service.namespace if at.service is not None else namespace
    if other.namespace == namespace and other.workload_selector:
        yield MergePatch(other, {"spec": {"workloadSelector": None, **readers}})
    elif other.namespace in (namespace, owner):
        yield exported_to(other, [namespace])
    else:
        spec = {key: value for key, value in mapping(other.raw, "spec").items() if key != "exportTo"}
        yield Apply(networking_manifest("DestinationRule", other.name, namespace, {**readers, **deepcopy(spec)}))
