"""The route of the question's host as a part of the report: which facts it needs, and what stands there where it cannot be."""

from collections.abc import Iterable

from checks.facts.base import Fact, Gap, Unreadable
from checks.facts.store import FactStore
from checks.facts.target import EgressGateway
from checks.facts.view import Facts, Question
from checks.findings import Finding
from checks.question import split_host
from checks.reports.route_document import KEY, route_to_json
from checks.route.trace import TRACE_READS, trace
from checks.route.way import Route


def traced_reads(question: Question) -> frozenset[type[Fact]]:
    """The kinds of facts that the route needs; none where no host was asked about."""
    return frozenset(TRACE_READS) if question.host else frozenset()


def route_part(
    store: FactStore, question: Question, target: EgressGateway | None, gap: Gap | None, findings: Iterable[Finding]
) -> dict[str, object]:
    """The route as a part of a report's extras; nothing where no host was asked about, or its facts were never gathered (a
    run of single checks)."""
    if not question.host or not all(store.arrived(kind) for kind in TRACE_READS):
        return {}
    return {KEY: route_to_json(_route(store, question, target, gap, findings))}


def _route(
    store: FactStore, question: Question, target: EgressGateway | None, gap: Gap | None, findings: Iterable[Finding]
) -> Route:
    stop = next((each for each in findings if each.stops is not None), None)
    if stop is not None:
        return _untraced(question, f"Not traced: {stop.summary}")
    if target is not None and not target.known:
        return _untraced(question, f"Not traced: {target.ref} is not in the mesh profile.")
    try:
        return trace(Facts(store, target, question, frozenset(TRACE_READS), gap))
    except Unreadable as unread:
        return _untraced(question, f"Could not be traced: {unread.gap}.")


def _untraced(question: Question, problem: str) -> Route:
    host = split_host(question.host or "")[0]
    gateway = f"{question.namespace}/{question.gateway}" if question.namespace else question.gateway
    return Route(host, gateway, problem, problem=problem)


def failed_part(question: Question, token: str, kind: str) -> dict[str, object]:
    """What stands in the report where tracing itself failed."""
    problem = f"The route could not be traced (error {token}, {kind}); the log of this run has the details."
    return {KEY: route_to_json(_untraced(question, problem))}
