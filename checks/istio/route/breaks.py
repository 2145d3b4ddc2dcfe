"""The places where the way of a request can break, as values: what, at which field of which object, for whom."""

from dataclasses import dataclass
from enum import StrEnum

from checks.facts.istio_networking import VirtualService
from checks.istio.route.clients import Clients
from checks.istio.route.gateways import BoundServer
from checks.istio.route.rules import Destination, Rule


class Fault(StrEnum):
    """What breaks a route (the B-numbers are those of domain.md 5.3)."""

    NO_ROUTE = "no VirtualService routes the host from sidecars to the gateway"  # B05, B26
    NOT_MESH = "the VirtualService does not apply to sidecars"  # B05
    NOT_SEEN_BY_CLIENTS = "the VirtualService is not visible to clients"  # B09
    NOT_DISCOVERED = "istiod does not discover the VirtualService's namespace"  # B28
    NO_MESH_RULE = "no rule matches sidecars"  # B05
    ELSEWHERE = "sidecars route the host elsewhere"  # B05, B23
    WRONG_NAME = "the name of the gateway's Service is wrong"  # B07
    WRONG_PORT = "the gateway's Service has no such port"  # B07, B30
    NO_SUBSET = "the subset is not defined"  # B07
    WRONG_PROTOCOL = "the ServiceEntry's protocol does not match the route"  # B14
    NO_SERVER = "no server of a Gateway has the host on that port"  # B04
    WRONG_KIND = "the kind of the route does not match the server"  # B10
    NO_SUCH_GATEWAY = "the VirtualService names a Gateway that does not exist"  # B06
    NOT_BOUND = "the VirtualService does not name the Gateway"  # B06
    NO_OVERLAP = "the Gateway and the VirtualService have no common host"  # B04
    NOT_SEEN_BY_GATEWAY = "the VirtualService is not visible to the gateway"  # B09
    NO_GATEWAY_RULE = "no rule matches at the gateway"  # B06
    LOOP = "the gateway sends the host to itself"  # B08
    UNKNOWN_DESTINATION = "the destination is unknown"  # B11
    NO_DESTINATION_PORT = "the destination has no such port"  # B13
    DUPLICATE = "another VirtualService for the host is ignored"  # B23
    ANY_PORT = "the rule for sidecars names no port"
    PORT_OMITTED = "the destination names no port"  # IST0112
    PARTLY_ELSEWHERE = "part of the requests bypasses the gateway"
    UNUSED_SERVER = "no route uses the server"


WARNINGS = frozenset({Fault.DUPLICATE, Fault.ANY_PORT, Fault.PORT_OMITTED, Fault.PARTLY_ELSEWHERE, Fault.UNUSED_SERVER})
"""What lets requests through, and only may do harm."""


@dataclass(frozen=True, slots=True)
class Break:
    """One broken place. `route`, `rule`, `destination` and `server` say where, as far as the fault has them; `others` are
    VirtualServices that compete; `clients` those for whom it breaks (empty: for all)."""

    fault: Fault
    host: str
    route: VirtualService | None = None
    rule: Rule | None = None
    destination: Destination | None = None
    server: BoundServer | None = None
    port: int = 0
    text: str = ""
    others: tuple[VirtualService, ...] = ()
    clients: tuple[Clients, ...] = ()

    @property
    def warns(self) -> bool:
        return self.fault in WARNINGS

    @property
    def place(self) -> tuple[object, ...]:
        """The same place is broken for several clients when this is equal."""
        if self.fault is Fault.WRONG_KIND and self.server is not None:
            return (self.fault, self.host, self.server.name, self.server.index)
        return (
            self.fault,
            self.host,
            id(self.route),
            self.rule.path if self.rule else "",
            self.destination.path if self.destination else "",
            (self.server.name, self.server.index) if self.server else None,
            self.port,
        )
