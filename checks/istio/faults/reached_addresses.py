"""The destinations outside the cluster that requests of a run reach through the gateway."""

from collections.abc import Iterable

from checks.azure.outbound_destinations import OutboundDestination, ipv4_address
from checks.facts.fact import Unreadable
from checks.facts.view import Facts
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.faults.resolved_routes import resolved_routes, routes_with_sidecars
from checks.istio.request.outcome import Result


def reached_destinations(facts: Facts) -> tuple[OutboundDestination, ...]:
    """The hosts that are routed through the gateway, with effective ports and addresses.

    () if none is. Raises Unreadable.
    """
    return facts.once("reached destinations", _reached, facts.run)


def _reached(facts: Facts) -> tuple[OutboundDestination, ...]:
    routes = [each for each in resolved_routes(facts) if each.meant]
    if (gap := next((each.gap for each in routes if each.gap is not None), None)) is not None:
        raise Unreadable(gap)
    found = _ends(routes)
    if not found and facts.question.host:
        # A client without a sidecar, or pods that are not ready, conceal the gateway's own traffic to the host.
        found = _ends(each for each in routes_with_sidecars(facts) if each.gap is None)
    return tuple(sorted(found, key=lambda each: (each.host, each.port, str(each.address))))


def _ends(routes: Iterable[ResolvedRoute]) -> set[OutboundDestination]:
    return {
        OutboundDestination(route.host, end.port, ipv4_address(end.destination))
        for route in routes
        for end in route.outcome.ends
        if end.result is Result.THROUGH and end.port
    }
