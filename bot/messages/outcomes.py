"""The result of a check in a few words: of the requested host, or of the gateway.

Source: docs/rulings.md#ruling-24.
"""

from bot.messages.blocks import Escaped, plain, raw
from bot.messages.phrases import VERDICT_MARKS
from checks.model.findings import Report, Verdict
from checks.model.route import Outcome
from checks.reports.host_words import host_outcome, is_about_host, is_through, verdict_of_gateway
from checks.reports.wording import VERDICTS


def outcome_words(report: Report) -> str:
    """The host's outcome, or the gateway's verdict in lower case."""
    return host_outcome(report) if is_about_host(report) else VERDICTS[report.verdict].lower()


def outcome_mark(report: Report) -> str:
    """The mark of the host's outcome, or of the gateway's verdict."""
    if not is_about_host(report) or report.verdict is Verdict.BROKEN:
        return VERDICT_MARKS[report.verdict]
    if is_through(report):
        return VERDICT_MARKS[Verdict.HEALTHY]
    unknown = report.route is not None and report.route.outcome is Outcome.UNKNOWN
    return VERDICT_MARKS[Verdict.INCONCLUSIVE if unknown else Verdict.DEGRADED]


def outcome_of(report: Report) -> Escaped:
    """The mark and the words."""
    return raw(f"{outcome_mark(report)} {plain(outcome_words(report))}")


def gateway_mark(report: Report) -> str:
    """The mark of the gateway alone."""
    return VERDICT_MARKS[verdict_of_gateway(report) if is_about_host(report) else report.verdict]
