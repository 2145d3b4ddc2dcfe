"""Requests of a scheme for which the gateway is not configured, although it has the host."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.istio.faults.definition.broken_request import BrokenRequest, rules_of
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.fixes.rules import RuleKind, gateway_servers, has_host, kind_of_server
from checks.istio.mesh.egress_listeners import EgressListener
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.commands import TSG
from checks.model.findings import Evidence
from checks.model.route import HopName


def of_other_scheme(broken: BrokenRequest, kind: RuleKind) -> RouteFault | None:
    """The fault that the gateway is configured for another scheme of the host only."""
    servers = [each for each in gateway_servers(broken) if has_host(each, broken.request.host)]
    if any(kind_of_server(each) == kind for each in servers):
        return None
    imported = [routes for each in _listeners(broken) for routes in each.rules_near((broken.request.host,))]
    routes = [each for each in (*broken.to_gateway, *imported) if any(map(broken.leads_to_gateway, rules_of(each)))]
    own = (rule for each in routes for rule in {"http": each.http, "tls": each.tls, "tcp": each.tcp}[kind])
    if not servers or not routes or any(map(broken.leads_to_gateway, own)):
        return None
    fault = PlainToTlsServer if kind == "http" else OtherScheme
    return fault(broken.request.url, broken.facts.gateway.ref, servers[0])


def _listeners(broken: BrokenRequest) -> tuple[EgressListener, ...]:
    return broken.client.scope.listeners if broken.client is not None else ()


@dataclass(frozen=True, slots=True)
class OtherScheme(RouteFault):
    """A gateway that is configured for another scheme of the host.

    Source: docs/domain/istio.md#https-calls-bypass.
    """

    name: ClassVar[str] = "other-scheme"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = "application-sends-tls"
    certain: ClassVar[bool] = True
    url: str
    gateway: str
    server: GatewayServer

    @property
    def _configured(self) -> str:
        return f"port {self.server.server.port.number} {self.server.server.port.protocol}"

    def sentence(self) -> str:
        return f"The routes to {self.gateway} do not match {self.url}: it has the host only on {self._configured}"

    def evidence(self) -> tuple[Evidence, ...]:
        field = f"{self.server.origin.field}.port"
        return (Evidence(self.server.written.ref, field, self._configured, f"a server for {self.url}"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        scheme = "http" if kind_of_server(self.server) == "http" else "https"
        yield Fix(f"Change the application to call {scheme}://{broken.request.host}", url=TSG)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.server.origin.source,) if self.server.origin.source is not None else ()


@dataclass(frozen=True, slots=True)
class PlainToTlsServer(OtherScheme):
    """An http:// request to a host that the gateway has only on a TLS port."""

    check: ClassVar[str] = ROUTE_CHECK
