"""Where a request for a host really goes: its route, followed hop by hop from its clients to the destination.

Pure: facts in, a `Route` out. What each hop decides is the business of the modules beside it; here ways are begun, ended, put
into words, and told once for all clients that fare alike.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from checks.facts.admission_webhooks import MutatingWebhookConfiguration
from checks.facts.fact import Fact
from checks.facts.istio_networking import EnvoyFilter, Sidecar
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.logs import ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Secret
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import Configuration, asked_host, configuration
from checks.istio.route.from_client import depart
from checks.istio.route.from_gateway import pass_gateway
from checks.istio.route.hosts import matches
from checks.istio.route.leg import Leg
from checks.istio.route.mending import corrections
from checks.istio.route.needs import entries_about, routes_about
from checks.istio.route.obstacles import Cause
from checks.istio.route.passage import ROUTE_READS, Passage, passage
from checks.istio.route.registry import rules
from checks.istio.route.rules import RouteKind
from checks.istio.route.starts import Start, starts
from checks.istio.route.stay import Stay
from checks.istio.route.to_destination import reach
from checks.istio.route.virtual_services import mesh_routes
from checks.istio.route.visibility import MeshConfig, mesh_config
from checks.istio.route.walk import Dial, Walk
from checks.istio.route.way_words import summary, way_words
from checks.istio.route.who import unknown_client
from checks.model.requested_host import split_host
from checks.model.route import Correction, Hop, HopName, Mark, Outcome, Route, TracedRequest

TRACE_READS: tuple[type[Fact], ...] = (
    *ROUTE_READS,
    Sidecar,
    AuthorizationPolicy,
    EnvoyFilter,
    Secret,
    MutatingWebhookConfiguration,
    StaticGatewayConfiguration,
    ManagedCluster,
    ProxyLog,
)
"""What tracing a route reads."""

SCHEMES: dict[int, tuple[str, RouteKind]] = {80: ("http", "http"), 443: ("https", "tls")}
"""What applications mean by the usual ports."""


def trace(facts: Facts) -> Route:
    """The route of the question's host. Raises Unreadable where nothing told which gateway it is about, or what selects its
    proxies; everything else that could not be read is an unknown hop."""
    host, gateway = asked_host(facts), str(facts.gateway)
    found = configuration(facts)
    if (stranger := unknown_client(facts)) is not None:
        return Route(host, gateway, stranger.problem, (), True, found.hosts, stranger.problem, stranger.nearest)
    way = passage(facts, host)
    meant = _meant(facts, found, way)
    ways = [each for dial in _dials(facts, host) for each in _ways(facts, found, way, dial, meant)]
    known = _known(found, host)
    return Route(host, gateway, summary(facts, found, host, ways, known=known), tuple(ways), known, found.hosts)


def _known(found: Configuration, host: str) -> bool:
    """Whether anything that is configured for the gateway has to do with the host."""
    return any(matches(each, host) for each in found.hosts) or bool(routes_about(found, host))


def _dials(facts: Facts, host: str) -> tuple[Dial, ...]:
    """What is followed: the asked port, else both http:// and https://."""
    port = split_host(facts.question.host or "")[1]
    if port is None:
        return tuple(Dial(scheme, kind, number, host) for number, (scheme, kind) in SCHEMES.items())
    if port in SCHEMES:
        return (Dial(*SCHEMES[port], port, host),)
    return (_by_declaration(facts, host, port),)


def _by_declaration(facts: Facts, host: str, port: int) -> Dial:
    """Another port carries what its ServiceEntry declares, else what a rule for it is for."""
    protocols = {p.protocol for e in entries_about(facts, host) for p in e.entry.ports if p.number == port}
    kinds = {rule.kind for route in mesh_routes(facts, host) for rule in rules(facts, route) if port in rule.ports}
    if protocols & {"TLS", "HTTPS"} or (not protocols and kinds == {"tls"}):
        return Dial("https", "tls", port, host)
    if protocols & {"TCP"} or (not protocols and kinds == {"tcp"}):
        return Dial("tcp", "tcp", port, host)
    return Dial("http", "http", port, host)


