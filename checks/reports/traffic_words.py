"""The line about recent traffic, and whether the gateway or the host fails.

Source: docs/rulings.md#ruling-38.
"""

from collections.abc import Mapping

from checks.knowledge.response_flags import FailureSide
from checks.model.findings import Finding, Report, Verdict
from checks.model.traffic import TRAFFIC_FAILING, TrafficOfHost
from checks.reports.wording import roots_of

_MOST_NOTES = 5
_PLACES: Mapping[str, str] = {
    FailureSide.DESTINATION: "the destination, not the gateway",
    FailureSide.BEYOND: "the destination, or a firewall rule for this host",
    FailureSide.UNCLEAR: "the destination, or the network before it",
    FailureSide.NETWORK: "the network between the gateway and the destination",
}


def traffic_line(report: Report) -> str:
    """`Traffic: 1,204 requests in 5 min, 97 % 503 UF since 13:31Z`.

    "" if no counters are read.
    """
    return f"Traffic: {report.traffic.summary}" if report.traffic is not None else ""


def traffic_notes(report: Report) -> tuple[str, ...]:
    """Other counts as sentences without their full stop, at most five."""
    return report.traffic.notes[:_MOST_NOTES] if report.traffic is not None else ()


def failing_location(report: Report) -> str:
    """The place at which the counted traffic fails, as a sentence without its full stop.

    "" if it succeeds or is not known, and if a check of the objects finds the cause: then that is the answer.
    """
    if report.traffic is None or objects_at_fault(report):
        return ""
    failing = [each for each in _known(report) if each.mostly_fails or (each.pods and each.recovered is None)]
    if not failing:
        return _without_answer(report)
    sides = {each.location for each in failing}
    if len(sides) > 1:
        places = "; ".join(f"{_of_host(each)} {each.location}" for each in failing[:3])
        return f"Traffic fails at several places: {places}"
    side = sides.pop()
    pods = sorted({name for each in failing for name in each.pods})
    words = (
        f"gateway pod{'s' if len(pods) > 1 else ''} {', '.join(pods)}" if side == FailureSide.POD else _PLACES.get(side)
    )
    return f"It is {words or 'the gateway'}: {_of_host(failing[0])}"


def mostly_fails(report: Report) -> bool:
    """Whether most requests or connections to a host fail, or have no answer.

    False if that is not known.
    """
    return any(each.mostly_fails or each.mostly_unanswered for each in _known(report))


def _known(report: Report) -> list[TrafficOfHost]:
    """The hosts whose traffic decides.

    With a host in the question, requests to an unknown host may be to another one.
    """
    hosts = report.traffic.hosts if report.traffic is not None else ()
    return [each for each in hosts if each.host or not report.host]


def flows(report: Report) -> str:
    """That the counted traffic succeeds, as a clause; "" if some fails, or if it is not known."""
    traffic = report.traffic
    if (
        traffic is None
        or traffic.problem
        or not traffic.hosts
        or any(each.failed or each.mostly_unanswered or each.stopped for each in traffic.hosts)
    ):
        return ""
    return traffic.summary


def _without_answer(report: Report) -> str:
    for each in _known(report):
        if each.mostly_unanswered:
            closed = f"clients closed {each.unanswered:,} of {each.total:,} requests to {each.host} before an answer"
            return f"The destination, or the network before it, does not answer in time: {closed}"
    return ""


def objects_at_fault(report: Report) -> tuple[Finding, ...]:
    """The root causes that a check of objects found."""
    return tuple(each for each in roots_of(report) if each.check != TRAFFIC_FAILING) or tuple(
        each for each in report.findings if each.pending and report.verdict is Verdict.STARTING
    )


def _of_host(each: TrafficOfHost) -> str:
    to = f" to {each.host}" if each.host else " without a known host"
    return f"{each.failed:,} of {each.total:,} {each.unit}{to} failed ({each.failure})"
