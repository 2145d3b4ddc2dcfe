"""Reasons why the sidecar's rule does not route a request to the gateway's Service.

The rule is the one that the client's sidecar applies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import GatewayRoute
from checks.facts.istio_networking import VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest, destinations_of
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.fixes.fields import remove_field, set_field
from checks.istio.fixes.gateway_api import gateway_backend
from checks.istio.fixes.gateway_api_rules import filter_field, routed_instead
from checks.istio.fixes.rule_order import instead_of, is_of_kind, rules_for_same_requests
from checks.istio.fixes.rules import gateway_servers, has_host, kind_of_server, rule_to_gateway, server_for
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import items, mapping, text
from checks.model.route import HopName

_ANSWERS = {
    Ending.REDIRECT: "redirect",
    Ending.DIRECT_RESPONSE: "directResponse",
    Ending.FAULT_INJECTION: "fault",
}


def at_sidecar_rule(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The faults of the rule by which the sidecar routes the request."""
    if broken.client is None or broken.at_gateway:
        return
    rule, end = broken.rule, broken.end
    if rule is not None and end.ending in _ANSWERS and end.proxy == broken.client.name:
        yield Answered(rule, _ANSWERS[end.ending])
    elif rule is not None and broken.leads_to_gateway(rule) and len(items(rule.raw, "route")) > 1:
        yield PartlyElsewhere(rule, broken.service, broken.facts.gateway.ref, broken.request.host)
    if rule is not None and not broken.leads_to_gateway(rule) and items(rule.raw, "route"):
        yield Elsewhere(rule, broken.request.host, broken.facts.gateway.ref, tuple(_without_effect(broken, rule)))


def _without_effect(broken: BrokenRequest, rule: RoutingRule) -> Iterator[KubernetesObject]:
    """The VirtualServices that route the host to the gateway, and that the sidecar imports."""
    for each in broken.to_gateway:
        if each.source != rule.source and broken.imports(each.source):
            yield each.source


def rerouted(broken: BrokenRequest, rule: RoutingRule) -> Iterator[Fix]:
    """A rule to the gateway before the one that decides, for the same requests."""
    server, source = server_for(broken), rule.source
    if server is None or not isinstance(source, VirtualService) or not is_of_kind(rule, kind_of_server(server)):
        return
    first = rule_to_gateway(broken, server, source.hosts or broken.hosts_of(rule))
    for each in rules_for_same_requests(rule, first):
        yield Fix(f"Route {broken.request.host} through the gateway first", (instead_of(rule, each),))


@dataclass(frozen=True, slots=True)
class Elsewhere(RouteFault):
    """A rule by which the host bypasses the gateway.

    It belongs to another VirtualService that wins, or comes earlier in the same one (docs/domain/istio.md#b23).
    """

    name: ClassVar[str] = "elsewhere"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    rule: RoutingRule
    host: str
    gateway: str
    others: tuple[KubernetesObject, ...]
    """Objects that route the host to the gateway and have no effect."""

    def sentence(self) -> str:
        to = ", ".join(dict.fromkeys(text(each, "host") for each in destinations_of(self.rule)))
        where = f"{self.rule.field} of {self.rule.source.ref}"
        stated = f"{where} routes {self.host} from sidecars to {to} instead of {self.gateway}"
        if not self.others:
            return stated
        newer = all(str(each.created) > str(self.rule.source.created) for each in self.others)
        named = ", ".join(each.ref for each in self.others)
        return f"{stated}; {named} routes it there, but {'is newer and ' if newer else ''}has no effect"

    def evidence(self) -> tuple[Evidence, ...]:
        written = next((text(each, "host") for each in destinations_of(self.rule)), "")
        field = f"{self.rule.field}.route[0].destination.host"
        return (Evidence(self.rule.source.ref, field, written, f"the Service of {self.gateway}"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield from rerouted(broken, self.rule)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.rule.source, *self.others[:2])


@dataclass(frozen=True, slots=True)
class PartlyElsewhere(RouteFault):
    """A rule by which a part of the requests bypasses the gateway."""

    name: ClassVar[str] = "partly-elsewhere"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    rule: RoutingRule
    service: str
    gateway: str
    host: str

    def sentence(self) -> str:
        others = (self.rule.destination(each) for each in destinations_of(self.rule))
        named = ", ".join(dict.fromkeys(each for each in others if each != self.service))
        where = f"{self.rule.field} of {self.rule.source.ref}"
        return f"{where} routes part of the requests for {self.host} to {named}, bypassing {self.gateway}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = ", ".join(text(each, "host") for each in destinations_of(self.rule))
        field = f"{self.rule.field}.route[*].destination.host"
        return (Evidence(self.rule.source.ref, field, written, self.service),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        routes = items(self.rule.raw, "route")
        kept = [each for each in routes if self.rule.destination(mapping(each, "destination")) == self.service]
        whole = [{key: value for key, value in each.items() if key != "weight"} for each in kept[:1]]
        if whole and isinstance(self.rule.source, VirtualService):
            change = set_field(self.rule.source, f"{self.rule.field}.route", whole)
            yield Fix("Route all of them through the gateway", (change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.rule.source,)


@dataclass(frozen=True, slots=True)
class Answered(RouteFault):
    """A rule that answers instead of routing.

    It has a redirect, a direct response, or fault injection.
    """

    name: ClassVar[str] = "answered"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    rule: RoutingRule
    field: str

    def sentence(self) -> str:
        kind = self.field
        if isinstance(self.rule.source, GatewayRoute):
            kind = "RequestRedirect" if self.field == "redirect" else "no backend"
        return f"{self.rule.field} of {self.rule.source.ref} answers requests itself ({kind})"

    def evidence(self) -> tuple[Evidence, ...]:
        source, field = self.rule.source, f"{self.rule.field}.{self.field}"
        if isinstance(source, GatewayRoute) and self.field == "directResponse":
            return (Evidence(source.ref, f"{self.rule.field}.backendRefs", "(none)", "a backend"),)
        if isinstance(source, GatewayRoute):
            field = filter_field(source, self.rule.field, self.field)
        return (Evidence(source.ref, field, "set", "not set"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if isinstance(self.rule.source, GatewayRoute):
            yield from self._with_backend(broken, self.rule.source)
        if not isinstance(self.rule.source, VirtualService):
            return
        if items(self.rule.raw, "route"):
            change = remove_field(self.rule.source, f"{self.rule.field}.{self.field}")
            yield Fix(f"Remove {self.field} from {self.rule.field} of {self.rule.source.ref}", (change,))
        else:
            yield from rerouted(broken, self.rule)

    def _with_backend(self, broken: BrokenRequest, route: GatewayRoute) -> Iterator[Fix]:
        """The rule with the gateway as its backend, or advice."""
        where = f"{self.rule.field} of {route.ref}"
        ports = (each.server.port.number for each in gateway_servers(broken) if has_host(each, broken.request.host))
        for port in dict.fromkeys(ports):
            change = routed_instead(route, self.rule.field, gateway_backend(broken, port, route.namespace))
            yield Fix(f"Route {where} to port {port} of {broken.facts.gateway.ref}", (change,))
        yield Fix(f"Give {where} a backend, or let applications request the address to which it redirects")

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.rule.source,)
