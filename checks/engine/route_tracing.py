"""The route of the question's host in the report.

The facts that it needs, and the reason if it is not traced.
"""

from collections.abc import Iterable, Mapping

from checks.engine.defects import Defect
from checks.facts.egress_gateway import EgressGateway
from checks.facts.fact import Fact, Gap, Unreadable
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.istio.trace.trace import TRACE_READS, trace
from checks.model.findings import Finding
from checks.model.question import Question
from checks.model.requested_host import split_host
from checks.model.route import Route


def traced_reads(question: Question) -> frozenset[type[Fact]]:
    """The kinds of facts that the route needs; empty without a host."""
    return frozenset(TRACE_READS) if question.host else frozenset()


def traced_route(
    store: FactStore,
    question: Question,
    target: EgressGateway | None,
    gap: Gap | None,
    findings: Iterable[Finding],
    codes: Mapping[str, str],
) -> Route | None:
    """The route of the question's host; `codes` are the codes of the run's checks by slug.

    None without a host, or if its facts were not gathered (`--only`).
    """
    if not question.host or not all(store.arrived(kind) for kind in TRACE_READS):
        return None
    stop = next((each for each in findings if each.stops is not None), None)
    if stop is not None:
        return _untraced(question, f"Not traced: {stop.summary}")
    if target is not None and not target.known:
        return _untraced(question, f"Not traced: {target.ref} is not in the mesh profile.")
    try:
        return trace(Facts(store, target, question, frozenset(TRACE_READS), gap), codes)
    except Unreadable as unread:
        return _untraced(question, f"Not traced: {unread.gap}.")


def _untraced(question: Question, problem: str) -> Route:
    host = split_host(question.host or "")[0]
    gateway = f"{question.namespace}/{question.gateway}" if question.namespace else question.gateway
    return Route(host, gateway, problem, problem=problem)


def crashed_trace(question: Question, defect: Defect) -> Route:
    """A route that holds only the defect with which tracing crashed."""
    problem = f"Not traced: tracing crashed ({defect}); the log of this run has the details."
    return _untraced(question, problem)
