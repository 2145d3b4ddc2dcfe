"""The routes of a gateway over two states of the facts, and those that differ.

Each request is resolved over both states for the same clients. That shows also the requests for which the gateway is no longer
configured afterwards: for these, a diagnosis of the second state alone has no finding.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from checks.azure.outbound_destinations import OutboundDestination, ipv4_address
from checks.facts.fact import Gap, Unreadable
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.faults.request_route import ResolvedRoute, resolved_route
from checks.istio.faults.resolved_routes import resolved_routes, routing_of_run
from checks.istio.mesh.objects.hosts import DOMAIN
from checks.istio.request.answers import answer
from checks.istio.request.client_request import ClientRequest, Clients, as_written
from checks.istio.request.clients import clients_of, expected_client, workload_of
from checks.istio.request.outcome import Ending, RequestOutcome, Result
from checks.istio.request.routing import Routing
from checks.istio.trace.source_address import client_address
from checks.istio.trace.static_egress_hop import static_egress
from checks.model.route import Mark, Outcome
from checks.model.route_changes import RouteChange, RouteState

_OUTCOMES = {
    Result.THROUGH: Outcome.THROUGH,
    Result.BYPASSES: Outcome.BYPASSES,
    Result.FAILS: Outcome.FAILS,
    Result.MIXED: Outcome.MIXED,
    Result.UNKNOWN: Outcome.UNKNOWN,
}
_PodKey = tuple[str, str]
_Asked = tuple[str, str, int, str, str, tuple[tuple[str, str], ...]]
"""Scheme, host, port, path, method and headers of a request."""


@dataclass(frozen=True, slots=True)
class ComparedRoutes:
    """The routes that differ, and the number of compared ones.

    `gap` is the failed read because of which none were compared.
    """

    changes: tuple[RouteChange, ...] = ()
    compared: int = 0
    gap: Gap | None = None


def compared_routes(before: Facts, after: Facts) -> ComparedRoutes:
    """The routes that differ between two states.

    They are those of the hosts for which the gateway is configured in one of them.

    The question of both views has no host; its client limits the clients.
    """
    try:
        states = _States(before), _States(after)
        pairs = _pairs(before, after)
        asked = list(_asked(states, pairs))
    except Unreadable as unread:
        return ComparedRoutes(gap=unread.gap)
    changed: dict[object, RouteChange] = {}
    for request, pair in asked:
        found = _compared(states, request, pair)
        if found.now.effect == found.then.effect:
            continue
        key = (replace(found, clients=()),)
        known = changed.get(key)
        changed[key] = (
            found if known is None else replace(known, clients=tuple(sorted({*known.clients, *found.clients})))
        )
    ordered = sorted(
        changed.values(), key=lambda each: (not each.lost, each.host, each.port, each.scheme, each.clients)
    )
    return ComparedRoutes(tuple(ordered), len(asked))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Clients that are alike in both states, as they are in each of them."""

    before: Clients
    after: Clients
    names: tuple[str, ...]
    keys: frozenset[_PodKey]


