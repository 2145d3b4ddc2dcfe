"""Reasons why no rule at a client's sidecar matches a request.

All VirtualServices that could match are visible to the sidecar.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import GATEWAY_API, TCPRoute
from checks.facts.istio_networking import Sidecar, VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest, rules_of
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.sidecar.other_scheme import of_other_scheme
from checks.istio.fixes.entries import entry_for
from checks.istio.fixes.fields import set_field
from checks.istio.fixes.gateway_api import route_kind
from checks.istio.fixes.gateway_api_hosts import is_configured_by_gateway_api, whole_gateway_api_routes
from checks.istio.fixes.rule_order import with_last_rule
from checks.istio.fixes.rules import (
    RuleKind,
    destination_service,
    kind_of_scheme,
    name_in,
    rule_from_gateway,
    rule_to_gateway,
    rules_of_kind,
    server_for,
)
from checks.istio.fixes.whole_routes import whole_routes
from checks.istio.fixes.written_matches import written_match
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRule, RoutingRules
from checks.istio.mesh.protocols import Protocol
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import mapping, number, text
from checks.model.route import HopName

_KINDS: tuple[RuleKind, ...] = ("http", "tls", "tcp")


def unrouted(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The reasons why the rules for the host do not match the request.

    The last reason is that no VirtualService routes the host to the gateway.
    """
    if broken.client is None or broken.at_gateway or broken.end.ending is Ending.CLUSTER_WAITS:
        return
    kind, server = kind_of_scheme(broken.request.scheme), server_for(broken)
    other = of_other_scheme(broken, kind)
    if other is not None:
        yield other
        return
    applied = [each for each in broken.routes if broken.imports(each.source)]
    for routes in broken.to_gateway:
        source = routes.source
        if isinstance(source, VirtualService) and server is not None and not rules_of_kind(source, kind):
            yield WrongKind(source, server, kind, broken.request.host)
    for routes in sorted(applied, key=lambda each: each not in broken.to_gateway):
        if isinstance(routes.source, VirtualService):
            yield NoMeshRule(routes.source, routes, kind, broken.request.host, broken.request.port)
    if not any(each in broken.to_gateway for each in applied):
        host, gateway, others = (
            broken.request.host,
            broken.facts.gateway.ref,
            tuple(r.source for r in broken.to_gateway),
        )
        kind_of_routes = _route_kind(broken)
        if broken.egress_proxy is not None and not others:
            yield NoRouteOfUnknownHost(host, gateway, others, kind_of_routes, broken.egress_proxy)
        else:
            yield NoRoute(host, gateway, others, kind_of_routes)


def _route_kind(broken: BrokenRequest) -> type[KubernetesObject]:
    """The kind of objects that route hosts to the gateway.

    It is one of the Gateway API only if this version of istiod opens its listeners.
    """
    protocol = kind_of_scheme(broken.request.scheme).upper()
    opened = broken.mesh.configuration.version.listener_protocols
    if protocol not in opened or not is_configured_by_gateway_api(broken):
        return VirtualService
    return route_kind(broken.request.scheme) or TCPRoute


