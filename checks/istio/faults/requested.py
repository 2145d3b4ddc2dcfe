"""The requests of a question with a host, with their outcomes and faults.

Checks report them. A requested route and the findings never disagree (docs/rulings.md#ruling-24): if a request
certainly does not go through the gateway, the check that owns its fault fails; if all requests do, no check fails
because of the host.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps

from checks.facts.fact import Fact, Gap, Unreadable
from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.faults.broken_request import BrokenRequest, progress
from checks.istio.faults.proved_faults import Proved, faults_of
from checks.istio.faults.readers import READERS
from checks.istio.fixes.showing import list_kind, show_object
from checks.istio.mesh.mesh import MESH_READS
from checks.istio.request.answers import answer
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.clients import clients_of
from checks.istio.request.followed import configured_kinds, followed
from checks.istio.request.outcome import RequestOutcome, Result
from checks.istio.request.routing import Routing, routing
from checks.model.commands import HOWTO, change
from checks.model.findings import Action, Evidence, Involved, Observation, Status, fail, healthy, unknown, warn
from checks.model.requested_host import requested_host

ROUTER_READS: tuple[type[Fact], ...] = (*MESH_READS, Deployment)
"""The kinds that the outcome of a request needs."""

_ROUTE_CHECK = "virtual-service-route-broken"
_WITHOUT_CHECK = frozenset({"envoy-filter-present"})
"""Owners that only warn: EG507 reports their faults."""

_Checked = Callable[[Facts], Iterator[Observation]]


@dataclass(frozen=True, slots=True)
class RequestedRoute:
    """One kind of request with its outcome and faults.

    `gap` is set instead if an object that decides the outcome could not be read. `meant` is set if the gateway is
    configured for the scheme of the request.
    """

    request: ClientRequest
    meant: bool
    outcome: RequestOutcome
    faults: tuple[Proved, ...] = ()
    gap: Gap | None = None

    @property
    def certain(self) -> bool:
        """Whether its outcome is known."""
        return self.outcome.result is not Result.UNKNOWN


def requested_routes(facts: Facts) -> tuple[RequestedRoute, ...]:
    """The routes of the question's host, for every kind of request and all clients.

    Raises Unreadable.
    """
    question = facts.question
    return facts.once("requested routes", _requested, (str(facts.gateway), question.host, question.client))


def _requested(facts: Facts) -> tuple[RequestedRoute, ...]:
    over, host = routing(facts), requested_host(facts.question.host or "")
    for kind in ROUTER_READS:
        facts.gap(kind)  # the router reads them when a request needs them
    configured = configured_kinds(over, host.name)
    schemes = {each.scheme for each in configured}
    return tuple(
        _resolved(over, each, meant=host.specific or not configured or each.scheme in schemes)
        for each in followed(over, host, clients_of(facts))
    )


def _resolved(over: Routing, request: ClientRequest, *, meant: bool) -> RequestedRoute:
    try:
        outcome = over.outcome(request)
    except Unreadable as unread:
        return RequestedRoute(request, meant, RequestOutcome(Result.UNKNOWN, ()), gap=unread.gap)
    broken = BrokenRequest(over, request, outcome)
    return RequestedRoute(request, meant, outcome, faults_of(broken, READERS) if meant else ())


def decided_by_router(slug: str) -> Callable[[_Checked], _Checked]:
    """A check whose findings about a requested host are those of the router.

    Without a host, the check decides itself.
    """

    def decorate(function: _Checked) -> _Checked:
        @wraps(function)
        def decided(facts: Facts) -> Iterator[Observation]:
            if not facts.question.host:
                yield from function(facts)
                return
            try:
                routes = [each for each in requested_routes(facts) if each.meant]
            except Unreadable as unread:
                yield from _undecided(function(facts), unread)
                return
            yield from _reconciled(facts, slug, routes, function)

        return decided

    return decorate


def _reconciled(facts: Facts, slug: str, routes: list[RequestedRoute], function: _Checked) -> Iterator[Observation]:
    """The router's findings, or the check's own result if the router has none.

    The check's own failures are left out if every request is routed through the gateway.
    """
    found = list(_findings(facts, slug, routes))
    if slug == _ROUTE_CHECK:
        found += _unexplained(facts, routes)
    if found:
        yield from found
        return
    gap = next((each.gap for each in routes if each.gap is not None), None)
    if gap is not None:
        yield from _undecided(function(facts), Unreadable(gap))
        return
    own = list(function(facts))
    if slug == _ROUTE_CHECK and (doubt := _doubt(routes)) and not any(each.status is Status.FAIL for each in own):
        yield from (each for each in own if each.status is Status.WARN)
        yield unknown(doubt, subject=f"host {requested_host(facts.question.host or '').name}")
        return
    through = bool(routes) and all(each.outcome.result is Result.THROUGH for each in routes)
    kept = [each for each in own if not (through and each.status is Status.FAIL)]
    yield from kept
    if own and not kept:
        yield healthy(f"Every request to {requested_host(facts.question.host or '').name} goes through the gateway.")


def _doubt(routes: Iterable[RequestedRoute]) -> str:
    """Why the outcome of a request is not known although everything was read.

    The result is "" if all outcomes are known.
    """
    uncertain = next((each for each in routes if not each.certain), None)
    if uncertain is None:
        return ""
    reason = next((each.reason for each in uncertain.outcome.ends if each.result is Result.UNKNOWN), "")
    return f"Not checked: the route of {uncertain.request.url} is not certain{f' ({reason})' if reason else ''}."


def _unexplained(facts: Facts, routes: list[RequestedRoute]) -> Iterator[Observation]:
    """Requests that certainly do not go through the gateway, and that no fault explains."""
    gateway = str(facts.gateway)
    for each in routes:
        if not each.certain or each.outcome.result is Result.THROUGH or each.faults:
            continue
        end = min(each.outcome.ends, key=lambda one: progress(one, gateway))
        observe = fail if _decides(facts, each, routes) else warn
        host = requested_host(facts.question.host or "").name
        consequence = _consequence(each.outcome, each.request.scheme, gateway)
        yield observe(
            f"{each.request.url} is not routed through {facts.gateway.ref}: {consequence}.",
            subject=f"host {host}",
            evidence=[Evidence(end.proxy or "the client's pod", "route", end.reason or str(end.ending), "the gateway")],
            actions=[list_kind(VirtualService)],
            about=[Involved("host", host)],
        )


def _undecided(own: Iterable[Observation], unread: Unreadable) -> Iterator[Observation]:
    """The check's own faults, for a host whose route could not be resolved.

    Raises Unreadable unless one of them is a failure.
    """
    found = [each for each in own if each.status in (Status.FAIL, Status.WARN)]
    yield from found
    if not any(each.status is Status.FAIL for each in found):
        raise unread


def _findings(facts: Facts, slug: str, routes: list[RequestedRoute]) -> Iterator[Observation]:
    groups: dict[tuple[object, ...], list[tuple[RequestedRoute, Proved]]] = {}
    for each in routes:
        for proved in each.faults:
            if _reporting(proved.fault.check) == slug:
                groups.setdefault((proved.fault.name, proved.fault.evidence()), []).append((each, proved))
    for alike in groups.values():
        yield _finding(facts, alike, routes)


def _reporting(owner: str) -> str:
    return _ROUTE_CHECK if owner in _WITHOUT_CHECK else owner


def _finding(facts: Facts, alike: list[tuple[RequestedRoute, Proved]], routes: list[RequestedRoute]) -> Observation:
    first, proved = alike[0]
    fault, host = proved.fault, requested_host(facts.question.host or "").name
    sentence = fault.sentence()
    whom = _whom(alike, routes, sentence)
    summary = f"{sentence}{whom}: {_consequence(proved.outcome, first.request.scheme, str(facts.gateway))}."
    observe = fail if _decides(facts, first, routes) else warn
    about = [Involved("host", host), *fault.involved()]
    return observe(
        summary, subject=f"host {host}", evidence=fault.evidence(), actions=_actions(facts, proved), about=about
    )


def _whom(alike: list[tuple[RequestedRoute, Proved]], routes: list[RequestedRoute], sentence: str) -> str:
    """The clients that are affected, if others are not and the sentence does not name them."""
    affected = dict.fromkeys(str(each.request.clients) for each, _ in alike)
    every = {str(each.request.clients) for each in routes}
    named = all(each in sentence for each in affected)
    return "" if named or every <= set(affected) else f" for {' and '.join(affected)}"


def _decides(facts: Facts, route: RequestedRoute, routes: list[RequestedRoute]) -> bool:
    """Whether a broken request is a failure.

    It is one if its scheme or port was given, or if no scheme of its clients gets through.
    """
    host = requested_host(facts.question.host or "")
    if host.specific or facts.question.client:
        return True
    mine = [each for each in routes if each.request.clients == route.request.clients]
    return not any(each.outcome.result is Result.THROUGH for each in mine)


def _consequence(outcome: RequestOutcome, scheme: str, gateway: str) -> str:
    end = min(outcome.ends, key=lambda each: progress(each, gateway))
    mixed = outcome.result is Result.MIXED
    who, s = ("a part of the requests", "s") if mixed else ("requests", "")
    if end.result is Result.BYPASSES:
        return f"{who} bypass{'es' if mixed else ''} the gateway"
    return f"{who} get{s} {answer(end, scheme, gateway=False)}"


def _actions(facts: Facts, proved: Proved) -> list[Action]:
    shown = [show_object(each) for each in proved.fault.shown()] or [list_kind(VirtualService)]
    fix = proved.fix
    if fix is None:
        return shown
    expect = f"`egress-diag diagnose … --host {facts.question.host}` shows the route through the gateway"
    url = fix.url or HOWTO
    if not fix.changes:
        return [*shown, change(fix.title, "", url)]
    return [*shown, *(change(fix.title, each.command, url, expect) for each in fix.changes)]
