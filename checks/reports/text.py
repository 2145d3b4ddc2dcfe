"""A report for a terminal.

Each finding is printed immediately, then the verdict, root causes and actions.
"""

import textwrap
from collections.abc import Iterator

from checks.model.findings import Action, Finding, Report, Verdict
from checks.reports import route_text
from checks.reports.pasted import labeled_text, text_lines
from checks.reports.recipes import labeled
from checks.reports.traffic_words import failing_location, traffic_line
from checks.reports.wording import (
    EFFECTS,
    STATUSES,
    codes_of,
    coverage,
    explains,
    headline,
    offered,
    plural,
    roots_of,
    since_text,
    warnings_of,
)


def line(finding: Finding) -> str:
    """A finding in one line."""
    return f"{STATUSES[finding.status]:<11}  {finding.code}  {finding.summary}"


def closing_lines(report: Report) -> Iterator[str]:
    """The lines after the findings.

    Verdict, root causes, warnings, route, checks not made, recent changes, coverage.
    """
    yield ""
    yield from _headline(report)
    route = report.route
    if route is not None:
        yield from wrapped(f"Route: {route.summary}", "")
    if traffic := traffic_line(report):
        yield from wrapped(f"{traffic}.", "")
    if location := failing_location(report):
        yield from wrapped(f"{location}.", "")
    for cause in roots_of(report):
        yield from _cause(report, cause)
    for warning in warnings_of(report):
        yield from _warning(warning)
    if route is not None:
        yield from route_text.route_lines(route)
    yield from _not_made(report)
    if report.changes:
        yield ""
        yield "Recent changes, newest first:"
        for change in report.changes[:10]:
            who = f" by {change.who}" if change.who else ""
            yield f"  {change.at:%Y-%m-%d %H:%M}Z  {change.resource}: {change.what}{who}"
    yield ""
    yield f"{coverage(report)}; {report.duration_seconds:.1f} s"


def quiet_lines(report: Report) -> Iterator[str]:
    """The verdict and the root causes alone, in lines of at most 80 characters."""
    yield from narrow(headline(report))
    for cause in roots_of(report):
        yield from narrow(f"Root cause  {cause.code} {cause.title}")


def narrow(sentence: str) -> list[str]:
    """The lines of a sentence, of at most 80 characters; long names are not cut."""
    return textwrap.wrap(sentence, 80, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _headline(report: Report) -> Iterator[str]:
    yield headline(report)
    if report.verdict is Verdict.STARTING:
        yield "The gateway does not serve yet. Wait and check again."


def _not_made(report: Report) -> Iterator[str]:
    """The checks that were not made, by reason, and the commands of those that do not apply."""
    for number, each in enumerate(report.not_checked):
        yield ""
        if number == 0 and report.verdict is Verdict.INCONCLUSIVE:  # the headline is about this reason
            yield "Not checked:"
        else:
            yield from wrapped(f"Not checked: {each.reason}; {plural(len(each.checks), 'check')} not made", "")
        yield from wrapped(codes_of(report, each.checks))
        yield from _actions(each.actions)
    for finding in offered(report):
        yield ""
        yield f"{STATUSES[finding.status].capitalize()}  {finding.code}"
        yield from wrapped(finding.summary)
        yield from _actions(finding.actions)


def _cause(report: Report, cause: Finding) -> Iterator[str]:
    yield ""
    yield f"Root cause  {cause.code} {cause.title}"
    yield from wrapped(cause.summary)
    if cause.doubt:
        yield from wrapped(cause.doubt)
    yield from _since(cause)
    for each in cause.evidence:
        expected = f"   expected: {each.expected}" if each.expected else ""
        yield f"    {each.resource}  {each.field} = {each.observed or '(empty)'}{expected}"
    if cause.possible_causes:
        yield f"    possible causes that were not checked: {', '.join(cause.possible_causes)}"
    if effects := explains(report, cause.check):
        yield f"    explains {plural(len(effects), 'other finding')}: {', '.join(dict.fromkeys(f.code for f in effects))}"
    yield from _actions(cause.actions)


def _warning(warning: Finding) -> Iterator[str]:
    because = f" (because of {', '.join(warning.explained_by)})" if warning.explained_by else ""
    yield ""
    yield f"Warning  {warning.code} {warning.title}{because}"
    yield from wrapped(warning.summary)
    yield from _since(warning)
    if not warning.explained_by:
        yield from _actions(warning.actions)


def _since(finding: Finding) -> Iterator[str]:
    if since := since_text(finding):
        yield f"    {since}"


def _actions(actions: tuple[Action, ...]) -> Iterator[str]:
    for label, action in labeled(actions):
        yield f"    {label} {action.title} ({EFFECTS[action.effect]})"
        yield from text_lines(action.command, "        ")
        yield from labeled_text("expect", action.expect, "      ")
        yield from labeled_text("verify", action.verify, "      ")
        yield from labeled_text("undo", action.undo, "      ")
        if action.url:
            yield f"      {action.url}"


def wrapped(sentence: str, pad: str = "    ", further: str | None = None) -> list[str]:
    """The lines of a sentence after `pad`; `further` is before all lines but the first."""
    return textwrap.wrap(
        sentence,
        110,
        initial_indent=pad,
        subsequent_indent=pad if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )
