"""VirtualServices as istiod routes by them: full names, delegates merged, in order of visibility and age.

Source: Istio `pilot/pkg/model/virtualservice.go`, `PushContext.initVirtualServices`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import VirtualService
from checks.istio.mesh.configuration import NOWHERE, PRIVATE, PUBLIC
from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.names import qualified
from checks.model.raw_values import Raw, items, mapping, number, text, texts

MESH = "mesh"
"""The name by which VirtualServices apply to sidecars."""


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """A rule of a VirtualService: `field` is its place, such as `spec.http[0]`; a merged delegate's rule has its own."""

    raw: Raw
    field: str
    source: KubernetesObject
    namespace: str
    """The namespace that completes short names."""
    gateway_api: bool = False
    """Whether it comes from a route of the Gateway API: hosts are complete, and a missing cluster answers 500."""

    def matches(self) -> tuple[Raw, ...]:
        """Its match blocks; empty if it matches every request."""
        return items(self.raw, "match")

    def destination(self, destination: Raw) -> str:
        """The full host of a destination."""
        host = text(destination, "host")
        return host if self.gateway_api else qualified(host, self.namespace)

    def gateways(self, match: Raw) -> tuple[str, ...]:
        """The Gateways of a match block as `namespace/name`, or `mesh`."""
        return tuple(gateway_name(each, self.namespace) for each in texts(match, "gateways"))


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """A VirtualService with full names and merged delegates."""

    source: KubernetesObject
    hosts: tuple[str, ...]
    gateways: frozenset[str]
    http: tuple[RoutingRule, ...]
    tls: tuple[RoutingRule, ...]
    tcp: tuple[RoutingRule, ...]
    name: str
    """The name by which istiod orders it: of the VirtualService, or of the one that it makes of a route."""
    gateway_api: bool = False
    """Whether it comes from routes of the Gateway API."""

    @property
    def namespace(self) -> str:
        return self.source.namespace

    def destinations(self, namespace: str) -> Iterator[tuple[str, int]]:
        """(host, port, 0 for any) of each destination that a client in the namespace can have."""
        for rule in (*self.http, *self.tls, *self.tcp):
            if not _from_namespace(rule, namespace):
                continue
            for each in items(rule.raw, "route"):
                destination = mapping(each, "destination")
                yield rule.destination(destination), number(destination, "port", "number") or 0


def _from_namespace(rule: RoutingRule, namespace: str) -> bool:
    matches = rule.matches()
    return not matches or any(text(each, "sourceNamespace") in ("", namespace) for each in matches)


def gateway_name(written: str, namespace: str) -> str:
    """The full name of a Gateway that a VirtualService names."""
    if written == MESH:
        return MESH
    if "/" in written:
        return written.removeprefix("./") if not written.startswith("./") else f"{namespace}/{written[2:]}"
    return f"{namespace}/{written}"


class VirtualServices:
    """All VirtualServices by Gateway and visibility."""

    def __init__(
        self, all_of_them: Iterable[VirtualService], default: frozenset[str], routes: Iterable[RoutingRules] = ()
    ) -> None:
        self._default = default
        self._private: dict[tuple[str, str], list[RoutingRules]] = {}
        self._exported: dict[tuple[str, str], list[RoutingRules]] = {}
        self._public: dict[str, list[RoutingRules]] = {}
        self._all: list[RoutingRules] = []
        written = tuple(all_of_them)
        delegates = {(each.namespace, each.name): each for each in written if not each.hosts}
        merged = [self._merged(each, delegates) for each in written if each.hosts]
        for rules in sorted((*merged, *routes), key=_age):
            self._index(rules)

    def for_gateway(self, namespace: str, gateway: str) -> Iterator[RoutingRules]:
        """The rules that a proxy of the namespace applies for a Gateway (`mesh` for sidecars): private ones first. Of a
        class, Gateway API routes of the proxy's namespace come first; at gateways, only public ones
        (`SelectVirtualServices`, `VirtualServicesForGateway`)."""
        for index in (self._private, self._exported):
            found = index.get((namespace, gateway), [])
            yield from _own_first(found, namespace) if gateway == MESH else found
        yield from _own_first(self._public.get(gateway, []), namespace)

    def all_rules(self) -> tuple[RoutingRules, ...]:
        """The rules of every VirtualService with hosts, oldest first."""
        return tuple(self._all)

    def rules_overlapping(self, host: str) -> list[RoutingRules]:
        """The rules with a host, in any case, that overlaps; oldest first."""
        return self._by_host.overlapping(host)

    @cached_property
    def _by_host(self) -> HostIndex[RoutingRules]:
        return HostIndex((each, [host.lower() for host in each.hosts]) for each in self._all)

    def _index(self, rules: RoutingRules) -> None:
        self._all.append(rules)
        exported = self._exported_to(rules.source, rules.namespace)
        for gateway in rules.gateways:
            if PUBLIC in exported:
                self._public.setdefault(gateway, []).append(rules)
            elif NOWHERE not in exported:
                for name in exported:
                    index = self._private if name == rules.namespace else self._exported
                    index.setdefault((name, gateway), []).append(rules)

    def _exported_to(self, source: KubernetesObject, namespace: str) -> frozenset[str]:
        written = source.export_to if isinstance(source, VirtualService) else ()
        return frozenset(namespace if each == PRIVATE else each for each in written or self._default)

    def _merged(self, source: VirtualService, delegates: Mapping[tuple[str, str], VirtualService]) -> RoutingRules:
        namespace = source.namespace
        http = [
            merged
            for index, raw in enumerate(source.http)
            for merged in self._rules(RoutingRule(raw, f"spec.http[{index}]", source, namespace), delegates)
        ]
        return RoutingRules(
            source,
            tuple(qualified(each, namespace) for each in source.hosts),
            frozenset(gateway_name(each, namespace) for each in source.gateways),
            tuple(http),
            tuple(RoutingRule(raw, f"spec.tls[{index}]", source, namespace) for index, raw in enumerate(source.tls)),
            tuple(RoutingRule(raw, f"spec.tcp[{index}]", source, namespace) for index, raw in enumerate(source.tcp)),
            source.name,
        )

    def _rules(self, rule: RoutingRule, delegates: Mapping[tuple[str, str], VirtualService]) -> Iterator[RoutingRule]:
        wanted = rule.raw.get("delegate")
        if wanted is None:
            yield rule
            return
        name = (text(wanted, "namespace") or rule.namespace, text(wanted, "name"))
        delegate = delegates.get(name)
        if delegate is None or not ({PUBLIC, rule.namespace} & self._exported_to(delegate, delegate.namespace)):
            return
        for index, raw in enumerate(delegate.http):
            merged = _merged_rule(rule, RoutingRule(raw, f"spec.http[{index}]", delegate, delegate.namespace))
            if merged is not None:
                yield merged


def _own_first(rules: Sequence[RoutingRules], namespace: str) -> Iterator[RoutingRules]:
    yield from (each for each in rules if each.gateway_api and each.namespace == namespace)
    yield from (each for each in rules if not (each.gateway_api and each.namespace == namespace))


def _age(rules: RoutingRules) -> tuple[str, str, str]:
    return text(rules.source.raw, "metadata", "creationTimestamp"), rules.name, rules.namespace


_INHERITED = ("rewrite", "directResponse", "fault", "headers", "timeout", "retries", "mirror", "mirrors")


def _merged_rule(root: RoutingRule, delegate: RoutingRule) -> RoutingRule | None:
    """A delegate's rule under a root's; None if their match blocks exclude each other."""
    roots = [{**each, "gateways": list(root.gateways(each))} for each in root.matches()]
    leaves = [{**each, "gateways": list(delegate.gateways(each))} for each in delegate.matches()]
    merged: Sequence[Mapping[str, Any]] = leaves or roots
    if roots and leaves:
        found = []
        for leaf in leaves:
            fitting = [_merged_match(each, leaf) for each in roots if not _conflict(each, leaf)]
            if not fitting:
                return None
            found += fitting
        merged = found
    inherited = {key: root.raw[key] for key in _INHERITED if key in root.raw and key not in delegate.raw}
    return RoutingRule(
        {**inherited, **delegate.raw, "match": list(merged)}, delegate.field, delegate.source, delegate.namespace
    )


_STRINGS = ("uri", "scheme", "method", "authority")
_MAPS = ("headers", "withoutHeaders", "queryParams", "sourceLabels")


def _merged_match(root: Raw, leaf: Raw) -> Mapping[str, Any]:
    maps = {key: {**mapping(root, key), **mapping(leaf, key)} for key in _MAPS if key in root or key in leaf}
    plain = {key: value for key, value in root.items() if key not in _MAPS and not leaf.get(key)}
    return {**leaf, **plain, **maps}


def _conflict(root: Raw, leaf: Raw) -> bool:
    pairs = [(root.get(key), leaf.get(key)) for key in _STRINGS]
    for key in _MAPS[:3]:
        pairs += [(mapping(root, key).get(name), value) for name, value in mapping(leaf, key).items()]
    if any(_strings_conflict(one, other) for one, other in pairs):
        return True
    if bool(root.get("ignoreUriCase")) != bool(leaf.get("ignoreUriCase")):
        return True
    ports = {number(root, "port") or 0, number(leaf, "port") or 0} - {0}
    namespace = text(root, "sourceNamespace")
    labels_, gateways = mapping(root, "sourceLabels"), texts(root, "gateways")
    return (
        len(ports) > 1
        or bool(namespace and text(leaf, "sourceNamespace") != namespace)
        or any(key in labels_ and labels_[key] != value for key, value in mapping(leaf, "sourceLabels").items())
        or bool(gateways and set(texts(leaf, "gateways")) - set(gateways))
    )


def _strings_conflict(root: object, leaf: object) -> bool:
    """Whether the leaf's condition is not within the root's."""
    if root is None or leaf is None:
        return False
    one = {key: text(root, key) for key in ("exact", "prefix", "regex") if text(root, key)}
    other = {key: text(leaf, key) for key in ("exact", "prefix", "regex") if text(leaf, key)}
    if "regex" in one or "regex" in other:
        return bool(one and other)
    if "exact" in one:
        return "prefix" in other or other.get("exact") != one["exact"]
    if "prefix" in one:
        value = other.get("prefix") or other.get("exact")
        return value is None or not value.startswith(one["prefix"])
    return True
