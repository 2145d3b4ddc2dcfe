"""A server of the gateway whose protocol does not match the rules for the host.

Such a server uses rules of another kind: HTTP, TLS or TCP.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.fact import KubernetesObject
from checks.istio.faults.broken_request import BrokenRequest
from checks.istio.faults.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.gateway_hop import GatewayHop, gateway_hop, rule_field, server_place
from checks.istio.faults.gateway_server import AT_SERVER
from checks.istio.fixes.fields import set_field
from checks.istio.fixes.gateways import new_server
from checks.istio.fixes.rules import RuleKind, kind_of_server
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.findings import Evidence
from checks.model.route import HopName

_KINDS: dict[str, RuleKind] = {"http": "http", "tls": "tls", "tcp": "tcp"}


def at_server_protocol(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The servers on the port that use other rules than the sidecar's."""
    hop = gateway_hop(broken)
    if hop is None or broken.end.ending not in AT_SERVER:
        return
    entry = hop.step.origin.entry
    kind = _KINDS.get(entry.name) if entry is not None else None
    for server in hop.on_port if kind is not None else ():
        if kind is not None and kind_of_server(server) != kind:
            yield WrongServerProtocol(hop, server, kind)


@dataclass(frozen=True, slots=True)
class WrongServerProtocol(RouteFault):
    """A server that uses only rules of another kind.

    Source: docs/domain/istio.md#b10, docs/domain/istio.md#server-classes.
    """

    name: ClassVar[str] = "wrong-kind"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    at: GatewayHop
    server: GatewayServer
    kind: RuleKind

    def sentence(self) -> str:
        uses = f"{server_place(self.server)} uses only {kind_of_server(self.server)} rules"
        return f"{uses}, but {rule_field(self.at.step)} routes {self.at.host} by a {self.kind} rule"

    def evidence(self) -> tuple[Evidence, ...]:
        port, mode = self.server.server.port, self.server.mode
        written = port.protocol + (f", TLS mode {mode}" if mode else "")
        path = f"spec.servers[{self.server.index}].port.protocol"
        return (Evidence(self.server.gateway.ref, path, written, f"a protocol of {self.kind} rules"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        raw: dict[str, Any] = dict(self.server.server.raw)
        mesh_tls = self.at.tls is not None and self.at.tls.mode == "ISTIO_MUTUAL"
        wanted = new_server(self.kind, self.server.server.port.number, [], mesh_tls=mesh_tls)
        port = {**raw.get("port", {}), "protocol": wanted["port"]["protocol"]}
        kept = {key: value for key, value in raw.items() if key not in ("port", "tls")}
        changed = {**kept, "port": port, **({"tls": wanted["tls"]} if "tls" in wanted else {})}
        place = f"spec.servers[{self.server.index}]"
        title = f"Set protocol {port['protocol']} on the server"
        yield Fix(title, (set_field(self.server.gateway, f"{place}.port", port), *self._tls(changed)))

    def _tls(self, changed: dict[str, Any]) -> Iterator[Any]:
        place = f"spec.servers[{self.server.index}]"
        tls = changed.get("tls")
        if tls is not None or self.server.server.tls is not None:
            yield set_field(self.server.gateway, f"{place}.tls", tls)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.server.gateway,)
