"""The findings about the routes of a run: the faults of requests that are not routed.

A route and the findings never disagree (docs/rulings.md#ruling-24): if a request certainly does not go through the
gateway, the check that owns its fault fails; if all requests do, no check fails because of the route."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from checks.facts.fact import Gap, Unreadable
from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.configured.cluster_hosts import ClusterHost, cluster_host
from checks.istio.faults.definition.broken_request import progress
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.faults.fix_actions import fix_actions
from checks.istio.faults.other_schemes import decides, working_scheme
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.faults.resolved_routes import reported_routes, resolved_routes
from checks.istio.faults.route_texts import consequence_of, first_names
from checks.istio.faults.uncertain_routes import uncertain_routes
from checks.istio.faults.unseen_failures import fails_unseen
from checks.istio.fixes.show_commands import list_kind
from checks.istio.request.client_request import as_written
from checks.istio.request.outcome import RequestOutcome, Result
from checks.model.findings import Action, Evidence, Involved, Observation, Status, fail, skip, warn

_Checked = Callable[[Facts], Iterator[Observation]]
DecidesAlone = Callable[[Facts, Gap], bool]
"""Whether the own result of a check does not depend on routes, after this failed read."""


class _Reported(NamedTuple):
    """The routes of a run, and what all checks need of them."""

    routes: tuple[ResolvedRoute, ...]
    by_check: Mapping[str, list[list[tuple[ResolvedRoute, Proved]]]]
    """The faults of the run by check, each with all requests that it breaks."""
    gap: Gap | None
    """The first failed read that hides an outcome or a fault."""


def with_route_faults(
    facts: Facts,
    slug: str,
    own: _Checked,
    *,
    reports_unexplained_routes: bool,
    alone: DecidesAlone | None = None,
) -> Iterator[Observation]:
    """The router's faults that name the check `slug`, and the check's own findings.

    Its own findings are settings that no route shows. Without a fault, the check's own result stands. The check that
    reports unexplained routes also reports requests that no fault explains, and routes that are not certain.
    Nothing applies to a host inside the cluster, which no egress gateway has to route.
    The check's own result stands if it does not depend on the read that failed, by `alone`.
    """
    inside = cluster_host(facts)
    if inside is not None:
        failing = list(_failing_inside(facts, inside)) if reports_unexplained_routes else []
        yield from failing or [skip(f"{inside.sentence}.")]
        return
    try:
        routes, by_check, gap = facts.once("faults by check", _by_check, facts.run)
    except Unreadable as unread:
        yield from _without_routes(facts, own(facts), unread, alone)
        return
    found = [_finding(facts, alike, routes) for alike in by_check.get(slug, ())]
    if reports_unexplained_routes:
        found += _unexplained(facts, routes)
    yield from found
    if found and facts.question.host:
        return
    if gap is not None:
        yield from _without_routes(facts, _besides(found, own(facts)), Unreadable(gap), None if found else alone)
        return
    settings = list(_besides(found, own(facts)) if found else own(facts))
    doubts = list(uncertain_routes(facts, routes)) if reports_unexplained_routes else []
    if doubts and not any(each.status is Status.FAIL for each in settings):
        yield from (each for each in settings if each.status is Status.WARN)
        yield from doubts
        return
    yield from settings


def _failing_inside(facts: Facts, inside: ClusterHost) -> Iterator[Observation]:
    """Requests to a host inside the cluster that certainly fail. Raises Unreadable."""
    for each in resolved_routes(facts):
        if each.outcome.result is Result.FAILS:
            end = each.outcome.ends[0]
            consequence = consequence_of(each.outcome, [each], str(facts.gateway))
            yield warn(
                f"{each.request.url_with_path} fails inside the cluster, where no egress gateway is used: {consequence}.",
                subject=f"host {each.host}",
                evidence=[
                    Evidence(end.proxy or "the client's pod", "route", end.reason or str(end.ending), inside.host)
                ],
                actions=[list_kind(VirtualService)],
                about=[Involved("host", each.host)],
            )


def _besides(found: list[Observation], own: Iterable[Observation]) -> Iterator[Observation]:
    """The check's own findings; with a finding of the router only faults that it does not show."""
    fields = {(each.resource, each.field) for finding in found for each in finding.evidence}
    for each in own:
        shown = bool(fields & {(one.resource, one.field) for one in each.evidence})
        if not found or (each.status in (Status.FAIL, Status.WARN) and not shown):
            yield each


def _unexplained(facts: Facts, routes: Sequence[ResolvedRoute]) -> Iterator[Observation]:
    """Requests that certainly do not go through the gateway, and that no fault explains."""
    for each in routes:
        if each.certain and not each.through and not each.faults and each.examined and each.gap is None:
            yield _without_fault(facts, each, routes)
    cut = [each for each in routes if not each.examined]
    if cut:
        yield _cut(facts, cut)


def _without_fault(facts: Facts, route: ResolvedRoute, routes: Sequence[ResolvedRoute]) -> Observation:
    gateway, host = str(facts.gateway), as_written(route.host)
    end = min(route.outcome.ends, key=lambda one: progress(one, gateway))
    observe = fail if decides(facts, route, routes) else warn
    consequence = _consequence(facts, route.outcome, [route], routes)
    return observe(
        f"{as_written(route.request.url_with_path)} is not routed through {facts.gateway.ref}: {consequence}.",
        subject=f"host {host}",
        evidence=[Evidence(end.proxy or "the client's pod", "route", end.reason or str(end.ending), "the gateway")],
        actions=[list_kind(VirtualService)],
        about=[Involved("host", host)],
    )


