"""The requested host apart from the gateway: whose fault a failure is, and the host's outcome in words.

Source: docs/rulings.md#ruling-24.
"""

from checks.model.findings import Finding, Involved, Report, Verdict
from checks.model.requested_host import split_host
from checks.model.route import Outcome
from checks.reports.wording import roots_of

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


def is_about_host(report: Report) -> bool:
    """Whether only the requested host fails, so that the headline is about it."""
    return report.verdict is Verdict.BROKEN and bool(causes_of_host(report)) and not causes_of_gateway(report)


def host_outcome(report: Report) -> str:
    """The outcome of requests for the host, as a clause: "api.x.example is not routed through egw".

    "" without a host.
    """
    host, route, gateway = report.host, report.route, report.gateway
    if not host:
        return ""
    causes = causes_of_host(report)
    outcome = route.outcome if route is not None else Outcome.UNKNOWN
    match outcome:
        case Outcome.THROUGH:
            return f"{host} is routed through {gateway}"
        case Outcome.BYPASSES:
            return f"{host} bypasses {gateway}"
        case Outcome.ELSEWHERE:
            return f"{host} is routed elsewhere, not through {gateway}"
        case Outcome.MIXED if not causes:
            return f"some requests for {host} go through {gateway}, others do not"
        case Outcome.UNKNOWN if not causes:
            return f"the route of {host} is not checked"
        case _:
            unrouted = any(each.code == _UNROUTED for each in causes)
            return f"{host} {'is not routed' if unrouted else 'does not get'} through {gateway}"
