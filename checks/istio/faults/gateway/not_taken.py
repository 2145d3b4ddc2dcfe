"""A request that no server or rule of the gateway takes, if no single object explains it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, gateway_hop
from checks.istio.faults.gateway.gateway_server import AT_SERVER
from checks.model.findings import Evidence
from checks.model.route import HopName


def not_taken(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The last explanation of a request that ends at a server or without a rule."""
    hop = gateway_hop(broken)
    if hop is not None and broken.end.ending in AT_SERVER:
        yield NotTaken(hop)


@dataclass(frozen=True, slots=True)
class NotTaken(RouteFault):
    """A request for which the gateway has no server or rule on its port."""

    name: ClassVar[str] = "not-taken"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    remaining: ClassVar[bool] = True
    at: GatewayHop

    def sentence(self) -> str:
        gateway, scheme = self.at.broken.facts.gateway.ref, self.at.broken.request.scheme
        return f"No server or rule of {gateway} on port {self.at.name.port} takes {scheme} requests for {self.at.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        servers = (
            Evidence(each.written.ref, each.field("hosts"), ", ".join(each.server.hosts), self.at.host)
            for each in self.at.on_port[:3]
        )
        none = Evidence("gateways.networking.istio.io", "spec.servers[*].port.number", "(none)", str(self.at.name.port))
        return tuple(servers) or (none,)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return tuple(dict.fromkeys(each.written for each in self.at.on_port))[:3]
