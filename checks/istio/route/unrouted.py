"""Requests that no rule takes at the sidecar: why, and whether they are refused or go past the gateway."""

from checks.facts.istio_networking import VirtualService
from checks.istio.route.addresses import own_address
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.destination_rules import Effective, effective
from checks.istio.route.leg import Leg, labels_of, losing
from checks.istio.route.needs import routes_about
from checks.istio.route.obstacles import Blocked, Cause, Obstacle
from checks.istio.route.registry import rules
from checks.istio.route.rules import MESH, Rule, gateway_refs
from checks.istio.route.service_entries import Entry, entries_for, is_visible
from checks.istio.route.sidecar_hop import HTTP_PROTOCOLS
from checks.istio.route.tls_contract import TlsBreak, TlsFault
from checks.istio.route.virtual_services import sees
from checks.istio.route.visibility import discovered
from checks.model.route import Decision, HopName


def unrouted(leg: Leg, chosen: tuple[Rule, ...], entry: Entry | None) -> None:
    """No rule takes the request: a host that the sidecar knows is reached directly; one that it does not is refused or let
    pass, by its outbound policy."""
    facts, walk, start, dial = leg.facts, leg.walk, leg.start, leg.walk.dial
    cause = _why_unrouted(leg, chosen, entry)
    rivals = tuple(losing(leg, ()))
    declared = entry.port(dial.port) if entry is not None else None
    if entry is not None and declared is not None:
        shown = [
            Decision(
                entry.ref, "spec.ports", f"{declared.number} {declared.protocol}", "the host is declared at the sidecar"
            )
        ]
        if dial.kind == "tls" and declared.protocol in HTTP_PROTOCOLS:
            broken = leg.breaking(
                Fault.WRONG_PROTOCOL, chosen[0].route if chosen else None, rule=chosen[0] if chosen else None,
                port=dial.port, text=f"{entry.ref} | {declared.protocol}",
            )  # fmt: skip
            walk.breaks(HopName.MESH_ROUTE, broken, f"{entry.ref} declares port {dial.port} as HTTP, not TLS", shown)
            return
        used = _direct_rule(leg, entry)
        tls = used.tls(dial.port) if used else None
        if dial.kind == "tls" and tls is not None and tls.encrypts:
            where = (dial.host, dial.host, dial.port, "", None, None)
            double = TlsBreak(TlsFault.DOUBLE_DIRECT, *where, tls, used, clients=(start.clients,))
            shown.append(Decision(tls.rule.ref, tls.path, tls.mode))
            walk.breaks(HopName.MESH_ROUTE, double, f"{tls.rule.ref} wraps the application's TLS again", shown)
            return
        says = f"{_reason(leg, cause)}: the sidecar sends it directly to {dial.host}:{dial.port}"
        walk.leaves(HopName.MESH_ROUTE, cause, says, own_address(facts, start.pods), shown, rivals)
        return
    shown = [
        Decision(start.policy[1], "outboundTrafficPolicy.mode", start.policy[0], "no route for the host at the sidecar")
    ]
    if start.strict:
        walk.breaks(HopName.MESH_ROUTE, cause, f"{_reason(leg, cause)}: the sidecar rejects it", shown, rivals)
    else:
        says = f"{_reason(leg, cause)}: the sidecar forwards it unchanged"
        walk.leaves(HopName.MESH_ROUTE, cause, says, own_address(facts, start.pods), shown, rivals)


def _direct_rule(leg: Leg, entry: Entry) -> Effective | None:
    start = leg.start
    return effective(leg.facts, leg.host, start.namespace, entry.entry.namespace, start.mesh, labels_of(start))


