"""The client's side of a request, and how what was chosen there, and what lost, is told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import Configuration
from checks.istio.route.hosts import most_specific
from checks.istio.route.needs import routes_about
from checks.istio.route.registry import rules
from checks.istio.route.rules import MESH, Destination, Rule, gateway_refs
from checks.istio.route.starts import Start
from checks.istio.route.virtual_services import hosts_of, mesh_routes, sees
from checks.istio.route.visibility import discovered
from checks.istio.route.walk import Walk
from checks.model.route import Decision, Rival


@dataclass(frozen=True, slots=True)
class Leg:
    """What is asked of the client's side: the gateway's configuration, where requests start, and what they are."""

    facts: Facts
    found: Configuration
    start: Start
    walk: Walk
    meant: bool

    @property
    def host(self) -> str:
        return self.walk.dial.host

    def breaking(self, fault: Fault, route: VirtualService | None = None, **more: object) -> Break:
        """A break for these clients."""
        return Break(fault, self.host, route, clients=(self.start.clients,), **more)  # type: ignore[arg-type]


def labels_of(start: Start) -> tuple[dict[str, str], ...]:
    """The labels of the clients' pods, as far as one stands for all."""
    return tuple(dict(pod.labels) for pod in start.pods[:1])


def chosen_by(rule: Rule, destination: Destination) -> Decision:
    """A rule as what decided: where it sends, and which of its matches took the request."""
    subset = f" subset {destination.subset}" if destination.subset else ""
    port = f":{destination.port}" if destination.port else ""
    return Decision(rule.route.ref, rule.path, f"{destination.written}{port}{subset}", _because(rule))


def _because(rule: Rule) -> str:
    """Which match took the request."""
    if not rule.matches:
        return "it has no match"
    parts = []
    first = rule.matches[0]
    if first.gateways:
        parts.append(f"gateways {', '.join(first.gateways)}")
    if first.port:
        parts.append(f"port {first.port}")
    if first.sni_hosts:
        parts.append(f"sniHosts {', '.join(first.sni_hosts)}")
    return f"match: {', '.join(parts)}" if parts else "its match names no gateway and no port"


def losing(leg: Leg, asked: Iterable[VirtualService]) -> Iterator[Rival]:
    """VirtualServices for the host that the sidecar does not use, and why."""
    facts, dial, start = leg.facts, leg.walk.dial, leg.start
    used = list(asked)
    best = most_specific(hosts_of(used[0]), dial.host) if used else None
    others = {id(r): r for r in (*mesh_routes(facts, dial.host), *routes_about(leg.found, dial.host))}
    for route in list(others.values())[:12]:
        if any(route is each for each in used):
            continue
        if MESH not in gateway_refs(route):
            why = "not for sidecars: mesh is not among its gateways"
        elif not discovered(facts, route.namespace, start.mesh):
            why = f"istiod does not discover namespace {route.namespace}"
        elif not sees(facts, route, start.namespace, start.mesh):
            why = f"not exported to {start.namespace}"
        elif not start.scope.imports_route(route):
            why = f"{start.scope.sidecar.ref if start.scope.sidecar else 'the Sidecar'} does not import it"
        elif not any(rule.kind == dial.kind for rule in rules(facts, route)):
            why = f"has no {dial.kind} rule"
        elif best is not None and most_specific(hosts_of(route), dial.host) != best:
            why = f"for a less specific host than {best}"
        elif used:
            why = f"newer than {used[0].ref}"
        else:
            why = f"no rule matches port {dial.port}"
        yield Rival(route.ref, why)
