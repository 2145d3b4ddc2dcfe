"""The effect of a proposed change as Markdown, for the comment of a pull request.

Text from the cluster is escaped or code.
"""

from collections.abc import Iterator

from checks.engine.if_applied import FindingEffect, IfApplied
from checks.facts.laying import Laying
from checks.model.findings import Verdict
from checks.model.inert_text import inert
from checks.model.route_changes import RouteChange
from checks.reports.change_wording import (
    EFFECT_TITLES,
    asked_route_lines,
    conclusion,
    headline_if_applied,
    not_judged_lines,
    objects_line,
    request_line,
    state_line,
)
from checks.reports.headline import headline
from checks.reports.markdown_text import escaped
from checks.reports.wording import STATUSES, coverage, plural

_MOST_ROWS = 100
"""A comment of a pull request has at most 65,536 characters."""


def change_markdown(found: IfApplied) -> str:
    """The report as a Markdown document."""
    return inert("\n".join(_lines(found)).rstrip() + "\n")


def _lines(found: IfApplied) -> Iterator[str]:
    report = found.then
    yield f"## Egress gateway {escaped(f'{report.namespace}/{report.gateway}')} on {escaped(report.cluster)}"
    yield ""
    yield f"{_mark(found)} **{escaped(conclusion(found))}**"
    yield ""
    yield "| | verdict |"
    yield "| --- | --- |"
    yield f"| now | {escaped(headline(found.now))} |"
    yield f"| if applied | {escaped(headline_if_applied(found))} |"
    for label, sentence in asked_route_lines(found):
        yield f"| {label.lower()} | {escaped(sentence)} |"
    yield from _routes(found)
    yield from _findings(found)
    yield from _not_known(found)
    yield from _objects(found)
    yield ""
    yield f"If applied: {escaped(coverage(report))}. {plural(found.compared, 'route')} compared."


def _mark(found: IfApplied) -> str:
    if found.breaks:
        return "❌"
    return "❔" if found.verdict is Verdict.INCONCLUSIVE else "✅"


def _routes(found: IfApplied) -> Iterator[str]:
    if not found.routes:
        return
    yield ""
    yield "### Routes that would change"
    yield ""
    yield "| | request | now | if applied |"
    yield "| --- | --- | --- | --- |"
    for each in found.routes[:_MOST_ROWS]:
        cells = (_route_mark(each), request_line(each), state_line(each.now), state_line(each.then))
        yield f"| {' | '.join(map(escaped, cells))} |"
    if len(found.routes) > _MOST_ROWS:
        yield ""
        yield f"… and {plural(len(found.routes) - _MOST_ROWS, 'more route')}"


def _route_mark(change: RouteChange) -> str:
    return (
        "❌"
        if change.lost
        else "❔"
        if change.became_unknown
        else "✅"
        if change.gained
        else "⚠️"
        if change.moved
        else "▫️"
    )


def _findings(found: IfApplied) -> Iterator[str]:
    if not found.findings:
        return
    yield ""
    yield "### Findings that differ"
    yield ""
    yield "| effect | status | check | observation |"
    yield "| --- | --- | --- | --- |"
    listed = sorted(found.findings, key=lambda each: list(EFFECT_TITLES).index(each.effect))
    for each in listed[:_MOST_ROWS]:
        finding = each.shown
        before = ""
        if each.effect is FindingEffect.CHANGES and each.now is not None:
            before = f"<br>now: {STATUSES[each.now.status]}: {escaped(each.now.summary)}"
        yield (
            f"| {each.effect} | {STATUSES[finding.status]} | {finding.code} {escaped(finding.title)} "
            f"| {escaped(finding.summary)}{before} |"
        )


def _not_known(found: IfApplied) -> Iterator[str]:
    if not found.not_known:
        return
    yield ""
    yield "### Not checked"
    yield ""
    for each in found.not_known:
        yield f"- {escaped(each.statement)}" + ("" if each.decides else " (it does not decide)")


def _objects(found: IfApplied) -> Iterator[str]:
    yield ""
    yield f"<details><summary>Objects: {objects_line(found)}</summary>"
    yield ""
    for each in found.objects:
        if each.result is not Laying.UNCHANGED:
            reason = f": {each.reason}" if each.reason else ""
            yield f"- {each.result}: {escaped(f'{each.ref}{reason}')}"
    for line in not_judged_lines(found):
        yield f"- not judged: {escaped(line)}"
    yield ""
    yield "</details>"
