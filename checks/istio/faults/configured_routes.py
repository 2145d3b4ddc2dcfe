"""The routes of the hosts for which a gateway is configured.

They start at the clients that are meant to use them.
"""

from collections.abc import Iterable, Iterator

from checks.istio.configured.conditional_rules import rule_without_example
from checks.istio.configured.intended_clients import intended_clients, missing_client
from checks.istio.configured.request_kinds import RequestKind, concrete, configured_kinds
from checks.istio.configured.request_variants import request_variants
from checks.istio.configured.routing_index import direct_tls_rules
from checks.istio.faults.request_route import AlikeRoutes, ResolvedRoute, grouped_routes, resolved_route
from checks.istio.request.client_request import ClientRequest, Clients
from checks.istio.request.outcome import Ending, Result
from checks.istio.request.routing import Routing
from checks.model.raw_values import number
from checks.model.requested_host import USUAL_PORTS


def routes_of_host(over: Routing, host: str, every: tuple[Clients, ...]) -> Iterator[AlikeRoutes]:
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
            routes = [each.unknown(missing.reason) if each.certain else each for each in routes]
        yield from grouped_routes([each for each in routes if not (some and _is_denied(each))])


def _wrapped_twice(over: Routing, host: str, clients: Iterable[Clients]) -> Iterator[AlikeRoutes]:
    """Requests over TLS that a rule leads elsewhere, if they fail.

    If they get there, they are not the gateway's.
    """
    for rule in direct_tls_rules(over.facts, host):
        ports = {number(each, "port") or USUAL_PORTS["https"] for each in rule.matches()} or {USUAL_PORTS["https"]}
        for port in sorted(ports):
            requests = (ClientRequest("https", concrete(host), port, each) for each in clients)
            routes = [resolved_route(over, host, each, meant=True) for each in requests]
            yield from grouped_routes([each for each in routes if each.outcome.result is Result.FAILS])


def _best(over: Routing, host: str, request: ClientRequest) -> ResolvedRoute:
    """The route of a request, or of one that meets the conditions at which this one ends."""
    first = resolved_route(over, host, request, meant=True)
    if first.through or not first.certain:
        return first
    variants = (resolved_route(over, host, each, meant=True) for each in request_variants(over.facts, host, request))
    through = next((each for each in variants if each.through), None)
    if through is not None:
        return through
    rule = rule_without_example(over.facts, host, request, first.outcome)
    return first.unknown(f"no request is known that meets the conditions of {rule}") if rule else first


def _is_routed(over: Routing, host: str, kind: RequestKind, clients: Clients) -> bool:
    return _best(over, host, ClientRequest(kind.scheme, concrete(host), kind.port, clients)).through


def _is_denied(route: ResolvedRoute) -> bool:
    denials = (Ending.REQUEST_DENIED, Ending.CONNECTION_DENIED)
    return route.certain and any(each.ending in denials for each in route.outcome.ends)
