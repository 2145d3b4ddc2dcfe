"""Settings that close the gateway to sidecars: `bind`, redirects and tunnels.

They belong to the gateway's servers, or to DestinationRules for the gateway.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import DestinationRule
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, gateway_hop, server_place
from checks.istio.faults.gateway.gateway_server import AT_SERVER
from checks.istio.fixes.fields import remove_field
from checks.istio.fixes.tls_settings import policy_place
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import mapping, text
from checks.model.route import HopName


def at_server_settings(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The servers and the tunnel that keep a request out of the gateway.

    Such a server listens on one address only or redirects; such a tunnel is one that no server expects.
    """
    hop = gateway_hop(broken)
    if hop is not None and broken.end.ending is Ending.HTTPS_REDIRECT:
        yield from (RedirectsToHttps(each, hop.host) for each in hop.on_port)
    if hop is None or broken.end.ending not in AT_SERVER:
        return
    yield from (BoundToAddress(each, hop.host) for each in hop.on_port if each.server.bind)
    place = policy_place(hop.sent) if hop.sent is not None else None
    if place is not None and mapping(place[2], "tunnel"):
        yield TunnelToGateway(hop, place[0], f"{place[1]}.tunnel")


@dataclass(frozen=True, slots=True)
class BoundToAddress(RouteFault):
    """A server with `bind`, which does not listen on the pods' own addresses."""

    name: ClassVar[str] = "server-bound"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-server-unreachable"
    server: GatewayServer
    host: str

    @property
    def _path(self) -> str:
        return self.server.field("bind")

    def sentence(self) -> str:
        return f"{server_place(self.server)} for {self.host} listens only on {self.server.server.bind}"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.server.written.ref, self._path, self.server.server.bind, "(not set)"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix("Remove bind from the server", (remove_field(self.server.written, self._path),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.server.written,)


@dataclass(frozen=True, slots=True)
class TunnelToGateway(RouteFault):
    """A DestinationRule that makes sidecars open a CONNECT tunnel to the gateway.

    No server of the gateway expects one.
    """

    name: ClassVar[str] = "tunnel-to-gateway"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "tls-contract-broken"
    at: GatewayHop
    rule: DestinationRule
    field: str

    def sentence(self) -> str:
        tunnels = f"{self.field} of {self.rule.ref} makes sidecars open a tunnel to {self.at.broken.facts.gateway.ref}"
        return f"{tunnels} for {self.at.host}, but no server on port {self.at.name.port} expects one"

    def evidence(self) -> tuple[Evidence, ...]:
        place = policy_place(self.at.sent) if self.at.sent is not None else None
        written = text(mapping(place[2], "tunnel"), "protocol") or "CONNECT" if place is not None else "CONNECT"
        return (Evidence(self.rule.ref, self.field, written, "(none)"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix("Remove the tunnel", (remove_field(self.rule, self.field),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.rule,)


@dataclass(frozen=True, slots=True)
class RedirectsToHttps(RouteFault):
    """A server with httpsRedirect, which answers plain requests with 301."""

    name: ClassVar[str] = "https-redirect"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-server-unreachable"
    certain: ClassVar[bool] = True
    server: GatewayServer
    host: str

    @property
    def _gateway(self) -> KubernetesObject:
        return self.server.written

    @property
    def _path(self) -> str:
        return self.server.field("tls.httpsRedirect")

    def sentence(self) -> str:
        return f"{self._path} of {self._gateway.ref} redirects plain requests for {self.host} to https"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self._gateway.ref, self._path, "true", "(not set)"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix("Remove httpsRedirect from the server", (remove_field(self._gateway, self._path),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self._gateway,)
