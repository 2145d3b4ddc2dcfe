"""The server of a Gateway that takes a request, and whether it lets it in: protocol, TLS, certificate, authorization."""

from collections.abc import Iterable, Iterator

from checks.facts.fact import Unreadable
from checks.facts.istio_networking import ROOT_NAMESPACE, DestinationRule, EnvoyFilter, Gateway
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.label_selectors import selects
from checks.istio.route.authorization import applying, is_everything, may_match, needs_identity
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.credentials import uses
from checks.istio.route.gateway_hop import missing_server
from checks.istio.route.gateways import BoundServer, ServerClass
from checks.istio.route.obstacles import Blocked, Obstacle
from checks.istio.route.passage import Crossing, Passage
from checks.istio.route.sidecar_hop import Departure, server_of
from checks.istio.route.stay import Stay, has_secret, said_of, tls_decision
from checks.istio.route.tls_contract import TlsBreak, hops
from checks.istio.route.walk import readable
from checks.model.raw_values import items, mapping
from checks.model.route import Decision, HopName, Rival


def server_for(stay: Stay) -> BoundServer | None:
    """The server that takes the request; None where none does, or it does not let it in."""
    facts, found, walk, arrival = stay.facts, stay.found, stay.walk, stay.arrival
    server = server_of(found, stay.host, arrival)
    gap = readable(facts, (Gateway,))
    if server is None and gap is not None:
        walk.unknown(HopName.SERVER, gap, ends=True)
        return None
    if server is None:
        _closed(stay)
        return None
    meant_only = any(server is each for each in found.intended_servers)
    shown = [
        Decision(server.gateway.ref, server.path, written_server(server), _selected(server, meant_only=meant_only))
    ]
    rivals = tuple(_other_servers(stay, server))
    if meant_only:
        hidden = server.name in found.hidden
        why = (
            f"istiod does not discover namespace {server.gateway.namespace}"
            if hidden
            else "its selector selects no pod of it"
        )
        cause = Blocked(Obstacle.NOT_SELECTED, server.gateway, text="hidden" if hidden else "")
        if gap is not None:
            walk.unknown(HopName.SERVER, gap, shown, ends=True)
        else:
            says = f"{server.gateway.ref} does not open port {server.port} on {facts.gateway.ref}: {why}"
            walk.breaks(HopName.SERVER, cause, says, shown, rivals)
        return None
    return server if _let_in(stay, server, shown, rivals) else None


def written_server(server: BoundServer) -> str:
    """A server as people read it: port, protocol, TLS mode, hosts."""
    mode = f" {server.server.tls_mode}" if server.server.tls is not None else ""
    return f"port {server.port} {server.server.port.protocol}{mode}, hosts {', '.join(server.server.hosts[:3])}"


def _selected(server: BoundServer, *, meant_only: bool) -> str:
    selector = ", ".join(f"{key}={value}" for key, value in sorted(server.gateway.selector.items()))
    return f"its selector {selector or '(empty)'} {'does not match' if meant_only else 'matches'} the gateway's pods"


def _closed(stay: Stay) -> None:
    """No server takes the host on the port at which it arrives."""
    facts, found, walk, arrival = stay.facts, stay.found, stay.walk, stay.arrival
    broken = missing_server(facts, found, stay.host, arrival.gateway_port)
    if broken.fault is Fault.NO_SERVER:
        broken = Break(
            broken.fault, stay.host, arrival.rule.route, arrival.rule, arrival.destination, broken.server, broken.port
        )
    lost = broken.server
    rivals = tuple(
        Rival(f"{s.gateway.ref} {s.path}", written_server(s)) for s in found.servers if s.port == arrival.gateway_port
    )
    if lost is not None and lost.lost_to is not None:
        winner = lost.lost_to
        says = f"istiod ignores {lost.path} of {lost.gateway.ref}: {lost.reason}, and {winner.gateway.ref} is older"
        shown = [Decision(winner.gateway.ref, winner.path, written_server(winner), "older, so its server applies")]
        losing = (Rival(lost.gateway.ref, lost.reason),)
        cause = Blocked(Obstacle.SERVER_LEFT_OUT, lost.gateway, (winner.gateway,), text=str(lost.index))
        walk.breaks(HopName.SERVER, cause, says, shown, losing)
        return
    nobody = not any(each.port == arrival.gateway_port and each.lost_to is None for each in found.servers)
    said = ""
    if nobody and walk.dial.scheme == "http":
        said = "503 (UF, connection refused: nothing listens on the port)"
    walk.breaks(HopName.SERVER, broken, said_of(stay, broken), (), rivals[:5], said=said)


def _other_servers(stay: Stay, chosen: BoundServer) -> Iterator[Rival]:
    for each in stay.found.all_servers:
        if each is chosen or not each.concerns(stay.host):
            continue
        if each.lost_to is not None:
            yield Rival(
                f"{each.gateway.ref} {each.path}", f"ignored: {each.reason}, and {each.lost_to.gateway.ref} is older"
            )
        elif any(each is other for other in stay.found.intended_servers):
            yield Rival(f"{each.gateway.ref} {each.path}", "its Gateway does not select the gateway's pods")
        elif each.port != chosen.port:
            yield Rival(f"{each.gateway.ref} {each.path}", f"on port {each.port}, which this request does not use")
        else:
            yield Rival(f"{each.gateway.ref} {each.path}", "also has the host, but is newer or for another protocol")


