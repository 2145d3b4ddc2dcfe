"""Why no rule of a VirtualService takes a request at the gateway's server."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway, VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, HostRules, gateway_hop, is_bound, server_place
from checks.istio.faults.gateway.gateway_server import AT_SERVER
from checks.istio.fixes.exports import exported_to
from checks.istio.fixes.gateways import bound_to, named_instead
from checks.istio.fixes.rule_order import with_last_rule
from checks.istio.fixes.rules import kind_of_server, name_in, rule_from_gateway, rules_of_kind
from checks.istio.fixes.written_matches import written_match
from checks.istio.mesh.configuration import is_exported
from checks.istio.mesh.objects.routing_rules import MESH
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import items
from checks.model.route import HopName

_ENDINGS = AT_SERVER | {Ending.OTHER_DESTINATION}


def at_gateway_route(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The reasons in the VirtualServices for the host, for each server that has it."""
    hop = gateway_hop(broken)
    if hop is None or broken.end.ending not in _ENDINGS:
        return
    bindable = [
        each for each in hop.servers if type(each.gateway) is Gateway
    ]  # listeners of the Gateway API have routes
    for server in bindable:
        for routes in hop.routes:
            yield from _not_applied(hop, routes, server)


def _not_applied(hop: GatewayHop, routes: HostRules, server: GatewayServer) -> Iterator[RouteFault]:
    source, namespace = routes.source, hop.broken.facts.gateway.namespace
    configuration = hop.proxies[0].mesh.configuration
    if not is_bound(routes, server):
        for wrong in sorted(routes.gateways - set(hop.existing) - {MESH}):
            yield NamesUnknownGateway(source, wrong, server)
        yield NotBound(routes, server, hop.host)
    if not is_exported(source.export_to, configuration.virtual_services_exported, source.namespace, namespace):
        yield NotSeenByGateway(source, hop.host, hop.broken.facts.gateway.ref, namespace)
    if is_bound(routes, server):
        yield NoGatewayRule(routes, server, hop.host)


@dataclass(frozen=True, slots=True)
class NotSeenByGateway(RouteFault):
    """A VirtualService that is not exported to the gateway's namespace.

    Source: docs/domain/istio.md#b09.
    """

    name: ClassVar[str] = "not-seen-by-gateway"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    virtual_service: VirtualService
    host: str
    egress: str
    namespace: str

    def sentence(self) -> str:
        return f"{self.virtual_service.ref} for {self.host} is not exported to the namespace of {self.egress}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = ", ".join(self.virtual_service.export_to) or "(not set)"
        return (Evidence(self.virtual_service.ref, "spec.exportTo", written, self.namespace),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        title = f"Export {self.virtual_service.ref} to the gateway's namespace"
        yield Fix(title, (exported_to(self.virtual_service, [self.namespace]),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.virtual_service,)


@dataclass(frozen=True, slots=True)
class NamesUnknownGateway(RouteFault):
    """A VirtualService that names a missing Gateway, while another Gateway has the host.

    Source: docs/domain/istio.md#b06.
    """

    name: ClassVar[str] = "no-such-gateway"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    virtual_service: VirtualService
    wrong: str
    server: GatewayServer

    def sentence(self) -> str:
        return f"{self.virtual_service.ref} names Gateway {self.wrong}, which does not exist"

    def evidence(self) -> tuple[Evidence, ...]:
        written = ", ".join(self.virtual_service.gateways)
        return (Evidence(self.virtual_service.ref, "spec.gateways", written, self.server.name),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        title = f"Patch {self.virtual_service.ref} to name {self.server.gateway.ref}"
        yield Fix(title, (named_instead(self.virtual_service, self.wrong, self.server.name),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.virtual_service, self.server.written)


@dataclass(frozen=True, slots=True)
class NotBound(RouteFault):
    """A VirtualService that does not name the Gateway that has its host.

    Source: docs/domain/istio.md#b06.
    """

    name: ClassVar[str] = "not-bound"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    routes: HostRules
    server: GatewayServer
    host: str

    def sentence(self) -> str:
        source = self.routes.source.ref
        return f"{source} does not list {self.server.gateway.ref} in its gateways, so the gateway has no rule for {self.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = ", ".join(self.routes.source.gateways)
        return (Evidence(self.routes.source.ref, "spec.gateways", written, self.server.name),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        source, kind = self.routes.source, kind_of_server(self.server)
        title = f"Bind {source.ref} to the Gateway"
        yield Fix(title, (bound_to(source, self.server),))
        name = name_in(self.server.name, source)
        rule = rule_from_gateway(broken, self.server, name, self.routes.hosts)
        rules = [*(_scoped(each, [MESH]) for each in rules_of_kind(source, kind)), rule]
        yield Fix(title, (MergePatch(source, {"spec": {"gateways": [name, *source.gateways], kind: rules}}),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.routes.source, self.server.written)


def _scoped(rule: object, gateways: list[str]) -> dict[str, object]:
    """A rule for these Gateways only, unless it names some already."""
    copied = dict(rule) if isinstance(rule, dict) else {}
    matches = items(copied, "match") or ({},)
    return {**copied, "match": [{**each, "gateways": each.get("gateways") or gateways} for each in matches]}


@dataclass(frozen=True, slots=True)
class NoGatewayRule(RouteFault):
    """A VirtualService at the gateway without a rule that matches the request there.

    Source: docs/domain/istio.md#b06.
    """

    name: ClassVar[str] = "no-gateway-rule"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    routes: HostRules
    server: GatewayServer
    host: str

    def sentence(self) -> str:
        return f"No rule of {self.routes.source.ref} matches {self.host} at {server_place(self.server)}"

    def evidence(self) -> tuple[Evidence, ...]:
        kind = kind_of_server(self.server)
        wanted = f"a {kind} rule for {self.server.name} and port {self.server.server.port.number}"
        rules = rules_of_kind(self.routes.source, kind)
        written = "; ".join(
            " or ".join(map(written_match, items(each, "match"))) or "every request" for each in rules[:3]
        )
        return (Evidence(self.routes.source.ref, f"spec.{kind}[*].match", written or "(none)", wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        source, kind = self.routes.source, kind_of_server(self.server)
        rule = rule_from_gateway(broken, self.server, name_in(self.server.name, source), self.routes.hosts)
        yield Fix("Add a rule for the gateway", (with_last_rule(source, kind, rule),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.routes.source,)