@dataclass(frozen=True, slots=True)
class NoRoute(RouteFault):
    """A host that no object routes from sidecars to the gateway.

    Source: docs/domain/istio.md#b26.
    """

    name: ClassVar[str] = "no-route"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    remaining: ClassVar[bool] = True
    host: str
    gateway: str
    others: tuple[KubernetesObject, ...]
    """Objects that route the host to the gateway, and that the client's sidecar does not apply."""
    routes: type[KubernetesObject]
    """The kind of objects by which hosts are routed to the gateway."""

    def sentence(self) -> str:
        applied = " that the client's sidecar applies" if self.others else ""
        return f"No {self.routes.kind}{applied} routes {self.host} from sidecars to {self.gateway}"

    def evidence(self) -> tuple[Evidence, ...]:
        if self.routes is VirtualService:
            return (Evidence("virtualservices.networking.istio.io", "spec.hosts", "(none)", self.host),)
        resource = f"{self.routes.kind.lower()}s.{GATEWAY_API}"
        return (Evidence(resource, "spec.parentRefs", "(none)", f"a ServiceEntry for {self.host}"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if self.others or broken.request.is_example:
            return
        title = f"Route {self.host} through the gateway"
        if self.routes is not VirtualService:
            yield from (Fix(title, changes) for changes in whole_gateway_api_routes(broken))
        for changes in whole_routes(broken):
            alone, with_entry = Fix(title, changes), Fix(title, (entry_for(broken), *changes))
            yield from (alone, with_entry) if destination_service(broken) is not None else (with_entry, alone)
        if kind_of_scheme(broken.request.scheme) == "tcp":
            yield Fix(f"Free a port of the gateway's Service for {self.host}: plain TCP connections share none")


_WIDER = "it is for every client of the mesh, not only for those that the present rules name"
"""The effect of a new rule beside rules with sourceLabels or sourceNamespace."""


@dataclass(frozen=True, slots=True)
class NoMeshRule(RouteFault):
    """A VirtualService for the host without a rule to the gateway that matches the request."""

    name: ClassVar[str] = "no-mesh-rule"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    remaining: ClassVar[bool] = True
    virtual_service: VirtualService
    routes: RoutingRules
    kind: RuleKind
    host: str
    port: int

    def sentence(self) -> str:
        where = f"{self.host} on port {self.port}"
        return f"No rule of {self.virtual_service.ref} matches requests from sidecars to {where}"

    def evidence(self) -> tuple[Evidence, ...]:
        rules = [each for each in rules_of(self.routes) if each.field.startswith(f"spec.{self.kind}")]
        written = "; ".join(" or ".join(map(written_match, each.matches())) or "every request" for each in rules[:3])
        wanted = f"a {self.kind} rule for mesh and port {self.port}"
        return (Evidence(self.virtual_service.ref, f"spec.{self.kind}[*].match", written or "(none)", wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for leading, field in self._at_undeclared_ports(broken):
            title = f"Patch the port of {leading.field} of {leading.source.ref} to {self.port}"
            yield Fix(title, (set_field(leading.source, field, self.port),))
        server = server_for(broken)
        if server is not None:
            rule = rule_to_gateway(broken, server, self.routes.hosts)
            change = with_last_rule(self.virtual_service, self.kind, rule)
            yield Fix("Add a rule for sidecars", (change,), rest=_WIDER if self._names_clients(broken) else "")

    def _names_clients(self, broken: BrokenRequest) -> bool:
        """Whether a rule to the gateway is for some clients only."""
        leading = (each for each in rules_of(self.routes) if broken.leads_to_gateway(each))
        matches = (match for each in leading for match in each.matches())
        return any(mapping(match, "sourceLabels") or text(match, "sourceNamespace") for match in matches)

    def _at_undeclared_ports(self, broken: BrokenRequest) -> Iterator[tuple[RoutingRule, str]]:
        """The rules to the gateway, and the fields of their ports at which the host has no service."""
        service = broken.client.scope.by_host.get(self.host) if broken.client is not None else None
        ports = service.ports if service is not None else ()
        fitting = {each.number for each in ports if _is_of_kind(self.kind, each.protocol)}
        leading = (each for each in rules_of(self.routes) if broken.leads_to_gateway(each))
        for rule in (each for each in leading if each.field.startswith(f"spec.{self.kind}[")):
            for index, match in enumerate(rule.matches()):
                port, names = number(match, "port"), rule.gateways(match)
                if port and self.port in fitting and port not in fitting and (not names or MESH in names):
                    yield rule, f"{rule.field}.match[{index}].port"

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.virtual_service,)


def _is_of_kind(kind: RuleKind, protocol: Protocol) -> bool:
    """Whether rules of a kind route the connections to a port with this protocol."""
    if kind == "http":
        return protocol.is_http_or_detected
    return protocol.is_tls if kind == "tls" else not (protocol.is_http or protocol.is_tls)


@dataclass(frozen=True, slots=True)
class WrongKind(RouteFault):
    """A VirtualService without a rule of the kind that is needed.

    The request and the gateway's server need rules of another kind (docs/domain/istio.md#b10).
    """

    name: ClassVar[str] = "wrong-kind"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    virtual_service: VirtualService
    server: GatewayServer
    kind: RuleKind
    host: str

    def sentence(self) -> str:
        return f"{self._server} uses only {self.kind} rules, but {self.virtual_service.ref} has none for {self.host}"

    @property
    def _server(self) -> str:
        return f"{self.server.place} of {self.server.written.ref}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = ", ".join(each for each in _KINDS if rules_of_kind(self.virtual_service, each))
        return (Evidence(self.virtual_service.ref, "spec", f"{written} rules", f"{self.kind} rules"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        source, server, hosts = self.virtual_service, self.server, self.virtual_service.hosts
        others = [each for each in _KINDS if each != self.kind and mapping(source.raw, "spec").get(each)]
        rules = [
            rule_to_gateway(broken, server, hosts),
            rule_from_gateway(broken, server, name_in(server.name, source), hosts),
        ]
        rewritten = MergePatch(source, {"spec": {**dict.fromkeys(others), self.kind: rules}})
        yield Fix(f"Rewrite the rules as {self.kind} rules", (rewritten,))
        added = MergePatch(source, {"spec": {self.kind: rules}})
        yield Fix(f"Add {self.kind} rules", (added,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.virtual_service,)


@dataclass(frozen=True, slots=True)
class NoRouteOfUnknownHost(NoRoute):
    """A host without rules that the `egressProxy` of a Sidecar sends to the gateway."""

    name: ClassVar[str] = "no-route-of-unknown-host"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    sidecar: Sidecar

    def sentence(self) -> str:
        return f"No {self.routes.kind} routes {self.host} at {self.gateway}, to which {self.sidecar.ref} sends unknown hosts"

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.sidecar,)