def _let_in(stay: Stay, server: BoundServer, shown: list[Decision], rivals: tuple[Rival, ...]) -> bool:
    """Whether the server takes what arrives: the kind of rule, TLS, its certificate, and authorization."""
    facts, walk, arrival = stay.facts, stay.walk, stay.arrival
    if server.kind.routes != arrival.kind:
        broken = Break(Fault.WRONG_KIND, stay.host, arrival.rule.route, arrival.rule, server=server)
        says = f"{server.path} is {server.kind.value}, the rule at the sidecar is {arrival.kind}"
        walk.breaks(HopName.SERVER, broken, says, shown, rivals)
        return False
    gap = readable(facts, (DestinationRule,))
    for broken_tls in _first_hop(stay, server):
        if not broken_tls.warns and (gap is None or broken_tls.tls is not None):
            shown.append(tls_decision(broken_tls))
            walk.breaks(HopName.SERVER, broken_tls, broken_tls.fault.value, shown, rivals)
            return False
    doubts = [each.fault.value for each in _first_hop(stay, server) if each.warns]
    if not _certified(stay, server, shown) or not _allowed(stay, server, shown, doubts):
        return False
    doubts.extend(f"{each.ref} may change this" for each in _filters(stay))
    walk.passes(HopName.SERVER, f"accepts it as {server.kind.value}", shown, rivals, doubts)
    return True


def _first_hop(stay: Stay, server: BoundServer) -> tuple[TlsBreak, ...]:
    """What does not fit between sidecar and server."""
    arrival = stay.arrival
    departure = Departure((arrival,), ())
    way = Passage(stay.host, ((arrival.clients, departure),), (Crossing(arrival, server),), (), ())
    broken = hops(stay.facts, stay.found, way)
    return tuple(each for each in broken if each.leaving is None and each.server is not None)


def _certified(stay: Stay, server: BoundServer, shown: list[Decision]) -> bool:
    """Whether the server has the certificate that it needs."""
    wanted = [
        each for each in uses(stay.facts, stay.found, stay.host) if each.receiving and each.thing is server.gateway
    ]
    return all(has_secret(stay, each, HopName.SERVER, shown) for each in wanted)


def _allowed(stay: Stay, server: BoundServer, shown: list[Decision], doubts: list[str]) -> bool:
    """Whether authorization policies let the request in, as far as its host tells."""
    facts, walk, host = stay.facts, stay.walk, stay.host
    try:
        policies = applying(facts, stay.found.labels)
    except Unreadable as gap:
        walk.unknown(HopName.SERVER, gap, shown, ends=False)
        return True
    for policy in policies:
        if policy.action == "DENY" and any(map(is_everything, policy.rules)):
            return _deny(stay, shown, policy, "denies every request")
        if policy.action in ("DENY", "CUSTOM") and any(may_match(rule, host) for rule in policy.rules):
            doubts.append(f"{policy.ref} ({policy.action}) may deny some requests")
    allowing = [each for each in policies if each.action == "ALLOW"]
    fitting = [
        rule
        for policy in allowing
        for rule in policy.rules
        if may_match(rule, host) and not (server.kind is ServerClass.PASSTHROUGH and _blind(rule))
    ]
    if allowing and not fitting:
        return _deny(stay, shown, allowing[0], "allows no request to this host")
    plain = server.server.tls_mode != "ISTIO_MUTUAL"
    if fitting and plain and all(needs_identity(rule) for rule in fitting):
        return _deny(stay, shown, allowing[0], "allows it by the client's identity, which this server does not have")
    if allowing:
        shown.append(Decision(allowing[0].ref, "spec.rules", "allow it"))
    return True


def _blind(rule: object) -> bool:
    """Whether the rule asks for what only plain requests show."""
    operations = (mapping(to, "operation") for to in items(rule, "to"))
    return any(each.get(key) for each in operations for key in ("hosts", "methods", "paths"))


def _deny(stay: Stay, shown: list[Decision], policy: AuthorizationPolicy, how: str) -> bool:
    shown.append(Decision(policy.ref, "spec.rules", how))
    stay.walk.breaks(HopName.SERVER, Blocked(Obstacle.DENIED, policy, text=stay.host), f"{policy.ref} {how}", shown)
    return False


def _filters(stay: Stay) -> Iterable[EnvoyFilter]:
    """EnvoyFilters that may change the gateway's proxies (EG518)."""
    for namespace in dict.fromkeys((stay.facts.gateway.namespace, ROOT_NAMESPACE)):
        for each in stay.facts.readable(EnvoyFilter, namespace):
            if not each.workload_selector or any(selects(each.workload_selector, one) for one in stay.found.labels):
                yield each
