"""Reasons why a sidecar cannot forward a request to the gateway's Service.

They are its port, its visibility or its pods.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.services import Service
from checks.istio.faults.definition.broken_request import BrokenRequest, destination_field, namespaces_listed
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import is_bound, server_place
from checks.istio.fixes.fields import set_field
from checks.istio.fixes.gateways import moved_server
from checks.istio.fixes.rules import gateway_servers, has_host, kind_of_scheme, kind_of_server
from checks.istio.fixes.service_ports import offered_ports, ports_for
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence, Involved
from checks.model.raw_values import items, number
from checks.model.route import HopName

_EXPORT = "networking.istio.io/exportTo"


def at_gateway_service(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The reasons why the rule's destination is not a ready pod of the gateway."""
    if broken.client is None or broken.at_gateway:
        return
    rule, cluster, ending = broken.rule, broken.end.cluster, broken.end.ending
    if rule is None or cluster is None or cluster.host != broken.service:
        return
    gateway = broken.facts.gateway
    service = broken.facts.get(Service, gateway.name, gateway.namespace)
    if service is None:
        yield NoService(broken.service, str(gateway.ref), rule)
        return
    if ending is Ending.NO_CLUSTER:
        if broken.service not in broken.client.scope.by_host:
            yield ServiceNotExported(service, broken.client_namespaces)
        if cluster.port not in {each.port for each in service.ports}:
            host = broken.request.host
            opened = [s for s in gateway_servers(broken) if s.server.port.number == cluster.port and has_host(s, host)]
            yield from (WrongServerPort(rule, service, cluster.port, host, each) for each in opened[:1])
            yield WrongPort(rule, service, cluster.port, host)
    elif ending in (Ending.NO_ENDPOINT, Ending.NOTHING_ANSWERS):
        yield NoReadyPod(service)


@dataclass(frozen=True, slots=True)
class NoService(RouteFault):
    """A gateway without its Service."""

    name: ClassVar[str] = "no-service"
    hop: ClassVar[HopName] = HopName.SERVICE
    check: ClassVar[str] = "service-not-provisioned"
    certain: ClassVar[bool] = True
    service: str
    gateway: str
    rule: RoutingRule

    def sentence(self) -> str:
        return f"{self.gateway} has no Service {self.service}"

    def evidence(self) -> tuple[Evidence, ...]:
        field = f"{destination_field(self.rule, self.service)}.host"
        return (Evidence(self.rule.source.ref, field, self.service, "a Service that exists"),)


@dataclass(frozen=True, slots=True)
class ServiceNotExported(RouteFault):
    """A gateway's Service that is not visible to the client's sidecar."""

    name: ClassVar[str] = "service-not-exported"
    hop: ClassVar[HopName] = HopName.SERVICE
    check: ClassVar[str] = ROUTE_CHECK
    service: Service
    namespaces: tuple[str, ...]

    def sentence(self) -> str:
        return f"{self.service.ref} is not exported to {namespaces_listed(self.namespaces)}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = self.service.annotations.get(_EXPORT, "(not set)")
        return (
            Evidence(self.service.ref, f"metadata.annotations[{_EXPORT}]", written, ", ".join(self.namespaces[:5])),
        )

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        change = MergePatch(self.service, {"metadata": {"annotations": {_EXPORT: "*"}}})
        yield Fix(f"Export {self.service.ref} to all namespaces", (change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.service,)


@dataclass(frozen=True, slots=True)
class WrongPort(RouteFault):
    """A destination port that the gateway's Service does not have (docs/domain/istio.md#b07)."""

    name: ClassVar[str] = "wrong-port"
    hop: ClassVar[HopName] = HopName.SERVICE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    rule: RoutingRule
    service: Service
    port: int
    host: str

    @property
    def _ports(self) -> str:
        return ", ".join(map(str, offered_ports(self.service))) or "no ports"

    def sentence(self) -> str:
        where = f"{self.rule.field} of {self.rule.source.ref}"
        return f"{where} routes {self.host} to port {self.port} of {self.service.host}, which has {self._ports}"

    def evidence(self) -> tuple[Evidence, ...]:
        field = f"{destination_field(self.rule, self.service.host)}.port.number"
        return (Evidence(self.rule.source.ref, field, str(self.port), self._ports),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield from self._to_ports(dict.fromkeys((*self._served(broken), *offered_ports(self.service))))

    def _served(self, broken: BrokenRequest) -> Iterator[int]:
        """The ports of the Service at which servers for the host listen."""
        kind, offered = kind_of_scheme(broken.request.scheme), offered_ports(self.service)
        fitting = (s for s in gateway_servers(broken) if kind_of_server(s) == kind and has_host(s, self.host))
        yield from (s.server.port.number for s in fitting if s.server.port.number in offered)

    def _to_ports(self, ports: Iterable[int]) -> Iterator[Fix]:
        """The rule with each of these ports instead of the wrong one."""
        for port in ports:
            for index, each in enumerate(items(self.rule.raw, "route")):
                if number(each, "destination", "port", "number") in (None, self.port):
                    field = f"{self.rule.field}.route[{index}].destination.port"
                    change = set_field(self.rule.source, field, {"number": port})
                    yield Fix("Patch the port to one that the Service has", (change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.rule.source,)

    def involved(self) -> tuple[Involved, ...]:
        return (Involved("service", f"{self.service.namespace}/{self.service.name}"),)


@dataclass(frozen=True, slots=True)
class WrongServerPort(WrongPort):
    """A port of a server and its rule that the gateway's Service does not have.

    Source: docs/domain/istio.md#b30.
    """

    name: ClassVar[str] = "wrong-server-port"
    check: ClassVar[str] = "gateway-server-unreachable"
    server: GatewayServer

    def sentence(self) -> str:
        opens = f"{server_place(self.server)} opens port {self.port}, to which {self.rule.field} of"
        return f"{opens} {self.rule.source.ref} routes {self.host}, but {self.service.ref} has {self._ports}"

    def evidence(self) -> tuple[Evidence, ...]:
        written, field = self.server.written.ref, self.server.field("port.number")
        return (Evidence(written, field, str(self.port), self._ports), *WrongPort.evidence(self))

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield from self._to_ports(dict.fromkeys(self._served(broken)))
        bound = [each.source for each in broken.mesh.virtual_services.all_rules() if is_bound(each, self.server)]
        for port in ports_for(broken):
            changes = moved_server(self.server, (self.rule.source, *bound), broken.service, port)
            yield Fix(f"Use port {port} of the gateway's Service", changes)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.server.written, self.rule.source)


@dataclass(frozen=True, slots=True)
class NoReadyPod(RouteFault):
    """A gateway without a ready pod."""

    name: ClassVar[str] = "no-ready-pod"
    hop: ClassVar[HopName] = HopName.SERVICE
    check: ClassVar[str] = "gateway-pods-not-running"
    certain: ClassVar[bool] = True
    service: Service

    def sentence(self) -> str:
        return f"No pod behind {self.service.ref} is ready"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(f"EndpointSlices of {self.service.ref}", "endpoints", "none is ready", "a ready pod"),)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.service,)
