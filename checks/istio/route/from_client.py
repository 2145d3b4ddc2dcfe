"""From the client to the gateway's Service: its sidecar, and the VirtualService that counts there."""

from checks.facts.egress_gateway import COMPONENT_LABEL
from checks.facts.fact import Fact
from checks.facts.istio_networking import ServiceEntry, Sidecar, VirtualService
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.services import Service
from checks.istio.route.addresses import other_gateway, own_address
from checks.istio.route.breaks import Fault
from checks.istio.route.hosts import is_cluster_local, looks_like_service
from checks.istio.route.leg import Leg, chosen_by, losing
from checks.istio.route.needs import routes_about
from checks.istio.route.obstacles import Blocked, Obstacle
from checks.istio.route.registry import rules, services
from checks.istio.route.rules import Destination, Rule, taken
from checks.istio.route.service_entries import Entry, entries_for, is_visible, providing
from checks.istio.route.sidecar_hop import HTTP_PROTOCOLS, TLS_PROTOCOLS, Arrival
from checks.istio.route.sidecar_settings import doubts_about, settings
from checks.istio.route.starts import Start
from checks.istio.route.unrouted import unrouted
from checks.istio.route.virtual_services import SIDECARS, mesh_routes, sees
from checks.istio.route.walk import readable
from checks.model.route import Decision, HopName, Outcome, Rival

UNDECIDED: tuple[type[Fact], ...] = (VirtualService,)
"""Without these nothing after the sidecar can be followed."""


def depart(leg: Leg) -> Arrival | None:
    """Follows the request to the gateway's Service; None where it ends or leaves before that."""
    _client(leg)
    if not leg.walk.ended:
        _sidecar(leg)
    if leg.walk.ended:
        return None
    if (gap := readable(leg.facts, UNDECIDED)) is not None:
        leg.walk.unknown(HopName.MESH_ROUTE, gap, ends=True)
        return None
    return _route(leg)


def _client(leg: Leg) -> None:
    start, walk = leg.start, leg.walk
    names = several(start.names)
    if start.bare:
        cause = Blocked(Obstacle.NOT_INJECTED, start.pods[0] if start.pods else None, text=start.namespace)
        says = f"{names}: no sidecar, so its requests bypass the gateway"
        shown = [Decision(start.pods[0].ref, "spec.containers", "no istio-proxy")] if start.pods else []
        walk.leaves(HopName.CLIENT, cause, says, own_address(leg.facts, start.pods), shown)
    elif start.diverted is not None:
        key, value, what = start.diverted
        cause = Blocked(Obstacle.EXCLUDED, start.pods[0], text=key)
        shown = [Decision(start.pods[0].ref, f"metadata.annotations[{key}]", value)]
        says = f"{names}: requests to {what} bypass the sidecar"
        walk.leaves(HopName.CLIENT, cause, says, own_address(leg.facts, start.pods), shown)
    elif start.unread:
        walk.unknown(HopName.CLIENT, f"not checked: {start.unread[0]}", ends=False)
    else:
        native = [pod for pod in start.pods if all(each.name != "istio-proxy" for each in pod.containers)]
        kind = " (native sidecar)" if native and len(native) == len(start.pods) else ""
        walk.passes(HopName.CLIENT, f"{names}: requests go through the sidecar{kind}")


