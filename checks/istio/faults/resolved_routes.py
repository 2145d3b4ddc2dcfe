"""The routes of a run with their outcomes and faults.

They are those of the question's host, or of every host for which the gateway is configured.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from checks.facts.changes import ChangeRefused
from checks.facts.fact import Fact, Gap, Unreadable
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.configured.conditional_rules import rule_without_example
from checks.istio.configured.configured_hosts import configured_hosts
from checks.istio.configured.intended_clients import intended_clients, missing_client
from checks.istio.configured.request_kinds import RequestKind, concrete, configured_kinds, followed
from checks.istio.configured.request_variants import request_variants
from checks.istio.configured.routing_index import direct_tls_rules
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.proved_faults import Proved, faults_of
from checks.istio.faults.readers import READERS
from checks.istio.fixes.affected import resolved
from checks.istio.mesh.mesh import MESH_READS
from checks.istio.request.client_request import ClientRequest, Clients, joined_clients
from checks.istio.request.clients import clients_of, expected_client, has_sidecar
from checks.istio.request.outcome import End, Ending, RequestOutcome, Result
from checks.istio.request.ready_gateways import with_ready_gateways
from checks.istio.request.routing import Routing, routing
from checks.model.raw_values import number
from checks.model.requested_host import USUAL_PORTS, requested_host

ROUTER_READS: tuple[type[Fact], ...] = (*MESH_READS, Deployment)
"""The kinds that the outcome of a request needs."""

_MOST_EXAMINED = 20
"""The most requests of a run without a host whose faults are searched.

