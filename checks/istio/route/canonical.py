"""The rules that a host needs, in the shapes of AKS's how-to (domain.md 5.1), fitted to what is there already."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.route.breaks import Break
from checks.istio.route.carried import Configuration
from checks.istio.route.destination_rules import effective
from checks.istio.route.gateways import BoundServer
from checks.istio.route.needs import routes_about
from checks.istio.route.rules import MESH, RouteKind, gateway_ref, rules_of
from checks.istio.route.service_entries import entries_for
from checks.model.raw_values import items, texts

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A break, with what is needed to mend it."""

    facts: Facts
    found: Configuration
    broken: Break

    @property
    def server(self) -> BoundServer | None:
        """The server that the break is about, else the one that serves the host."""
        if self.broken.server is not None:
            return self.broken.server
        live = (s for s in self.found.all_servers if s.lost_to is None)
        return next((s for s in live if s.serves(self.broken.host)), None)


def to_gateway(case: Case, server: BoundServer) -> Raw:
    """The rule that takes the host from sidecars to a server of the gateway."""
    kind, host, subset = server.kind.routes, case.broken.host, _subset(case)
    match: Raw = {"gateways": [MESH], "port": dialled(kind)} | ({"sniHosts": [host]} if kind == "tls" else {})
    destination: Raw = {"host": case.found.service} | ({"subset": subset} if subset else {})
    destination["port"] = {"number": server.port}
    return {"match": [match], "route": [{"destination": destination}]}


def from_gateway(case: Case, server: BoundServer, gateway: str) -> Raw:
    """The rule that takes the host from the server to the destination; `gateway` as the VirtualService names it."""
    kind, host = server.kind.routes, case.broken.host
    match: Raw = {"gateways": [gateway], "port": server.port} | ({"sniHosts": [host]} if kind == "tls" else {})
    destination = {"host": host, "port": {"number": destination_port(case, server)}}
    return {"match": [match], "route": [{"destination": destination}]}


def dialled(kind: RouteKind) -> int:
    """What applications dial."""
    return 443 if kind == "tls" else 80


def destination_port(case: Case, server: BoundServer) -> int:
    """Where the destination listens: 443 for TLS, also for that which the gateway is set up to originate; else the
    server's own port, where the ServiceEntry has it."""
    facts, host, namespace = case.facts, case.broken.host, case.facts.gateway.namespace
    if server.kind.routes == "tls":
        return 443
    entries = entries_for(facts, host)
    numbers = [port.number for each in entries for port in each.entry.ports]
    used = effective(facts, host, namespace, entries[0].entry.namespace if entries else namespace, case.found.mesh)
    for number in numbers:
        tls = used.tls(number) if used else None
        if tls is not None and tls.encrypts:
            return number
    return server.port if server.port in numbers or not numbers else numbers[0]


def _subset(case: Case) -> str:
    """The subset by which the host's VirtualServices reach the gateway's Service, else one whose TLS names the host."""
    found, host, namespace = case.found, case.broken.host, case.facts.gateway.namespace
    for route in routes_about(found, host):
        for rule in rules_of(route):
            for each in rule.destinations:
                if each.host == found.service and each.subset:
                    return each.subset
    used = effective(case.facts, found.service, namespace, namespace, found.mesh)
    if used is None:
        return ""
    for name in used.subset_names:
        settings = (used.tls(port, name) for port in (80, 443))
        if any(tls is not None and tls.sni == host for tls in settings):
            return name
    return ""


def written_name(gateway: str, route: VirtualService) -> str:
    """A Gateway as the VirtualService names it already, also in its rules, else its name or `namespace/name`."""
    named = (each for rule in all_rules(route) for match in items(rule, "match") for each in texts(match, "gateways"))
    for each in (*route.gateways, *named):
        if gateway_ref(each, route.namespace) == gateway:
            return each
    namespace, _, name = gateway.partition("/")
    return name if namespace == route.namespace else gateway


def written_rules(route: VirtualService, kind: RouteKind) -> tuple[Mapping[str, Any], ...]:
    """The rules of a kind as they are written."""
    return {"http": route.http, "tls": route.tls, "tcp": route.tcp}[kind]


def all_rules(route: VirtualService) -> tuple[Mapping[str, Any], ...]:
    """All rules as they are written."""
    return (*route.http, *route.tls, *route.tcp)