def several(names: tuple[str, ...]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _sidecar(leg: Leg) -> None:
    start, scope = leg.start, leg.start.scope
    # Without selectors istiod looks at every namespace, whatever its labels.
    named: tuple[type[Fact], ...] = (Namespace,) if start.mesh.discovery_selectors else ()
    if (gap := readable(leg.facts, (Sidecar, ConfigMap, *named))) is not None:
        leg.walk.unknown(HopName.SIDECAR, gap, ends=False)
        return
    policy, decider = start.policy
    unknown = "rejects unknown hosts" if start.strict else "allows unknown hosts"
    decided = [Decision(decider, "outboundTrafficPolicy.mode", policy)]
    if scope.sidecar is None:
        leg.walk.passes(HopName.SIDECAR, f"imports everything; {unknown}", decided)
        return
    imported = ", ".join(f"{namespace}/{dns}" for namespace, dns in scope.imported)
    decided.insert(0, Decision(scope.sidecar.ref, "spec.egress[*].hosts", imported))
    leg.walk.passes(HopName.SIDECAR, f"imports only {imported}; {unknown}", decided)


def _route(leg: Leg) -> Arrival | None:
    """The rule that takes the request at the sidecar, and where that leads."""
    facts, dial, start = leg.facts, leg.walk.dial, leg.start
    routes = _asked(leg)
    chosen = taken(
        (rule for route in routes for rule in rules(facts, route)), dial.kind, SIDECARS, dial.port, dial.host
    )
    entry = _entry(leg)
    declared = entry.port(dial.port) if entry is not None else None
    wanted = HTTP_PROTOCOLS if dial.kind == "http" else TLS_PROTOCOLS
    listens = (
        declared.protocol in wanted
        if declared is not None
        else dial.kind == "tcp" or (dial.kind == "http" and dial.port == 80)
    )
    if dial.kind == "tcp":
        listens = True
    if not chosen or not listens:
        if (gap := readable(facts, (ServiceEntry, Namespace, ConfigMap))) is not None and (entry is None or chosen):
            leg.walk.unknown(HopName.MESH_ROUTE, gap, ends=True)
            return None
        unrouted(leg, chosen, entry)
        return None
    return _send(leg, chosen, routes, start)


def _asked(leg: Leg) -> list[VirtualService]:
    """The VirtualServices whose rules the sidecar asks. Of HTTP the oldest with the most specific host counts alone."""
    facts, dial, start = leg.facts, leg.walk.dial, leg.start
    routes = [
        route
        for route in mesh_routes(facts, dial.host)
        if sees(facts, route, start.namespace, start.mesh)
        and start.scope.imports_route(route)
        and any(rule.kind == dial.kind for rule in rules(facts, route))
    ]
    return routes[:1] if dial.kind == "http" else routes


def _entry(leg: Leg) -> Entry | None:
    """The ServiceEntry by which the sidecar knows the host on the dialled port, else on any."""
    facts, start = leg.facts, leg.start
    seen = [
        each
        for each in entries_for(facts, leg.host)
        if is_visible(facts, each.entry, start.namespace, start.mesh)
        and start.scope.imports_service(each.host, each.entry.namespace)
    ]
    best = [each for each in seen if each.host == seen[0].host]
    ordered = tuple(sorted(best, key=lambda each: each.entry.namespace != start.namespace))
    return providing(ordered, leg.walk.dial.port) or (ordered[0] if ordered else None)


def _send(leg: Leg, chosen: tuple[Rule, ...], routes: list[VirtualService], start: Start) -> Arrival | None:
    """The destination of the rules that the request can take: the gateway's Service, or another way."""
    found, dial = leg.found, leg.walk.dial
    hits = [(rule, each) for rule in chosen for each in rule.destinations if each.host == found.service]
    strays = [(rule, each) for rule in chosen for each in rule.destinations if each.host != found.service]
    rivals = tuple(losing(leg, routes))
    if hits:
        rule, destination = hits[0]
        arrival = Arrival(start.clients, dial.kind, dial.port, rule, destination, destination.port or dial.port)
        partial = not chosen[-1].always(SIDECARS, dial.port, dial.host)
        return arrival if settings(leg, arrival, rivals, doubts_about(strays, rule, partial=partial)) else None
    if not strays:
        rule = chosen[0]
        shown = [Decision(rule.route.ref, rule.path, "redirect or directResponse")]
        cause = Blocked(Obstacle.ANSWERED, rule.route, text=rule.path)
        leg.walk.breaks(HopName.MESH_ROUTE, cause, f"{rule.path} of {rule.route.ref} responds directly", shown, rivals)
        return None
    _stray(leg, *strays[0], rivals)
    return None


def _stray(leg: Leg, rule: Rule, destination: Destination, rivals: tuple[Rival, ...]) -> None:
    """The rule names another destination than the gateway's Service."""
    facts, walk, start = leg.facts, leg.walk, leg.start
    gateway, known = facts.gateway, services(facts)
    shown = [chosen_by(rule, destination)]
    to = f"{rule.path} of {rule.route.ref} routes it to {destination.written}"
    if looks_like_service(destination.host, gateway.name, gateway.namespace):
        cause = leg.breaking(Fault.WRONG_NAME, rule.route, rule=rule, destination=destination)
        walk.breaks(HopName.MESH_ROUTE, cause, f"{to}, which does not exist in the mesh", shown, rivals)
        return
    mine = [each for each in routes_about(leg.found, leg.host) if each is not rule.route]
    stray = leg.breaking(Fault.ELSEWHERE, rule.route, rule=rule, destination=destination, others=tuple(mine))
    service = known.get(destination.host)
    if service is not None:
        foreign = service.labels.get(COMPONENT_LABEL) == "egress-gateway"
        address = other_gateway(service) if foreign else "the source address of that Service's traffic"
        what = f"another egress gateway, {service.ref}" if foreign else service.ref
        walk.leaves(HopName.MESH_ROUTE, stray, f"{to}, {what}", address, shown, rivals, outcome=Outcome.ELSEWHERE)
    elif is_cluster_local(destination.host):
        if (gap := readable(facts, (Service,))) is not None:
            walk.unknown(HopName.MESH_ROUTE, gap, shown, ends=True)
        else:
            walk.breaks(HopName.MESH_ROUTE, stray, f"{to}, a Service that does not exist", shown, rivals)
    elif any(
        is_visible(facts, each.entry, start.namespace, start.mesh) for each in entries_for(facts, destination.host)
    ):
        walk.leaves(
            HopName.MESH_ROUTE, stray, f"{to}, bypassing the gateway", own_address(facts, start.pods), shown, rivals
        )
    elif (gap := readable(facts, (ServiceEntry,))) is not None:
        walk.unknown(HopName.MESH_ROUTE, gap, shown, ends=True)
    else:
        walk.breaks(HopName.MESH_ROUTE, stray, f"{to}, which nothing declares", shown, rivals)