The others are reported without a fault.
"""


@dataclass(frozen=True, slots=True)
class ResolvedRoute:
    """One kind of request with its outcome and faults.

    It has a `gap` instead if an object that decides its outcome, or the fault of a certain outcome, could not be read.
    """

    host: str
    """As objects name it, perhaps a wildcard."""
    request: ClientRequest
    meant: bool
    """Whether the gateway is configured for its scheme."""
    outcome: RequestOutcome
    faults: tuple[Proved, ...] = ()
    gap: Gap | None = None
    examined: bool = True
    """Whether its faults were searched."""

    @property
    def certain(self) -> bool:
        """Whether its outcome is known."""
        return self.outcome.result is not Result.UNKNOWN

    @property
    def through(self) -> bool:
        """Whether it goes through the gateway."""
        return self.outcome.result is Result.THROUGH

    @property
    def through_unless_dns(self) -> bool:
        """Whether it goes through the gateway unless DNS returns one of certain addresses."""
        dependence = self.outcome.dependence
        return dependence is not None and dependence.usual.result is Result.THROUGH


@dataclass(frozen=True, slots=True)
class _AlikeRoutes:
    """Routes of one kind of request that were decided alike, of several groups of clients."""

    members: tuple[ResolvedRoute, ...]

    @property
    def route(self) -> ResolvedRoute:
        """One route for all of them."""
        first = self.members[0]
        clients = joined_clients(each.request.clients for each in self.members)
        return replace(first, request=replace(first.request, clients=clients))


def resolved_routes(facts: Facts) -> tuple[ResolvedRoute, ...]:
    """The routes of the question's host, for every kind of request and all clients.

    Without a host they are those of every host for which the gateway is configured, with ready pods. Raises Unreadable.
    """
    build = _of_question if facts.question.host else _of_configuration
    return facts.once("resolved routes", build, key_of_run(facts))


def key_of_run(facts: Facts) -> tuple[str, str | None, str | None]:
    """The gateway, host and client, on which the routes of a run depend."""
    question = facts.question
    return str(facts.gateway), question.host, question.client


def reported_routes(facts: Facts) -> tuple[ResolvedRoute, ...]:
    """The routes of the run that are meant, and those that another fault conceals.

    A missing sidecar conceals the gateway, and so do pods that are not ready. The faults of these routes are reported
    too, so that they are not found one after the other. Raises Unreadable.
    """
    return facts.once("reported routes", _reported, key_of_run(facts))


def _reported(facts: Facts) -> tuple[ResolvedRoute, ...]:
    question = facts.question
    meant = tuple(each for each in resolved_routes(facts) if each.meant)
    if not question.host or all(each.through for each in meant):
        return meant
    concealed = facts.once("concealed routes", _concealed, key_of_run(facts))
    known = {proved.fault.evidence() for each in meant for proved in each.faults}
    return (*meant, *(each for each in concealed if any(p.fault.evidence() not in known for p in each.faults)))


def _concealed(facts: Facts) -> tuple[ResolvedRoute, ...]:
    ready, clients = with_ready_gateways(facts), clients_of(facts)
    injected = tuple(each for each in clients if has_sidecar(each.pod))
    if ready is facts and injected == clients:
        return ()
    over, host = routing(ready), requested_host(facts.question.host or "")
    others = injected or (expected_client(facts, clients[0].namespace),)
    kinds = [(each.scheme, each.port) for each in configured_kinds(over, host.name)]
    requests = (each for each in followed(over, host, others) if host.specific or (each.scheme, each.port) in kinds)
    found = (_resolved(over, host.name, each, meant=True) for each in requests)
    return tuple(_explained(over, each) for each in found if each.certain and not each.through)


def hosts_through(facts: Facts) -> frozenset[str]:
    """The hosts of the run of which every route is known to go through the gateway."""
    try:
        routes = resolved_routes(facts)
    except Unreadable:
        return frozenset()
    meant = [each for each in routes if each.meant]
    return frozenset(each.host for each in meant) - {each.host for each in meant if not each.through}


def routing_of_run(facts: Facts) -> Routing:
    """The routing by which the routes of this run are resolved. Raises Unreadable."""
    return routing(facts if facts.question.host else with_ready_gateways(facts))


def _of_question(facts: Facts) -> tuple[ResolvedRoute, ...]:
    over, host = routing(facts), requested_host(facts.question.host or "")
    _touch_reads(facts)
    configured = configured_kinds(over, host.name)
    schemes = {each.scheme for each in configured}
    found = (
        _resolved(over, host.name, each, meant=host.specific or not configured or each.scheme in schemes)
        for each in followed(over, host, clients_of(facts))
    )
    return tuple(_explained(over, each) if each.meant else each for each in found)


def _of_configuration(facts: Facts) -> tuple[ResolvedRoute, ...]:
    _touch_reads(facts)
    over = routing(with_ready_gateways(facts))
    over.mesh(max(facts.gateway.revisions, default=""))
    for kind in (Gateway, VirtualService):
        facts.all(kind)  # the hosts are not complete without them
    hosts = configured_hosts(facts).hosts
    clients = clients_of(facts)
    if not any(has_sidecar(each.pod) for each in clients):
        # Without a sidecar nothing reaches the gateway; its own faults show with one.
        clients = (*clients, expected_client(facts, clients[0].namespace))
    found = (route for host in hosts for route in _of_host(over, host, clients))
    return tuple(_diagnosed(over, found))


def _of_host(over: Routing, host: str, every: tuple[Clients, ...]) -> Iterator[_AlikeRoutes]:
    """The routes of a configured host from the clients for which it is configured."""
    clients = intended_clients(over, host, every)
    yield from _wrapped_twice(over, host, clients)
    missing = missing_client(over, host, every)
    for kind in configured_kinds(over, host):
        requests = (ClientRequest(kind.scheme, concrete(host), kind.port, each) for each in clients)
        routes = [_best(over, host, each) for each in requests]
        # A policy that allows some of the clients denies the others on purpose.
        some = any(each.through for each in routes) and not over.facts.question.client
        if missing is not None and _is_routed(over, host, kind, missing.clients):
            routes = [_unknown(each, missing.reason) if each.certain else each for each in routes]
        yield from _together([each for each in routes if not (some and _is_denied(each))])


def _wrapped_twice(over: Routing, host: str, clients: Iterable[Clients]) -> Iterator[_AlikeRoutes]:
    """Requests over TLS that a rule leads elsewhere, if they fail.

    If they get there, they are not the gateway's.
    """
    for rule in direct_tls_rules(over.facts, host):
        ports = {number(each, "port") or USUAL_PORTS["https"] for each in rule.matches()} or {USUAL_PORTS["https"]}
        for port in sorted(ports):
            requests = (ClientRequest("https", concrete(host), port, each) for each in clients)
            routes = [_resolved(over, host, each, meant=True) for each in requests]
            yield from _together([each for each in routes if each.outcome.result is Result.FAILS])


def _best(over: Routing, host: str, request: ClientRequest) -> ResolvedRoute:
    """The route of a request, or of one that meets the conditions at which this one ends."""
    first = _resolved(over, host, request, meant=True)
    if first.through or not first.certain:
        return first
    variants = (_resolved(over, host, each, meant=True) for each in request_variants(over.facts, host, request))
    through = next((each for each in variants if each.through), None)
    if through is not None:
        return through
    rule = rule_without_example(over.facts, host, request, first.outcome)
    return _unknown(first, f"no request is known that meets the conditions of {rule}") if rule else first


def _is_routed(over: Routing, host: str, kind: RequestKind, clients: Clients) -> bool:
    return _best(over, host, ClientRequest(kind.scheme, concrete(host), kind.port, clients)).through


def _unknown(route: ResolvedRoute, reason: str) -> ResolvedRoute:
    return replace(route, outcome=RequestOutcome(Result.UNKNOWN, (End(Result.UNKNOWN, reason),)))


def _is_denied(route: ResolvedRoute) -> bool:
    denials = (Ending.REQUEST_DENIED, Ending.CONNECTION_DENIED)
    return route.certain and any(each.ending in denials for each in route.outcome.ends)


def _together(routes: Iterable[ResolvedRoute]) -> Iterator[_AlikeRoutes]:
    groups: dict[object, list[ResolvedRoute]] = {}
    for each in routes:
        groups.setdefault(_decision(each), []).append(each)
    yield from (_AlikeRoutes(tuple(each)) for each in groups.values())


def _decision(route: ResolvedRoute) -> object:
    """The decision about the outcome: the kind of end, the object and the cluster."""
    ends = route.outcome.ends
    last = (each.steps[-1].origin if each.steps else None for each in ends)
    origins = tuple(
        (each.source.ref, each.field) if each is not None and each.source is not None else None for each in last
    )
    return (
        route.outcome.result,
        route.gap,
        tuple((each.result, each.ending, each.reason, each.cluster, each.share) for each in ends),
        origins,
        route.request.path,
        route.request.method,
        route.request.clients.pod.revision,
    )


def _touch_reads(facts: Facts) -> None:
    facts.note(ROUTER_READS)  # the router reads them when a request needs them


def _resolved(over: Routing, host: str, request: ClientRequest, *, meant: bool) -> ResolvedRoute:
    try:
        found = over.outcome(request)
        if found.dependence is not None and found.dependence.never_through:
            found = found.dependence.usual
        return ResolvedRoute(host, request, meant, found)
    except Unreadable as unread:
        return ResolvedRoute(host, request, meant, RequestOutcome(Result.UNKNOWN, ()), gap=unread.gap)


def _explained(over: Routing, route: ResolvedRoute) -> ResolvedRoute:
    """The route with its faults, or with the failed read that hides them."""
    if route.through or not route.certain:
        return route
    try:
        return replace(route, faults=faults_of(BrokenRequest(over, route.request, route.outcome), READERS))
    except Unreadable as unread:
        return replace(route, gap=unread.gap)


def _diagnosed(over: Routing, groups: Iterable[_AlikeRoutes]) -> Iterator[ResolvedRoute]:
    """The routes with their faults.

    Several requests share a fault if its proved fix brings them all through.
    """
    found: list[tuple[tuple[Proved, ...], Routing | None]] = []
    waiting = deque(groups)
    while waiting:
        group = waiting.popleft()
        route = group.route
        if route.through or not route.certain:
            yield route
            continue
        shared = next(((faults, fixed) for faults, fixed in found if _is_explained(over, route, faults, fixed)), None)
        if shared is None and len(found) >= _MOST_EXAMINED:
            yield replace(route, examined=False)
            continue
        if shared is None:
            explained = _explained(over, route)
            if explained.gap is not None:
                yield explained
                continue
            shared = (explained.faults, _fixed(over, explained.faults))
            found.append(shared)
        faults, fixed = shared
        left = tuple(each for each in group.members[1:] if not _is_fixed(fixed, each))
        kept = _AlikeRoutes(tuple(each for each in group.members if each not in left)).route
        yield replace(kept, faults=faults)
        if left:
            waiting.appendleft(_AlikeRoutes(left))


def _is_fixed(fixed: Routing | None, route: ResolvedRoute) -> bool:
    """Whether the fixes bring a request through.

    Without fixes, clients that are alike have the same fault.
    """
    return fixed is None or resolved(fixed, route.request).result is Result.THROUGH


def _fixed(over: Routing, faults: tuple[Proved, ...]) -> Routing | None:
    """The routing after the fixes of these faults, if they bring the request through."""
    after = faults[-1].after if faults else None
    if after is None or after.result is not Result.THROUGH:
        return None
    try:
        return Routing(over.facts.with_changes(c for each in faults if each.fix is not None for c in each.fix.changes))
    except ChangeRefused:
        return None


def _is_explained(over: Routing, route: ResolvedRoute, faults: tuple[Proved, ...], fixed: Routing | None) -> bool:
    """Whether faults of another request are also this one's.

    They are if their fix brings it through, or if it shows the same fault without a fix.
    """
    if fixed is not None:
        return resolved(fixed, route.request).result is Result.THROUGH
    if not faults or not faults[0].fault.certain or faults[0].outcome.ends[:1] == ():
        return False
    broken = BrokenRequest(over, route.request, route.outcome)
    try:
        own = next((each for reader in READERS for each in reader(broken) if each.certain), None)
    except Unreadable:
        return False  # it is examined on its own
    first = faults[0].fault
    return own is not None and (own.name, own.evidence()) == (first.name, first.evidence())
