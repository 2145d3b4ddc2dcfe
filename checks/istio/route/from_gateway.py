"""From the gateway's Service to its way out: the pods, the server, and the rule that sends the request on."""

from collections.abc import Iterator

from checks.facts.fact import Unreadable
from checks.facts.services import Service
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.gateway_hop import Exit, leave
from checks.istio.route.gateways import BoundServer
from checks.istio.route.needs import routes_about
from checks.istio.route.obstacles import Blocked, Obstacle
from checks.istio.route.registry import bound_to
from checks.istio.route.server_door import server_for
from checks.istio.route.stay import Stay, said_of
from checks.istio.route.virtual_services import ids_about, overlap, sees
from checks.istio.route.visibility import discovered
from checks.model.route import Decision, HopName, Rival

AT_DESTINATION = frozenset({Fault.UNKNOWN_DESTINATION, Fault.NO_DESTINATION_PORT})
"""Breaks of the gateway's rule that lie in the destination's ServiceEntry."""


def pass_gateway(stay: Stay) -> Exit | None:
    """Follows the request through the gateway; None where it ends there."""
    _service(stay)
    if stay.walk.ended:
        return None
    server = server_for(stay)
    return _rule(stay, server) if server is not None else None


def _service(stay: Stay) -> None:
    """The gateway's Service, its port, and the pods behind it."""
    facts, walk, arrival = stay.facts, stay.walk, stay.arrival
    gateway = facts.gateway
    named = f"Service {gateway.namespace}/{gateway.name}"
    try:
        service = facts.get(Service, gateway.name, gateway.namespace)
        pods = facts.pods()
    except Unreadable as gap:
        walk.unknown(HopName.SERVICE, gap, ends=False)
        return
    if service is None:
        walk.breaks(HopName.SERVICE, Blocked(Obstacle.NO_SERVICE), f"{named} does not exist")
        return
    offered = [each.port for each in service.ports]
    shown = [Decision(named, "spec.ports", ", ".join(map(str, offered)))]
    if arrival.gateway_port not in offered:
        rule, destination = arrival.rule, arrival.destination
        cause = Break(
            Fault.WRONG_PORT, stay.host, rule.route, rule, destination, port=arrival.gateway_port, text=shown[0].chosen
        )
        shown.insert(0, Decision(rule.route.ref, f"{destination.path}.port.number", str(arrival.gateway_port)))
        walk.breaks(HopName.SERVICE, cause, f"{named} has no port {arrival.gateway_port}", shown)
        return
    ready = sum(1 for pod in pods if pod.ready)
    if not ready:
        says = f"{named} has no ready pod ({len(pods)} in all)"
        walk.breaks(HopName.SERVICE, Blocked(Obstacle.NO_READY_POD), says, shown)
        return
    one = "1 ready pod" if ready == 1 else f"{ready} ready pods"
    doubts = [f"{len(pods) - ready} of {len(pods)} pods are not ready"] if ready < len(pods) else []
    walk.passes(HopName.SERVICE, f"port {arrival.gateway_port}, {one}", shown, doubts=doubts)


def _rule(stay: Stay, server: BoundServer) -> Exit | None:
    """The rule that the gateway asks, and where it sends."""
    facts, found, walk = stay.facts, stay.found, stay.walk
    passing = leave(facts, found, stay.host, server)
    rivals = tuple(_other_routes(stay, server, passing.exits))
    hard = [each for each in passing.breaks if not each.warns]
    if not passing.exits and hard:
        _broken_rule(stay, hard[0], rivals)
        return None
    if not passing.exits:
        walk.breaks(
            HopName.GATEWAY_ROUTE, Blocked(Obstacle.ANSWERED), "a rule of the gateway responds directly", (), rivals
        )
        return None
    leaving = passing.exits[0]
    doubts = [each.fault.value for each in passing.breaks]
    doubts += [f"part of the requests goes to {each.destination.written}" for each in passing.exits[1:]]
    walk.passes(
        HopName.GATEWAY_ROUTE,
        f"to {leaving.destination.host}:{leaving.port}",
        [_taken(leaving)],
        rivals,
        doubts,
    )
    return leaving


def _taken(leaving: Exit) -> Decision:
    port = f":{leaving.destination.port}" if leaving.destination.port else ""
    why = f"bound to Gateway {leaving.server.name}"
    return Decision(leaving.rule.route.ref, leaving.rule.path, f"{leaving.destination.written}{port}", why)


def _broken_rule(stay: Stay, broken: Break, rivals: tuple[Rival, ...]) -> None:
    walk = stay.walk
    rule, destination, route = broken.rule, broken.destination, broken.route
    shown = []
    if rule is not None and destination is not None:
        port = f":{destination.port}" if destination.port else ""
        shown = [Decision(rule.route.ref, rule.path, f"{destination.written}{port}")]
    elif route is not None:
        shown = [Decision(route.ref, "spec.gateways", ", ".join(route.gateways))]
    says = said_of(stay, broken)
    if broken.fault in AT_DESTINATION and rule is not None and destination is not None:
        walk.passes(HopName.GATEWAY_ROUTE, f"{rule.route.ref} routes it to {destination.written}", shown, rivals)
        walk.breaks(HopName.ENTRY, broken, says, shown)
        return
    walk.breaks(HopName.GATEWAY_ROUTE, broken, says, shown, rivals)


def _other_routes(stay: Stay, server: BoundServer, exits: tuple[Exit, ...]) -> Iterator[Rival]:
    """VirtualServices for the host that the server does not ask, and why."""
    facts, found = stay.facts, stay.found
    namespace = facts.gateway.namespace
    used = {id(each.rule.route) for each in exits}
    bound = {id(each) for each in bound_to(facts, server.name)}
    about = ids_about(facts, stay.host)
    others = {
        id(each): each for each in (*routes_about(found, stay.host), *bound_to(facts, server.name)) if id(each) in about
    }
    for key, route in list(others.items())[:40]:
        if key in used:
            continue
        if key not in bound:
            yield Rival(route.ref, f"does not name Gateway {server.name}")
        elif not overlap(route, server, stay.host):
            continue
        elif not discovered(facts, route.namespace, found.mesh):
            yield Rival(route.ref, f"istiod does not discover namespace {route.namespace}")
        elif not sees(facts, route, namespace, found.mesh):
            yield Rival(route.ref, f"not exported to {namespace}")
        elif used:
            yield Rival(route.ref, "newer, or for a less specific host")
