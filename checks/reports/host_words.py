"""The requested host apart from the gateway: the causes of each, and the outcome.

Source: docs/rulings.md#ruling-24.
"""

from collections.abc import Sequence

from checks.model.findings import Finding, Involved, Report, Verdict
from checks.model.requested_host import split_host
from checks.model.route import Outcome, TracedRequest
from checks.reports.wording import after_colon, plural, roots_of, warnings_of

_UNROUTED = "EG507"
"""The code of the fault that leaves a host without a route to the gateway."""


def causes_of_host(report: Report) -> tuple[Finding, ...]:
    """The root causes that are about the requested host alone; none without a host."""
    if not report.host:
        return ()
    host = split_host(report.host)[0]
    return tuple(each for each in roots_of(report) if Involved("host", host) in each.about)


def causes_of_gateway(report: Report) -> tuple[Finding, ...]:
    """The root causes that are not about the requested host alone."""
    host = causes_of_host(report)
    return tuple(each for each in roots_of(report) if each not in host)


def leading_causes(report: Report) -> tuple[Finding, ...]:
    """The root causes, those of the gateway before those of the requested host alone."""
    return (*causes_of_gateway(report), *causes_of_host(report))


def gateway_sentence(report: Report) -> str:
    """The state of a gateway that serves, apart from the requested host."""
    name = f"{report.namespace}/{report.gateway}"
    warnings = warnings_of_gateway(report)
    if report.verdict is Verdict.BROKEN:
        return f"The gateway {name} has no failure."
    if not warnings:
        return f"The gateway {name} is healthy."
    more = f" (and {plural(len(warnings) - 1, 'more warning')})" if len(warnings) > 1 else ""
    return f"The gateway {name} is degraded: {after_colon(warnings[0].summary)}{more}"


def warnings_of_gateway(report: Report) -> tuple[Finding, ...]:
    """The warnings that are not about the requested host."""
    host = Involved("host", split_host(report.host or "")[0])
    return tuple(each for each in warnings_of(report) if host not in each.about)


def is_about_host(report: Report) -> bool:
    """Whether the headline is about the requested host: the gateway itself serves."""
    if not report.host or report.route is None or report.route.problem:
        return False
    return report.verdict in (Verdict.BROKEN, Verdict.HEALTHY, Verdict.DEGRADED) and not causes_of_gateway(report)


def verdict_of_gateway(report: Report) -> Verdict:
    """The verdict of a gateway without failures, without warnings about the requested host."""
    return Verdict.DEGRADED if report.verdict is Verdict.DEGRADED and warnings_of_gateway(report) else Verdict.HEALTHY


def is_through(report: Report) -> bool:
    """Whether every request for the host goes through the gateway."""
    return report.route is not None and report.route.outcome is Outcome.THROUGH


def host_outcome(report: Report) -> str:
    """The outcome of requests for the host, as a clause.

    An example is "api.x.example is not routed through egw"; "" without a host.
    """
    host, gateway = report.host, report.gateway
    if not host:
        return ""
    requests = report.route.requests if report.route is not None else ()
    outcome = report.route.outcome if report.route is not None else Outcome.UNKNOWN
    if outcome is Outcome.MIXED and (schemes := _by_scheme(requests)):
        return f"{host}: {schemes}"
    if any(each.code == _UNROUTED for each in causes_of_host(report)):
        return f"{host} is not routed through {gateway}"
    if outcome is Outcome.FAILS:
        asked_for = sorted({each.scheme for each in requests})
        asked = f"{asked_for[0]} to {host}" if len(asked_for) == 1 and "://" not in host else host
        return f"{asked} fails ({_answer(requests[0])})"
    return _CLAUSES[outcome].format(host=host, gateway=gateway)


_CLAUSES = {
    Outcome.THROUGH: "{host} is routed through {gateway}",
    Outcome.BYPASSES: "{host} bypasses {gateway}",
    Outcome.ELSEWHERE: "{host} is routed elsewhere, not through {gateway}",
    Outcome.MIXED: "some requests for {host} go through {gateway}, others do not",
    Outcome.UNKNOWN: "the route of {host} is not checked",
}


def _by_scheme(requests: Sequence[TracedRequest]) -> str:
    """Each scheme with its outcome: "http works; https does not (connection reset)".

    "" if a scheme has several outcomes.
    """
    first = {each.scheme: each for each in reversed(requests)}
    if len(first) < 2 or any(each.outcome is not first[each.scheme].outcome for each in requests):
        return ""
    ranked = sorted(first.values(), key=lambda each: each.outcome is not Outcome.THROUGH)
    return "; ".join(
        f"{each.scheme} works" if each.outcome is Outcome.THROUGH else f"{each.scheme} does not ({_answer(each)})"
        for each in ranked
    )


def _answer(request: TracedRequest) -> str:
    """The answer that the application gets, without Envoy's name for it."""
    return request.answer.partition(" (")[0].removeprefix("a ") or request.outcome.value