def _cut(facts: Facts, routes: Sequence[ResolvedRoute]) -> Observation:
    """The requests beyond the limit of a run, for which no cause was searched."""
    hosts = list(dict.fromkeys(as_written(each.host) for each in routes))
    gateway = str(facts.gateway)
    ends = {min(each.outcome.ends, key=lambda one: progress(one, gateway)).reason for each in routes}
    return fail(
        f"{len(hosts)} more host{'s are' if len(hosts) > 1 else ' is'} not routed through {facts.gateway.ref} "
        f"({first_names(hosts, 'hosts')}); no cause was searched for {'these' if len(hosts) > 1 else 'it'}; "
        "`--host` shows one.",
        subject=facts.gateway.ref,
        evidence=[Evidence("the clients' sidecars", "route", each, "the gateway") for each in sorted(ends)[:5]],
        actions=[list_kind(VirtualService)],
        about=[Involved("host", each) for each in hosts],
    )


def _without_routes(
    facts: Facts, own: Iterable[Observation], unread: Unreadable, alone: DecidesAlone | None
) -> Iterator[Observation]:
    try:
        independent = alone is not None and alone(facts, unread.gap)
    except Unreadable:
        independent = False
    if not independent or alone is None:
        yield from _undecided(own, unread)
        return
    yield from _standing(own)
    facts.disregard(*(gap for gap in facts.reads.failed if alone(facts, gap)))


def _undecided(own: Iterable[Observation], unread: Unreadable) -> Iterator[Observation]:
    """The check's own faults, if a route could not be resolved.

    The check is not checked unless it has a failure.
    """
    failed = False
    try:
        for each in own:
            if each.status in (Status.FAIL, Status.WARN):
                failed = failed or each.status is Status.FAIL
                yield each
    except Unreadable:
        pass  # the same read, or another one, makes it not checked
    if not failed:
        raise unread


def _standing(own: Iterable[Observation]) -> Iterator[Observation]:
    """The check's own result; a failure stands, whatever else could not be read."""
    failed = False
    try:
        for each in own:
            failed = failed or each.status is Status.FAIL
            yield each
    except Unreadable:
        if not failed:
            raise


def _by_check(facts: Facts) -> _Reported:
    routes = reported_routes(facts)
    groups: dict[tuple[str, object, object], list[tuple[ResolvedRoute, Proved]]] = {}
    for each in routes:
        for proved in each.faults:
            fault = proved.fault
            groups.setdefault((fault.check, fault.name, fault.evidence()), []).append((each, proved))
    found: dict[str, list[list[tuple[ResolvedRoute, Proved]]]] = {}
    for (check, _, _), alike in groups.items():
        found.setdefault(check, []).append(alike)
    return _Reported(routes, found, next((each.gap for each in routes if each.gap is not None), None))


def _finding(facts: Facts, alike: list[tuple[ResolvedRoute, Proved]], routes: Sequence[ResolvedRoute]) -> Observation:
    first, proved = alike[0]
    fault, hosts = proved.fault, list(dict.fromkeys(as_written(each.host) for each, _ in alike))
    sentence = as_written(fault.sentence())
    whom = _whom(alike, routes, sentence)
    consequence = _consequence(facts, proved.outcome, [each for each, _ in alike], routes)
    certain = not fault.conditional or bool(facts.question.host)
    observe = fail if certain and any(decides(facts, each, routes) for each, _ in alike) else warn
    evidence = [
        Evidence(each.resource, each.field, as_written(each.observed), as_written(each.expected))
        for each in fault.evidence()
    ]
    involved = [Involved(each.kind, as_written(each.name)) for each in fault.involved()]
    found = observe(
        f"{sentence}{whom}: {consequence}.",
        subject=f"host {hosts[0]}" if len(hosts) == 1 else evidence[0].resource,
        evidence=evidence,
        actions=_actions(facts, facts.question.host or as_written(first.host), [each for _, each in alike]),
        about=[*(Involved("host", each) for each in hosts), *involved],
    )
    return replace(found, unseen=fails_unseen(facts, fault.check, [each for each, _ in alike], routes))


def _consequence(
    facts: Facts, outcome: RequestOutcome, broken: Sequence[ResolvedRoute], routes: Sequence[ResolvedRoute]
) -> str:
    """The end of requests; if another scheme of the same host works, both are named."""
    gateway = str(facts.gateway)
    failing, working = working_scheme(facts, broken[0], routes)
    if not working:
        return consequence_of(outcome, broken, gateway)
    return f"{consequence_of(outcome, broken[:1], gateway, failing)}; {working} works"


def _actions(facts: Facts, host: str, alike: Sequence[Proved]) -> list[Action]:
    """The fix of a fault, with the steps for its other clients if it has steps for each."""
    actions = fix_actions(facts, host, alike[0])
    more = (step for each in alike[1:] if each.fix is not None for step in each.fix.steps)
    return list(dict.fromkeys((*actions, *more)))


def _whom(alike: list[tuple[ResolvedRoute, Proved]], routes: Sequence[ResolvedRoute], sentence: str) -> str:
    """The clients that are affected, if others are not and the sentence does not name them."""
    hosts = {each.host for each, _ in alike}
    affected = dict.fromkeys(str(each.request.clients) for each, _ in alike)
    every = {str(each.request.clients) for each in routes if each.host in hosts}
    named = all(re.search(rf"(?<![\w/.-]){re.escape(each)}(?![\w/.-])", sentence) for each in affected)
    return "" if named or every <= set(affected) else f" for {' and '.join(affected)}"