class _States:
    """One state: its routing, and the routes that are known from its diagnosis."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.routes = tuple(each for each in resolved_routes(facts) if each.meant)
        self.routing: Routing = routing_of_run(facts)
        self._egress: dict[object, tuple[Outcome, str, str]] = {}

    def state(self, host: str, request: ClientRequest) -> RouteState:
        """The outcome of a request in this state."""
        route = resolved_route(self.routing, host, request, meant=True)
        if route.gap is not None and not route.certain:
            return RouteState(Outcome.UNKNOWN, reason=f"not checked: {route.gap}")
        outcome = route.outcome
        if outcome.dependence is not None and not route.certain:
            listed = ", ".join(outcome.dependence.addresses)
            return RouteState(Outcome.UNKNOWN, reason=f"it depends on the address that DNS returns ({listed})")
        if not outcome.ends:
            return RouteState(Outcome.UNKNOWN, reason="")
        return self._of_ends(route, outcome)

    def _of_ends(self, route: ResolvedRoute, outcome: RequestOutcome) -> RouteState:
        end = next((each for each in outcome.ends if each.result is not Result.THROUGH), outcome.ends[0])
        result, address = _OUTCOMES[outcome.result], ""
        decided = _decided_by(outcome)
        if result is Outcome.UNKNOWN:
            return RouteState(result, decided_by=decided, reason=end.reason)
        reply = answer(end, route.request.scheme, gateway=self.routing.gateway in end.gateways)
        if result is Outcome.BYPASSES:
            address = str(client_address(self.facts, route.request.clients.pods))
        destination = end.reached if end.ending in (Ending.ARRIVED, Ending.OTHER_DESTINATION) else ""
        if result is Outcome.THROUGH:
            result, address, reason = self._behind_gateway(route, end.destination, end.port, end.service)
            if result is not Outcome.THROUGH:
                return RouteState(
                    result, "" if result is not Outcome.FAILS else reason, address, destination, "", reason
                )
        return RouteState(result, reply, address, destination, decided)

    def _behind_gateway(
        self, route: ResolvedRoute, destination: str, port: int, service: str
    ) -> tuple[Outcome, str, str]:
        """Outcome, source address and reason of a request that reached the gateway."""
        to = OutboundDestination(route.request.host, port, ipv4_address(destination))
        outside = not service.endswith(f".svc.{DOMAIN}")
        key = (to, outside)
        if key not in self._egress:
            found = static_egress(self.facts, {}, to, outside=outside)
            outcome = {Mark.LEAVES: Outcome.BYPASSES, Mark.BREAKS: Outcome.FAILS, Mark.UNKNOWN: Outcome.UNKNOWN}
            kept = outcome.get(found.hop.mark, Outcome.THROUGH)
            self._egress[key] = (kept, str(found.address or ""), found.hop.result)
        return self._egress[key]


def _decided_by(outcome: RequestOutcome) -> str:
    """The object and field that decided the last step of a route.

    It is that of the first end that does not go through the gateway.
    """
    end = next((each for each in outcome.ends if each.result is not Result.THROUGH), outcome.ends[0])
    for step in reversed(end.steps):
        # A Service only gives the listener its address.
        if step.origin.source is not None and not isinstance(step.origin.source, Service):
            return f"{step.origin.source.ref} {step.origin.field}".rstrip()
    return ""


def _pairs(before: Facts, after: Facts) -> tuple[_Pair, ...]:
    """The clients of both states in groups that are alike in both.

    A pod whose sidecar is removed or added is a client in both.
    """
    old, new = clients_of(before), clients_of(after)
    earlier, later = _by_pod(old, new, before), _by_pod(new, old, after)
    groups: dict[tuple[int, int], tuple[Clients, Clients, set[_PodKey]]] = {}
    for key, first in earlier.items():
        if (then := later.get(key)) is not None:
            groups.setdefault((id(first), id(then)), (first, then, set()))[2].add(key)
    pods = {pod.key: pod for each in (*earlier.values(), *later.values()) for pod in each.pods}
    of_namespace: dict[str, set[_PodKey]] = {}
    for namespace, name in pods:
        of_namespace.setdefault(namespace, set()).add((namespace, name))
    found = []
    for first, then, keys in groups.values():
        names = sorted(
            {key[0] if of_namespace[key[0]] <= keys else f"{key[0]}/{workload_of(pods[key])}" for key in keys}
        )
        found.append(_Pair(first, then, tuple(names), frozenset(keys)))
    return tuple(found) or tuple(_expected(before, after, old, new))


def _by_pod(own: Iterable[Clients], other: Iterable[Clients], facts: Facts) -> dict[_PodKey, Clients]:
    """The clients of one state by pod.

    Those of the other state that run here without a sidecar are each alone.
    """
    found = {pod.key: each for each in own for pod in each.pods}
    for clients in other:
        for pod in clients.pods:
            here = facts.get(Pod, pod.name, pod.namespace) if pod.key not in found else None
            if here is not None and not here.finished and here.deleted is None:
                found[pod.key] = Clients((here.namespace,), here, (here,))
    return found


def _expected(before: Facts, after: Facts, old: Iterable[Clients], new: Iterable[Clients]) -> Iterator[_Pair]:
    """Without a pod that runs in both states: the client that each namespace would have."""
    for namespace in sorted({each.namespace for each in (*old, *new)}):
        yield _Pair(expected_client(before, namespace), expected_client(after, namespace), (namespace,), frozenset())


def _asked(states: tuple[_States, _States], pairs: tuple[_Pair, ...]) -> Iterator[tuple[tuple[str, _Asked], _Pair]]:
    """Each request that is routed in one of the states, with its clients."""
    seen: set[object] = set()
    for state in states:
        for route in state.routes:
            sent = route.request
            asked = (sent.scheme, sent.host, sent.port, sent.path, sent.method, sent.headers)
            senders = {pod.key for pod in sent.clients.pods}
            for pair in pairs:
                meets = bool(pair.keys & senders) or (
                    not senders and not pair.keys and sent.clients.namespace in pair.names
                )
                if meets and (key := (route.host, asked, id(pair))) not in seen:
                    seen.add(key)
                    yield (route.host, asked), pair


def _compared(states: tuple[_States, _States], request: tuple[str, _Asked], pair: _Pair) -> RouteChange:
    host, (scheme, name, port, path, method, headers) = request
    sent = ClientRequest(scheme, name, port, pair.before, path, method, headers)
    earlier = states[0].state(host, sent)
    later = states[1].state(host, replace(sent, clients=pair.after))
    return RouteChange(scheme, as_written(name), port, path, pair.names, earlier, later)