def _why_unrouted(leg: Leg, chosen: tuple[Rule, ...], entry: Entry | None) -> Cause:
    """The one reason that decides."""
    facts, found, dial, start = leg.facts, leg.found, leg.walk.dial, leg.start
    if chosen:
        return _no_listener(leg, chosen[0], entry)
    if not leg.meant:
        return Blocked(Obstacle.OTHER_SCHEME)
    mine = routes_about(found, dial.host)
    ours = [each for each in mine if MESH in gateway_refs(each)]
    seen = [each for each in ours if sees(facts, each, start.namespace, start.mesh)]
    hidden = [each for each in seen if not start.scope.imports_route(each)]
    if hidden and len(hidden) == len(seen) and start.scope.sidecar is not None:
        return Blocked(Obstacle.SIDECAR_HIDES, start.scope.sidecar, tuple(hidden), text=dial.host)
    if seen and (other := _of_other_kind(leg, seen)) is not None:
        return other
    if seen:
        return leg.breaking(Fault.NO_MESH_RULE, seen[0])
    if ours:
        seen_at_all = discovered(facts, ours[0].namespace, start.mesh)
        return leg.breaking(Fault.NOT_SEEN_BY_CLIENTS if seen_at_all else Fault.NOT_DISCOVERED, ours[0])
    if mine:
        return leg.breaking(Fault.NOT_MESH, mine[0])
    return leg.breaking(Fault.NO_ROUTE)


def _of_other_kind(leg: Leg, seen: list[VirtualService]) -> Break | None:
    """The break of VirtualServices whose rules are all of another kind than the server asks and the request needs."""
    dial = leg.walk.dial
    if any(rule.kind == dial.kind for route in seen for rule in rules(leg.facts, route)):
        return None
    bound = {ref for route in seen for ref in gateway_refs(route)}
    fitting = [s for s in leg.found.all_servers if s.kind.routes == dial.kind]
    server = next((s for s in fitting if s.concerns(dial.host)), None) or next(
        (s for s in fitting if s.name in bound), None
    )
    return leg.breaking(Fault.WRONG_KIND, seen[0], server=server) if server is not None else None


def _no_listener(leg: Leg, rule: Rule, entry: Entry | None) -> Cause:
    """A rule that no connection comes to, since its port is not declared as what the rule is for."""
    facts, dial, start = leg.facts, leg.walk.dial, leg.start
    hiding = start.scope.sidecar
    if entry is None:
        known = [e for e in entries_for(facts, dial.host) if is_visible(facts, e.entry, start.namespace, start.mesh)]
        if known and hiding is not None:
            return Blocked(Obstacle.ENTRY_HIDDEN, hiding, (known[0].entry,), text=known[0].host)
        existing = tuple(each.entry for each in entries_for(facts, dial.host))
        return Blocked(Obstacle.UNKNOWN_HOST, existing[0] if existing else None, text=dial.host)
    port = entry.port(dial.port)
    text = f"{entry.ref} | {port.protocol if port else ''}"
    return leg.breaking(Fault.WRONG_PROTOCOL, rule.route, rule=rule, port=dial.port, text=text)


def _reason(leg: Leg, cause: Cause) -> str:
    """The reason in words, before what the sidecar does then."""
    match cause:
        case Blocked():
            return _obstructed(leg, cause)
        case Break(fault=Fault.WRONG_PROTOCOL, text=text):
            entry, _, protocol = text.partition(" | ")
            return f"{entry} declares port {leg.walk.dial.port} {f'as {protocol}' if protocol else 'not at all'}"
        case Break(route=route) if route is not None:
            return {
                Fault.NO_MESH_RULE: f"no rule of {route.ref} matches sidecars on port {leg.walk.dial.port}",
                Fault.NOT_SEEN_BY_CLIENTS: f"{route.ref} is not exported there",
                Fault.NOT_DISCOVERED: f"istiod does not discover namespace {route.namespace} with {route.ref}",
                Fault.NOT_MESH: f"{route.ref} does not list mesh",
                Fault.WRONG_KIND: f"{route.ref} has no {leg.walk.dial.kind} rule",
            }[cause.fault]
        case _:
            return f"no VirtualService routes {leg.host} to {leg.facts.gateway.ref}"


def _obstructed(leg: Leg, cause: Blocked) -> str:
    """The obstacle in words."""
    thing = cause.thing.ref if cause.thing is not None else ""
    hidden = ", ".join(each.ref for each in cause.others)
    if cause.obstacle is Obstacle.OTHER_SCHEME:
        return f"no {leg.walk.dial.kind} rule matches port {leg.walk.dial.port}"
    if cause.obstacle in (Obstacle.SIDECAR_HIDES, Obstacle.ENTRY_HIDDEN):
        return f"{thing or 'a Sidecar'} does not import {hidden}"
    return f"{thing} is not exported there" if thing else f"no ServiceEntry declares {leg.host}"
