"""A server of the gateway whose protocol does not match the rules for the host.

Such a server uses rules of another kind: HTTP, TLS or TCP.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.changes import JsonPatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, gateway_hop, is_bound, rule_field, server_place
from checks.istio.faults.gateway.gateway_server import AT_SERVER
from checks.istio.fixes.fields import set_field
from checks.istio.fixes.gateways import new_server
from checks.istio.fixes.rules import RuleKind, kind_of_server
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.findings import Evidence
from checks.model.raw_values import mapping
from checks.model.route import HopName

_KINDS: dict[str, RuleKind] = {"http": "http", "tls": "tls", "tcp": "tcp"}


def at_server_protocol(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The servers on the port that use other rules than the sidecar's."""
    hop = gateway_hop(broken)
    if hop is None or broken.end.ending not in AT_SERVER:
        return
    kind = _kind_of_rule(hop)
    for server in hop.on_port if kind is not None else ():
        if kind is not None and kind_of_server(server) != kind:
            yield WrongServerProtocol(hop, server, kind)


def servers_of_other_kind(hop: GatewayHop) -> Iterator[RouteFault]:
    """The servers on other ports, if no server for the host uses rules of the sidecar's kind.

    They are those of Gateways that the VirtualService of the sidecar's rule names: its rules are never used there.
    """
    kind = _kind_of_rule(hop)
    if kind is None or hop.on_port or any(kind_of_server(each) == kind for each in hop.servers):
        return
    deciding = [each for each in hop.routes if each.source == hop.step.origin.source]
    for server in hop.servers:
        if type(server.gateway) is Gateway and any(is_bound(each, server) for each in deciding):
            yield WrongServerProtocol(hop, server, kind)


def _kind_of_rule(hop: GatewayHop) -> RuleKind | None:
    """The kind of the rule by which the sidecar sends the request."""
    entry = hop.step.origin.entry
    return _KINDS.get(entry.name) if entry is not None else None


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
        path = self.server.field("port.protocol")
        protocol = Evidence(self.server.written.ref, path, written, f"a protocol of {self.kind} rules")
        if port.number == self.at.name.port:
            return (protocol,)
        number = self.server.field("port.number")
        return (protocol, Evidence(self.server.written.ref, number, str(port.number), str(self.at.name.port)))

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        raw: dict[str, Any] = dict(self.server.server.raw)
        mesh_tls = self.at.tls is not None and self.at.tls.mode == "ISTIO_MUTUAL"
        number = self.at.name.port
        wanted = new_server(self.kind, number, [], mesh_tls=mesh_tls)
        port = {**mapping(raw, "port"), "number": number, "protocol": wanted["port"]["protocol"]}
        kept = {key: value for key, value in raw.items() if key not in ("port", "tls")}
        changed = {**kept, "port": port, **({"tls": wanted["tls"]} if "tls" in wanted else {})}
        place = self.server.place
        moved = "" if number == self.server.server.port.number else f" and port {number}"
        title = f"Set protocol {port['protocol']}{moved} on the server"
        # One patch: istiod's webhook rejects HTTPS and TLS without TLS settings, and HTTP with mode SIMPLE or MUTUAL.
        patches = (set_field(self.server.written, f"{place}.port", port), *self._tls(changed))
        operations = tuple(operation for each in patches for operation in each.operations)
        yield Fix(title, (JsonPatch(self.server.written, operations),))

    def _tls(self, changed: dict[str, Any]) -> Iterator[JsonPatch]:
        place = self.server.place
        tls = changed.get("tls")
        if tls is not None or self.server.server.tls is not None:
            yield set_field(self.server.written, f"{place}.tls", tls)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.server.written,)
