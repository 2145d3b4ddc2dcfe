"""Rules that take a request at the gateway and do not send it to its destination."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.changes import MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import VirtualService
from checks.istio.faults.broken_request import BrokenRequest, rules_of
from checks.istio.faults.fault import Fix, RouteFault
from checks.istio.faults.gateway_hop import GatewayHop, gateway_hop
from checks.istio.faults.gateway_route import ROUTE_CHECK
from checks.istio.fixes.fields import remove_field, set_field
from checks.istio.fixes.rules import kind_of_server, name_in, rule_from_gateway, rules_of_kind, with_first_rule
from checks.istio.mesh.objects.routing_rules import MESH
from checks.istio.request.outcome import ConfigurationPart, Ending, Step
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
        (
            each
            for each in steps
            if each.part is ConfigurationPart.CLUSTER and each.decision.endswith(f"|{hop.name.host}")
        ),
        None,
    )
    if back is not None and isinstance(back.origin.source, VirtualService):
        yield Loop(hop, back.origin.source, back.origin.field)
    source = steps[-1].origin.source if steps else None
    if source is not None and broken.end.ending in _ACTIONS:
        yield AnswersItself(source, steps[-1].origin.field, *_ACTIONS[broken.end.ending], hop.host)
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
    field: str

    def sentence(self) -> str:
        gateway = self.at.broken.facts.gateway.ref
        return f"{self.field} of {self.source.ref} also matches at the gateway, so {gateway} sends {self.at.host} to itself"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.source.ref, f"{self.field}.match[*].gateways", "(all gateways)", MESH),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        kind, _, rest = self.field.removeprefix("spec.").partition("[")
        index, title = int(rest.partition("]")[0]), "Limit the rule to sidecars"
        for server in self.at.servers:
            if kind != kind_of_server(server):
                continue
            rules = [dict(each) for each in rules_of_kind(self.source, kind_of_server(server))]
            matches = items(rules[index], "match") or ({"port": broken.request.port},)
            rules[index]["match"] = [{**each, "gateways": [MESH]} for each in matches]
            yield Fix(title, (MergePatch(self.source, {"spec": {kind: rules}}),))
            rule = rule_from_gateway(broken, server, name_in(server.name, self.source), self.source.hosts)
            yield Fix(title, (MergePatch(self.source, {"spec": {kind: [*rules, rule]}}),))

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
    field: str
    key: str
    action: str
    host: str

    def sentence(self) -> str:
        return f"{self.field} of {self.source.ref} {self.action} at the gateway for {self.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        index = int(self.field.partition("[")[2].partition("]")[0] or 0)
        rules = self.source.http if isinstance(self.source, VirtualService) else ()
        written = mapping(rules[index], self.key) if index < len(rules) else {}
        return (Evidence(self.source.ref, f"{self.field}.{self.key}", _flat(written) or "(none)", "a route"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if self.key == "fault":
            yield Fix("Remove the fault injection", (remove_field(self.source, f"{self.field}.fault"),))

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
        gateway, where = self.at.broken.facts.gateway.ref, f"{self.at.broken.end.destination}:{self.at.broken.end.port}"
        return (
            f"{self.step.origin.field} of {self.source.ref} makes {gateway} send {self.at.host} to {where}, "
            "which is declared for another host"
        )

    def evidence(self) -> tuple[Evidence, ...]:
        end = self.at.broken.end
        reached = end.service or f"{end.destination}:{end.port}"
        field = f"{self.step.origin.field}.route[*].destination.host"
        return (Evidence(self.source.ref, field, reached, self.at.host),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for server in self.at.servers:
            for routes in self.at.routes:
                if server.name in routes.gateways:
                    name = name_in(server.name, routes.source)
                    rule = rule_from_gateway(broken, server, name, routes.hosts)
                    first = with_first_rule(routes.source, kind_of_server(server), rule)
                    yield Fix(f"Route {self.at.host} to itself first", (first,))
        for routes in (each for each in self.at.routes if each.source == self.source):
            for written in (each for each in rules_of(routes.rules) if each.field == self.step.origin.field):
                for index, _ in enumerate(items(written.raw, "route")):
                    path = f"{written.field}.route[{index}].destination.host"
                    yield Fix(f"Route to {self.at.host}", (set_field(self.source, path, self.at.host),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.source,)
