"""The route of one kind of request: its outcome, and the faults that were found for it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from checks.facts.fact import Gap, Unreadable
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.request.client_request import ClientRequest, joined_clients
from checks.istio.request.outcome import End, RequestOutcome, Result
from checks.istio.request.routing import Routing
from checks.model.value_types import value


@value(frozen=True, slots=True)
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

    def unknown(self, reason: str) -> "ResolvedRoute":
        """The route with an outcome that is not known."""
        return replace(self, outcome=RequestOutcome(Result.UNKNOWN, (End(Result.UNKNOWN, reason),)))


@dataclass(frozen=True, slots=True)
class AlikeRoutes:
    """Routes of one kind of request that were decided alike, of several groups of clients."""

    members: tuple[ResolvedRoute, ...]

    @property
    def route(self) -> ResolvedRoute:
        """One route for all of them."""
        first = self.members[0]
        clients = joined_clients(each.request.clients for each in self.members)
        return replace(first, request=replace(first.request, clients=clients))


def grouped_routes(routes: Iterable[ResolvedRoute]) -> Iterator[AlikeRoutes]:
    """The routes that were decided alike, together."""
    groups: dict[object, list[ResolvedRoute]] = {}
    for each in routes:
        groups.setdefault(_decision(each), []).append(each)
    yield from (AlikeRoutes(tuple(each)) for each in groups.values())


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


def resolved_route(over: Routing, host: str, request: ClientRequest, *, meant: bool) -> ResolvedRoute:
    """The route of a request for a host, without faults."""
    try:
        found = over.outcome(request)
        if found.dependence is not None and found.dependence.never_through:
            found = found.dependence.usual
        return ResolvedRoute(host, request, meant, found)
    except Unreadable as unread:
        return ResolvedRoute(host, request, meant, RequestOutcome(Result.UNKNOWN, ()), gap=unread.gap)


def with_faults(over: Routing, route: ResolvedRoute) -> ResolvedRoute:
    """The route with its faults, or with the failed read that hides them."""
    if route.through or not route.certain:
        return route
    try:
        faults, hidden = faults_of(BrokenRequest(over, route.request, route.outcome), READERS)
        return replace(route, faults=faults, gap=hidden)
    except Unreadable as unread:
        return replace(route, gap=unread.gap)
