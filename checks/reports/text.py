"""A report for a terminal, in lines of at most 80 characters.

The verdict and the root causes are first and last; between them are causes, actions, the route and every finding.
"""

from collections.abc import Iterator

from checks.model.columns import COLUMNS, after, narrow, wrapped
from checks.model.findings import Action, Evidence, Finding, Report, Status, Verdict
from checks.reports import route_text
from checks.reports.headline import headline
from checks.reports.pasted import labeled_text, text_lines
from checks.reports.recipes import labeled
from checks.reports.traffic_picture import traffic_picture
from checks.reports.traffic_words import failing_location, traffic_line, traffic_notes
from checks.reports.wording import (
    EFFECTS,
    STATUSES,
    codes_of,
    commands_of,
    coverage,
    explains,
    in_order,
    offered,
    plural,
    roots_of,
    since_text,
    warnings_of,
)


def report_lines(report: Report) -> Iterator[str]:
    """The verdict with causes and actions, every finding, and the verdict again."""
    yield from closing_lines(report)
    # Checks that were not made are reported above, each reason once.
    listed = [each for each in in_order(report.findings) if each.status not in (Status.SKIPPED, Status.UNKNOWN)]
    if listed:
        yield ""
    for finding in listed:
        yield from finding_lines(finding)
    yield ""
    yield from quiet_lines(report)


def finding_lines(finding: Finding) -> Iterator[str]:
    """A finding: its status, its code and its summary."""
    yield from after(f"{STATUSES[finding.status]:<11}  {finding.code}  ", finding.summary)


def closing_lines(report: Report) -> Iterator[str]:
    """Verdict, root causes, warnings, route, checks not made, recent changes, coverage."""
    yield from _headline(report)
    route = report.route
    if route is not None:
        yield from narrow(f"Route: {route.summary}")
    if traffic := traffic_line(report):
        yield from narrow(f"{traffic}.")
    yield from traffic_picture(report)
    for each in filter(None, (failing_location(report), *traffic_notes(report))):
        yield from narrow(f"{each}.")
    for cause in roots_of(report):
        yield from _cause(report, cause)
    for warning in warnings_of(report):
        yield from _warning(warning)
    if route is not None:
        yield from route_text.route_lines(route, commands_of(report))
    yield from _not_made(report)
    if report.changes:
        yield ""
        yield "Recent changes, newest first:"
        for change in report.changes[:10]:
            who = f" by {change.who}" if change.who else ""
            yield from after(f"  {change.at:%Y-%m-%d %H:%M}Z  ", f"{change.resource}: {change.what}{who}")
    yield ""
    yield f"{coverage(report)}; {report.duration_seconds:.1f} s"


def quiet_lines(report: Report) -> Iterator[str]:
    """The verdict and the root causes alone."""
    yield from narrow(headline(report))
    for cause in roots_of(report):
        yield from narrow(f"Root cause  {cause.code} {cause.title}")


def _headline(report: Report) -> Iterator[str]:
    yield from narrow(headline(report))
    if report.verdict is Verdict.STARTING:
        yield "The gateway does not serve yet. Wait and check again."


def _not_made(report: Report) -> Iterator[str]:
    """The checks that were not made, by reason, and the commands of those that do not apply."""
    for number, each in enumerate(report.not_checked):
        yield ""
        if number == 0 and report.verdict is Verdict.INCONCLUSIVE:  # the headline is about this reason
            yield "Not checked:"
        else:
            yield from narrow(f"Not checked: {each.reason}; {plural(len(each.checks), 'check')} not made")
        yield from wrapped(codes_of(report, each.checks))
        yield from _actions(each.actions)
    for finding in offered(report):
        yield ""
        yield f"{STATUSES[finding.status].capitalize()}  {finding.code}"
        yield from wrapped(finding.summary)
        yield from _actions(finding.actions)


def _cause(report: Report, cause: Finding) -> Iterator[str]:
    yield ""
    yield from narrow(f"Root cause  {cause.code} {cause.title}")
    yield from wrapped(cause.summary)
    if cause.doubt:
        yield from wrapped(cause.doubt)
    yield from _since(cause)
    for each in cause.evidence:
        yield from evidence_lines(each, "    ")
    if cause.possible_causes:
        yield from wrapped(f"possible causes that were not checked: {', '.join(cause.possible_causes)}")
    if effects := explains(report, cause.check):
        codes = ", ".join(dict.fromkeys(f.code for f in effects))
        yield from wrapped(f"explains {plural(len(effects), 'other finding')}: {codes}")
    yield from _actions(cause.actions)


def _warning(warning: Finding) -> Iterator[str]:
    because = f" (because of {', '.join(warning.explained_by)})" if warning.explained_by else ""
    yield ""
    yield from narrow(f"Warning  {warning.code} {warning.title}{because}")
    yield from wrapped(warning.summary)
    yield from _since(warning)
    if not warning.explained_by:
        yield from _actions(warning.actions)


def evidence_lines(evidence: Evidence, pad: str) -> Iterator[str]:
    """An observed field and its expected value."""
    expected = f"   expected: {evidence.expected}" if evidence.expected else ""
    observed = f"{evidence.resource}  {evidence.field} = {evidence.observed or '(empty)'}{expected}"
    yield from [f"{pad}{observed}"] if len(pad) + len(observed) <= COLUMNS else wrapped(observed, pad, f"{pad}  ")


def _since(finding: Finding) -> Iterator[str]:
    if since := since_text(finding):
        yield f"    {since}"


def _actions(actions: tuple[Action, ...]) -> Iterator[str]:
    for label, action in labeled(actions):
        yield from wrapped(f"{label} {action.title} ({EFFECTS[action.effect]})", "    ", "       ")
        yield from text_lines(action.command, "        ")
        yield from labeled_text("expect", action.expect, "      ")
        yield from labeled_text("verify", action.verify, "      ")
        yield from labeled_text("undo", action.undo, "      ")
        if action.url:
            yield f"      {action.url}"
