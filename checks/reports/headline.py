"""The first line of a report: the host's outcome, or the gateway's verdict.

Source: docs/rulings.md#ruling-24.
"""

from checks.model.findings import Report, Status, Verdict
from checks.reports.host_words import gateway_sentence, host_outcome, is_about_host, leading_causes
from checks.reports.wording import after_colon, pending_of, plural, warnings_of, why_inconclusive


def headline(report: Report) -> str:
    """The outcome of the host, or the verdict with its first cause, in one sentence."""
    if is_about_host(report):
        return f"{host_outcome(report)}. {gateway_sentence(report)}"
    roots = leading_causes(report)
    match report.verdict:
        case Verdict.BROKEN:
            first = roots[0].summary if roots else "a check failed"
            more = f" (and {plural(len(roots) - 1, 'more root cause')})" if len(roots) > 1 else ""
            return f"Broken: {after_colon(first)}{more}"
        case Verdict.STARTING:
            pending = pending_of(report)
            more = f" (and {plural(len(pending) - 1, 'more pending check')})" if len(pending) > 1 else ""
            return f"Starting: {after_colon(pending[0].summary)}{more}"
        case Verdict.INCONCLUSIVE:
            return f"Inconclusive: {after_colon(why_inconclusive(report))}."
        case Verdict.DEGRADED:
            warnings = warnings_of(report)
            more = f" (and {plural(len(warnings) - 1, 'more warning')})" if len(warnings) > 1 else ""
            return f"Degraded: {after_colon(warnings[0].summary)}{more}"
        case Verdict.HEALTHY:
            return f"Healthy: {plural(len(report.of(Status.PASS)), 'check')} passed, no failures or warnings."
