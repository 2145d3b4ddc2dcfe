"""DestinationRules as istiod selects and merges them for a client and a service.

Source: Istio `PushContext.setDestinationRules`, `mergeDestinationRule`, `destinationRule`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checks.facts.istio_networking import DestinationRule
from checks.istio.mesh.configuration import PRIVATE, PUBLIC, MeshConfiguration
from checks.istio.mesh.gateway_api.backend_policies import BackendPolicyRule, filled
from checks.istio.mesh.objects.hosts import is_subset, is_wildcard, qualified
from checks.istio.mesh.objects.versions import Version
from checks.model.raw_values import Raw, at, items, mapping, number, text


@dataclass(slots=True)
class MergedRule:
    """The DestinationRules of one namespace for one host that istiod merges."""

    host: str
    sources: list[DestinationRule]
    export_to: frozenset[str]
    selector: Mapping[str, str] | None
    policy: Raw | None
    subsets: dict[str, tuple[Raw, DestinationRule]]

    @property
    def first(self) -> DestinationRule:
        """The oldest of its sources."""
        return self.sources[0]


_Place = tuple[str, str]
"""The place from which rules apply, and its namespace.

A place is `local` or `exported`, or `root` for clients of the root namespace.
"""


class DestinationRules:
    """All DestinationRules by host, merged for one host when it is needed."""

    def __init__(self, all_of_them: Iterable[DestinationRule], mesh: MeshConfiguration) -> None:
        self._mesh = mesh
        self._written: dict[str, list[DestinationRule]] = {}
        for each in all_of_them:
            self._written.setdefault(qualified(each.host, each.namespace), []).append(each)
        self._wildcards = sorted((each for each in self._written if is_wildcard(each)), key=len, reverse=True)
        self._merged: dict[str, dict[_Place, list[MergedRule]]] = {}

    def _of_host(self, host: str) -> Mapping[_Place, list[MergedRule]]:
        """The merged rules of exactly this host."""
        if host not in self._merged:
            places: dict[_Place, list[MergedRule]] = {}
            self._merged[host] = places
            for each in sorted(self._written.get(host, ()), key=_order):
                self._add(places, host, each)
        return self._merged[host]

    def _add(self, places: dict[_Place, list[MergedRule]], host: str, rule: DestinationRule) -> None:
        selector = _selector(rule)
        exported = frozenset(rule.export_to) if selector is None else frozenset({PRIVATE})
        if not exported or exported & {PUBLIC, PRIVATE, rule.namespace}:
            _merge(places.setdefault(("local", rule.namespace), []), host, rule, exported, selector, self._mesh.version)
        default_private = not exported and PRIVATE in self._mesh.destination_rules_exported
        if not default_private and exported not in ({PRIVATE}, {rule.namespace}):
            _merge(
                places.setdefault(("exported", rule.namespace), []), host, rule, exported, selector, self._mesh.version
            )
        elif rule.namespace == self._mesh.root:
            _merge(places.setdefault(("root", ""), []), host, rule, exported, selector, self._mesh.version)

    def rule_for(
        self, host: str, service_namespace: str, client_namespace: str, labels: Mapping[str, str]
    ) -> MergedRule | None:
        """The rule that a proxy applies to a service; a rule that selects the proxy's labels first."""
        found = self._candidates(host, service_namespace, client_namespace)
        selecting = [
            each
            for each in found
            if each.selector is not None
            and each.first.namespace == client_namespace
            and all(labels.get(key) == value for key, value in each.selector.items())
        ]
        # Of several rules without a selector the last one applies: istiod overwrites its choice.
        return selecting[0] if selecting else next((each for each in reversed(found) if each.selector is None), None)

    def _candidates(self, host: str, service_namespace: str, client_namespace: str) -> Sequence[MergedRule]:
        local = ("root", "") if client_namespace == self._mesh.root else ("local", client_namespace)
        if found := self._specific(local, host):
            return found
        for namespace in (service_namespace, self._mesh.root):
            exported = [
                each
                for each in self._specific(("exported", namespace), host)
                if not each.export_to or each.export_to & {PUBLIC, client_namespace}
            ]
            if exported:
                return exported
        return ()

    def _specific(self, place: _Place, host: str) -> Sequence[MergedRule]:
        """The rules at a place for the host itself, else for the most specific wildcard."""
        for name in (host, *(each for each in self._wildcards if is_subset(host, each))):
            if found := self._of_host(name).get(place):
                return found
        return ()


def _order(rule: DestinationRule) -> tuple[bool, str, str, str]:
    return _selector(rule) is None, text(rule.raw, "metadata", "creationTimestamp"), rule.name, rule.namespace


def _selector(rule: DestinationRule) -> Mapping[str, str] | None:
    return rule.workload_selector if at(rule.raw, "spec", "workloadSelector") is not None else None


def _merge(
    merged: list[MergedRule],
    host: str,
    rule: DestinationRule,
    exported: frozenset[str],
    selector: Mapping[str, str] | None,
    version: Version,
) -> None:
    separately = True
    for each in merged:
        if each.export_to != exported and not (each.export_to and exported >= each.export_to):
            continue
        separately = each.export_to != exported
        both_select = each.selector is not None and selector is not None
        if both_select and each.selector != selector:
            separately = True
            continue
        if both_select or (each.selector is None and selector is None):
            separately = False
        each.sources.append(rule)
        for subset in rule.subsets:
            each.subsets.setdefault(text(subset, "name"), (subset, rule))
        each.policy = _merged_policy(each, rule, version)
    if separately:
        subsets = {text(subset, "name"): (subset, rule) for subset in reversed(rule.subsets)}
        merged.append(MergedRule(host, [rule], exported, selector, _policy(rule), subsets))


def _merged_policy(present: MergedRule, more: DestinationRule, version: Version) -> Raw | None:
    """The first policy; one of a BackendTLSPolicy fills the gaps of a written one."""
    known, added = isinstance(present.first, BackendPolicyRule), isinstance(more, BackendPolicyRule)
    if known is added or not version.policy_fills_rule:
        return present.policy if present.policy is not None else _policy(more)
    written, policy = (_policy(more), present.policy) if known else (present.policy, _policy(more))
    if written is None or policy is None:
        return written if policy is None else policy
    return filled(written, policy)


def _policy(rule: DestinationRule) -> Raw | None:
    return rule.traffic_policy if at(rule.raw, "spec", "trafficPolicy") is not None else None


def policy_for(rule: MergedRule | None, subset: str, port: int) -> Mapping[str, Any]:
    """The traffic policy of a cluster.

    The subset's policy overrides the rule's, and the settings of a port replace all others.
    """
    if rule is None:
        return {}
    policy, _ = _of_port(rule.policy or {}, port)
    if not subset or subset not in rule.subsets:
        return policy
    own = mapping(rule.subsets[subset][0], "trafficPolicy")
    if not own:
        return policy
    own, of_port = _of_port(own, port)
    kept = {key: value for key, value in policy.items() if not of_port or key not in _OF_PORTS}
    return {**kept, **{key: value for key, value in own.items() if value is not None}}


_OF_PORTS = ("loadBalancer", "connectionPool", "outlierDetection", "tls")
"""Settings that a subset's port-level settings replace even if they are not set there."""


def _of_port(policy: Raw, port: int) -> tuple[Mapping[str, Any], bool]:
    for each in items(policy, "portLevelSettings"):
        if number(each, "port", "number") == port:
            return {key: value for key, value in each.items() if key != "port"}, True
    return policy, False