def _meant(facts: Facts, found: Configuration, way: Passage) -> frozenset[RouteKind]:
    """The kinds of requests that the gateway is set up to carry for the host; all where nothing tells."""
    fitting = {c.arrival.kind for c in way.crossings if c.server is not None and c.server.kind.routes == c.arrival.kind}
    served = {
        server.kind.routes for server in found.all_servers if server.lost_to is None and server.concerns(way.host)
    }
    arriving = {crossing.arrival.kind for crossing in way.crossings}
    written = {rule.kind for route in routes_about(found, way.host) for rule in rules(facts, route)}
    return frozenset(fitting or served or arriving or written or {"http", "tls", "tcp"})


@dataclass(frozen=True, slots=True)
class _Followed:
    """A way with the fault that it ends at."""

    way: TracedRequest
    cause: Cause | None
    start: Start


def _ways(
    facts: Facts, found: Configuration, passed: Passage, dial: Dial, meant: frozenset[RouteKind]
) -> Iterator[TracedRequest]:
    """The ways of one kind of request: once for all clients that fare alike."""
    groups = [clients for clients, _ in passed.departures]
    followed: list[_Followed] = []
    for mesh in _gateway_meshes(facts, found):
        config = found if mesh is found.mesh else replace(found, mesh=mesh)
        followed += [
            _follow(facts, config, start, dial, dial.kind in meant) for start in starts(facts, found, groups, dial.port)
        ]
    for alike in _alike(followed):
        first = alike[0]
        names = tuple(dict.fromkeys(name for each in alike for name in each.way.clients))
        revisions = sorted({each.way.revision for each in alike})
        differs = len({each.way.revision for each in followed}) > len(revisions)
        mended = _mended(facts, found, first)
        yield replace(
            first.way,
            clients=names,
            corrections=mended,
            revision=", ".join(revisions) if differs else "",
        )


def _mended(facts: Facts, found: Configuration, followed: _Followed) -> tuple[Correction, ...]:
    cause = followed.cause
    if cause is None or not followed.way.meant:
        return ()
    if isinstance(cause, Break) and cause.fault is Fault.NO_ROUTE and not _carried_by(found, followed.way.scheme):
        # The gateway has no server for such requests: which one it should have is for a person to say.
        return ()
    return corrections(facts, found, cause, asked_host(facts), followed.way.port)


def _carried_by(found: Configuration, scheme: str) -> bool:
    """Whether any server of the gateway is for requests of this scheme."""
    kind = {"http": "http", "https": "tls"}.get(scheme, "tcp")
    return any(server.kind.routes == kind for server in found.all_servers if server.lost_to is None)


def _gateway_meshes(facts: Facts, found: Configuration) -> tuple[MeshConfig, ...]:
    """The settings of each revision of the gateway's pods, where they differ: during an upgrade both kinds of pods stand
    behind the Service."""
    meshes = [found.mesh]
    for revision in facts.gateway.revisions:
        other = mesh_config(facts, revision)
        if other.written and all(other.raw != each.raw for each in meshes):
            meshes.append(other)
    return tuple(meshes)


def _alike(followed: Iterable[_Followed]) -> tuple[list[_Followed], ...]:
    groups: dict[object, list[_Followed]] = {}
    for each in followed:
        hops = tuple(hop for hop in each.way.hops if hop.name is not HopName.CLIENT)
        first = each.way.hops[0]
        key = (hops, first.mark, first.cause, first.result if first.mark is Mark.LEAVES else "")
        groups.setdefault(key, []).append(each)
    return tuple(groups.values())


def _follow(facts: Facts, found: Configuration, start: Start, dial: Dial, meant: bool) -> _Followed:
    walk = Walk(dial)
    arrival = depart(Leg(facts, found, start, walk, meant))
    if arrival is not None:
        stay = Stay(facts, found, walk, arrival)
        leaving = pass_gateway(stay)
        if leaving is not None:
            reach(stay, leaving)
    if walk.outcome is None:
        walk.outcome = Outcome.UNKNOWN if walk.unsure else Outcome.THROUGH
    if walk.outcome is Outcome.BYPASSES:
        says = f"{dial.host}:{dial.port} sees {walk.address}"
        walk.hops.append(Hop(HopName.DESTINATION, Mark.PASSES, says))
    if walk.outcome is Outcome.THROUGH:
        walk.answer = "the destination's answer"
    way = TracedRequest(
        dial.scheme,
        dial.port,
        start.names,
        walk.outcome,
        meant,
        way_words(facts, walk, meant=meant),
        walk.answer,
        walk.address,
        walk.finished(),
        revision=found.mesh.revision,
    )
    return _Followed(way, walk.cause, start)
