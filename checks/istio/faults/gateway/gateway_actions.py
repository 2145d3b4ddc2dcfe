"""Rules that take a request at the gateway and do not send it to its destination."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.changes import MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import GatewayRoute
from checks.facts.istio_networking import VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest, rules_of
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, HostRules, gateway_hop
from checks.istio.fixes.fields import remove_field, set_field
from checks.istio.fixes.gateway_api import entry_of, host_backend
from checks.istio.fixes.gateway_api_rules import filter_field, routed_instead
from checks.istio.fixes.rule_order import instead_of, is_of_kind, rules_for_same_requests, with_last_rule
from checks.istio.fixes.rules import (
    RuleKind,
    WrittenRule,
    kind_of_server,
    name_in,
    rule_from_gateway,
    rules_of_kind,
)
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRule
from checks.istio.proxy.listeners import Provenance
from checks.istio.request.outcome import Ending, Step
from checks.model.findings import Evidence
from checks.model.raw_values import items, mapping
from checks.model.route import HopName

_ACTIONS = {
    Ending.FAULT_INJECTION: ("fault", "injects a fault"),
    Ending.REDIRECT: ("redirect", "redirects"),
    Ending.DIRECT_RESPONSE: ("directResponse", "answers itself"),
    Ending.NO_DESTINATION: ("route", "has no destination"),
}


def at_gateway_action(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The action of the rule that takes the request at the gateway."""
    hop = gateway_hop(broken)
    if hop is None:
        return
    names = {each.name for each in hop.proxies}
    steps = [each for each in broken.end.steps if each.proxy in names]
    back = next(
        (each for each in steps if each.cluster is not None and each.cluster.host == hop.name.host),
        None,
    )
    if back is not None and isinstance(back.origin.source, VirtualService):
        yield Loop(hop, back.origin.source, back.origin)
    source = steps[-1].origin.source if steps else None
    if source is not None and broken.end.ending in _ACTIONS:
        yield AnswersItself(source, steps[-1].origin, *_ACTIONS[broken.end.ending], hop.host)
    if isinstance(source, VirtualService) and broken.end.ending is Ending.OTHER_DESTINATION:
        yield OtherDestination(hop, steps[-1], source)


@dataclass(frozen=True, slots=True)
class Loop(RouteFault):
    """A rule for sidecars that also matches at the gateway (docs/domain/istio.md#b08)."""

    name: ClassVar[str] = "loop"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    at: GatewayHop
    source: VirtualService
    origin: Provenance

    def sentence(self) -> str:
        rule, gateway = f"{self.origin.field} of {self.source.ref}", self.at.broken.facts.gateway.ref
        return f"{rule} also matches at the gateway, so {gateway} sends {self.at.host} to itself"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.source.ref, f"{self.origin.field}.match[*].gateways", "(all gateways)", MESH),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        entry, title = self.origin.entry, "Limit the rule to sidecars"
        if entry is None:
            return
        for server in self.at.servers:
            if entry.name != kind_of_server(server):
                continue
            rules = [dict(each) for each in rules_of_kind(self.source, kind_of_server(server))]
            matches = items(rules[entry.index], "match") or ({"port": broken.request.port},)
            rules[entry.index]["match"] = [{**each, "gateways": [MESH]} for each in matches]
            yield Fix(title, (MergePatch(self.source, {"spec": {entry.name: rules}}),))
            rule = rule_from_gateway(broken, server, name_in(server.name, self.source), self.source.hosts)
            yield Fix(title, (MergePatch(self.source, {"spec": {entry.name: [*rules, rule]}}),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.source,)


@dataclass(frozen=True, slots=True)
class AnswersItself(RouteFault):
    """A rule that injects a fault, redirects or answers at the gateway."""

    name: ClassVar[str] = "answered-at-gateway"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    source: KubernetesObject
    origin: Provenance
    key: str
    action: str
    host: str

    def sentence(self) -> str:
        return f"{self.origin.field} of {self.source.ref} {self.action} at the gateway for {self.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        if isinstance(self.source, GatewayRoute):
            filtered = filter_field(self.source, self.origin.field, self.key)
            field = f"{self.origin.field}.backendRefs" if self.key == "route" else filtered
            return (Evidence(self.source.ref, field, "(none)" if self.key == "route" else "set", "a backend"),)
        entry = self.origin.entry
        rules = self.source.http if isinstance(self.source, VirtualService) else ()
        written = mapping(rules[entry.index], self.key) if entry is not None and entry.index < len(rules) else {}
        return (Evidence(self.source.ref, f"{self.origin.field}.{self.key}", _flat(written) or "(none)", "a route"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if self.key == "fault":
            yield Fix("Remove the fault injection", (remove_field(self.source, f"{self.origin.field}.fault"),))
            return
        where, entry = f"{self.origin.field} of {self.source.ref}", entry_of(broken)
        backend = host_backend(broken, entry) if entry is not None else None
        if isinstance(self.source, GatewayRoute) and backend is not None:
            change = routed_instead(self.source, self.origin.field, backend)
            yield Fix(f"Route {where} to port {backend['port']} of {self.host}", (change,))
        instead = ", or let applications request the address to which it redirects" if self.key == "redirect" else ""
        yield Fix(f"Give {where} a route to {self.host}{instead}")

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.source,)


def _flat(written: Any) -> str:
    if not isinstance(written, dict):
        return str(written)
    return ", ".join(f"{key} {_flat(value)}" for key, value in written.items())


@dataclass(frozen=True, slots=True)
class OtherDestination(RouteFault):
    """A rule at the gateway that sends the request to a destination of another host."""

    name: ClassVar[str] = "other-destination"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    at: GatewayHop
    step: Step
    source: VirtualService

    def sentence(self) -> str:
        gateway, where = self.at.broken.facts.gateway.ref, self.at.broken.end.reached
        return (
            f"{self.step.origin.field} of {self.source.ref} makes {gateway} send {self.at.host} to {where}, "
            "which is declared for another host"
        )

    def evidence(self) -> tuple[Evidence, ...]:
        reached = self.at.broken.end.service or self.at.broken.end.reached
        field = f"{self.step.origin.field}.route[*].destination.host"
        return (Evidence(self.source.ref, field, reached, self.at.host),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for server in self.at.servers:
            for routes in self.at.routes:
                if server.name in routes.gateways:
                    name = name_in(server.name, routes.source)
                    rule = rule_from_gateway(broken, server, name, routes.hosts)
                    yield from self._own_rules(routes, kind_of_server(server), rule)
        for routes in (each for each in self.at.routes if each.source == self.source):
            for written in self._deciding(routes):
                for index, _ in enumerate(items(written.raw, "route")):
                    path = f"{written.field}.route[{index}].destination.host"
                    yield Fix(f"Route to {self.at.host}", (set_field(self.source, path, self.at.host),))

    def _own_rules(self, routes: HostRules, kind: RuleKind, rule: WrittenRule) -> Iterator[Fix]:
        """A rule for the host, before the one that decides if both are in one VirtualService."""
        title = f"Route {self.at.host} to itself first"
        deciding = [each for each in self._deciding(routes) if is_of_kind(each, kind)]
        for written in deciding:
            for each in rules_for_same_requests(written, rule):
                yield Fix(title, (instead_of(written, each),))
        if not deciding:
            yield Fix(f"Route {self.at.host} to itself", (with_last_rule(routes.source, kind, rule),))

    def _deciding(self, routes: HostRules) -> list[RoutingRule]:
        origin = self.step.origin
        return [each for each in rules_of(routes.rules) if (each.source, each.field) == (origin.source, origin.field)]

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.source,)
