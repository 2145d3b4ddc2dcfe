"""A report as Markdown, for a ticket or an incident page.

Text from the cluster is escaped or code.
"""

from collections.abc import Iterable, Iterator

from checks.model.findings import Action, Finding, Report, Status
from checks.model.inert_text import inert
from checks.reports import route_markdown
from checks.reports.document import stamp
from checks.reports.headline import headline
from checks.reports.markdown_text import code, code_cell, escaped
from checks.reports.pasted import labeled_markdown, markdown_block
from checks.reports.recipes import labeled
from checks.reports.traffic_picture import traffic_picture
from checks.reports.traffic_words import failing_location, traffic_line, traffic_notes
from checks.reports.wording import (
    EFFECTS,
    STAGES,
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

_EMOJI = {Status.PASS: "✅", Status.WARN: "⚠️", Status.FAIL: "❌", Status.SKIPPED: "▫️", Status.UNKNOWN: "❔"}


def markdown(report: Report) -> str:
    """A report as a Markdown document, for a support request or a ticket."""
    return inert("\n".join(_lines(report)).rstrip() + "\n")


def _lines(report: Report) -> Iterator[str]:
    yield f"# Egress gateway {escaped(f'{report.namespace}/{report.gateway}')} on {escaped(report.cluster)}"
    yield ""
    yield f"**{escaped(headline(report))}**"
    yield ""
    host = f" · host {code(report.host)}" if report.host else ""
    yield f"{stamp(report.started_at)}{host} · {escaped(coverage(report))}"
    route = report.route
    yield from _summaries(report)
    for cause in roots_of(report):
        yield ""
        yield f"## Root cause: {escaped(cause.title)} ({cause.code})"
        yield from _finding(cause)
        if effects := explains(report, cause.check):
            yield ""
            yield "Explains: " + "; ".join(f"{f.code} {escaped(f.title)}" for f in effects)
    for warning in warnings_of(report):
        yield ""
        yield f"## Warning: {escaped(warning.title)} ({warning.code})"
        yield from _finding(warning)
    yield from _not_made(report)
    if route is not None and route.requests:
        yield from route_markdown.route_section(route, commands_of(report))
    if report.changes:
        yield ""
        yield "## Recent changes"
        yield ""
        yield "| when | object | what | who |"
        yield "| --- | --- | --- | --- |"
        for change in report.changes:
            yield f"| {stamp(change.at)} | {escaped(change.resource)} | {escaped(change.what)} | {escaped(change.who)} |"
    yield from _table(report)


def _summaries(report: Report) -> Iterator[str]:
    """The route and the traffic, each in a sentence."""
    if report.route is not None:
        yield ""
        yield f"Route: {escaped(report.route.summary)}"
    for words in filter(None, (traffic_line(report), failing_location(report), *traffic_notes(report))):
        yield ""
        yield f"{escaped(words)}."
    if picture := traffic_picture(report):
        yield ""
        yield "```"
        yield from picture
        yield "```"


def _not_made(report: Report) -> Iterator[str]:
    """The checks that were not made, by reason, and the commands of those that do not apply."""
    for each in report.not_checked:
        yield ""
        yield f"## Not checked: {escaped(each.reason)}"
        yield ""
        yield f"{plural(len(each.checks), 'check')} not made: {codes_of(report, each.checks)}"
        yield from _actions(each.actions)
    for finding in offered(report):
        yield ""
        yield f"## {STATUSES[finding.status].capitalize()}: {finding.code}"
        yield from _finding(finding)


def _finding(finding: Finding) -> Iterator[str]:
    yield ""
    yield escaped(finding.summary)
    if finding.doubt:
        yield ""
        yield escaped(finding.doubt)
    if since := since_text(finding):
        yield ""
        yield f"S{since[1:]}"
    if finding.evidence:
        yield ""
        yield "| object | field | observed | expected |"
        yield "| --- | --- | --- | --- |"
        for each in finding.evidence:
            cells = (escaped(each.resource), code_cell(each.field), code_cell(each.observed), escaped(each.expected))
            yield f"| {' | '.join(cells)} |"
    yield from _actions(() if finding.explained_by else finding.actions)


def _actions(actions: Iterable[Action]) -> Iterator[str]:
    for label, action in labeled(actions):
        yield from _action(label, action)


def _action(label: str, action: Action) -> Iterator[str]:
    yield ""
    link = f" ([documentation]({action.url}))" if action.url else ""
    yield f"**{label}** {escaped(action.title)} ({EFFECTS[action.effect]}){link}"
    if action.command:
        yield from markdown_block(action.command)
    yield from labeled_markdown("Expect", action.expect)
    yield from labeled_markdown("Verify", action.verify)
    yield from labeled_markdown("Undo", action.undo)


def _table(report: Report) -> Iterator[str]:
    yield ""
    yield "## All checks"
    yield ""
    yield "| | check | stage | observation | explained by |"
    yield "| --- | --- | --- | --- | --- |"
    for each in in_order(report.findings):
        because = ", ".join(each.explained_by)
        yield (
            f"| {_EMOJI[each.status]} {STATUSES[each.status]} | {each.code} {each.check} | {STAGES[each.stage]} "
            f"| {escaped(each.summary)} | {because} |"
        )
