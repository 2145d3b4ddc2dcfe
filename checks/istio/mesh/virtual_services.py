"""VirtualServices in the order in which istiod applies them.

Their names are complete and their delegates merged; visibility and age decide the order.

Source: Istio `pilot/pkg/model/virtualservice.go`, `PushContext.initVirtualServices`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import VirtualService
from checks.istio.mesh.configuration import NOWHERE, PRIVATE, PUBLIC
from checks.istio.mesh.delegates import merged_rule
from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.objects.hosts import qualified
from checks.istio.mesh.objects.routing_rules import MESH, ProtocolRules, RoutingRule, RoutingRules, gateway_name
from checks.model.raw_values import text

_DELEGATE, _DELEGATES = "delegate", "delegates"


class VirtualServices:
    """All VirtualServices by Gateway and visibility."""

    def __init__(
        self,
        all_of_them: Iterable[VirtualService],
        default: frozenset[str],
        routes: Iterable[RoutingRules] = (),
        of_object: Callable[[str, KubernetesObject, Callable[[], Any]], Any] = lambda _, __, build: build(),
    ) -> None:
        """`of_object` keeps what depends on one VirtualService alone."""
        self._default = default
        self._private: dict[tuple[str, str], list[RoutingRules]] = {}
        self._exported: dict[tuple[str, str], list[RoutingRules]] = {}
        self._public: dict[str, list[RoutingRules]] = {}
        self._all: list[RoutingRules] = []
        written = [(each, of_object("rules", each, partial(self._alone, each))) for each in all_of_them]
        merged = [alone for _, alone in written if isinstance(alone, RoutingRules)]
        if delegating := [each for each, alone in written if alone is _DELEGATES]:
            delegates = {(each.namespace, each.name): each for each, alone in written if alone is _DELEGATE}
            merged += [self._merged(each, delegates) for each in delegating]
        for rules in sorted((*merged, *routes), key=lambda each: each.age):
            self._index(rules)

    def for_gateway(self, namespace: str, gateway: str) -> Iterator[RoutingRules]:
        """The rules that a proxy of the namespace applies for a Gateway, or for `mesh` in sidecars.

        Private rules come first. Within a class, Gateway API routes of the proxy's namespace come first; at gateways,
        only public ones do.

        Source: Istio `SelectVirtualServices`, `VirtualServicesForGateway`.
        """
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
        exported = self._exported_to(rules, rules.namespace)
        for gateway in rules.gateways:
            if PUBLIC in exported:
                self._public.setdefault(gateway, []).append(rules)
            elif NOWHERE not in exported:
                for name in exported:
                    index = self._private if name == rules.namespace else self._exported
                    index.setdefault((name, gateway), []).append(rules)

    def _exported_to(self, source: RoutingRules | VirtualService, namespace: str) -> frozenset[str]:
        return frozenset(namespace if each == PRIVATE else each for each in source.export_to or self._default)

    def _alone(self, source: VirtualService) -> RoutingRules | str:
        """Its rules if they follow from it alone, else whether it names delegates or is one."""
        if not source.hosts:
            return _DELEGATE
        if any(each.get("delegate") is not None for each in source.http):
            return _DELEGATES
        return self._merged(source, {})

    def _merged(self, source: VirtualService, delegates: Mapping[tuple[str, str], VirtualService]) -> RoutingRules:
        namespace = source.namespace
        return RoutingRules(
            source,
            namespace,
            tuple(qualified(each, namespace) for each in source.hosts),
            frozenset(gateway_name(each, namespace) for each in source.gateways),
            partial(self._read, source, namespace, delegates),
            source.name,
        )

    def _read(
        self, source: VirtualService, namespace: str, delegates: Mapping[tuple[str, str], VirtualService]
    ) -> ProtocolRules:
        http = (RoutingRule(raw, f"spec.http[{index}]", source, namespace) for index, raw in enumerate(source.http))
        return ProtocolRules(
            tuple(merged for rule in http for merged in self._rules(rule, delegates)),
            tuple(RoutingRule(raw, f"spec.tls[{index}]", source, namespace) for index, raw in enumerate(source.tls)),
            tuple(RoutingRule(raw, f"spec.tcp[{index}]", source, namespace) for index, raw in enumerate(source.tcp)),
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
            merged = merged_rule(rule, RoutingRule(raw, f"spec.http[{index}]", delegate, delegate.namespace))
            if merged is not None:
                yield merged


def _own_first(rules: Sequence[RoutingRules], namespace: str) -> Iterator[RoutingRules]:
    yield from (each for each in rules if each.gateway_api and each.namespace == namespace)
    yield from (each for each in rules if not (each.gateway_api and each.namespace == namespace))
