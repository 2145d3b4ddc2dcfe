"""The effect of a proposed change for a terminal."""

from collections.abc import Iterator

from checks.engine.if_applied import FindingChange, FindingEffect, IfApplied
from checks.facts.laying import Laying
from checks.model.columns import after, narrow, wrapped
from checks.model.findings import Finding
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
from checks.reports.text import evidence_lines
from checks.reports.wording import STATUSES, coverage


def change_lines(found: IfApplied) -> Iterator[str]:
    """The report: conclusion, both verdicts, objects, routes, findings, and what is not known."""
    yield from wrapped(conclusion(found), "")
    yield ""
    yield from _labelled("Now", headline(found.now), "")
    yield from _labelled("If applied", headline_if_applied(found), "")
    for label, sentence in asked_route_lines(found):
        yield from _labelled(label, sentence, "")
    yield from _objects(found)
    yield from _routes(found)
    for effect, title in EFFECT_TITLES.items():
        yield from _findings(title, [each for each in found.findings if each.effect is effect])
    if found.not_known:
        yield ""
        yield "Not checked:"
        for each in found.not_known:
            yield from wrapped(each.statement + ("" if each.decides else " (it does not decide)"))
    yield ""
    seconds = found.then.duration_seconds
    yield f"If applied: {coverage(found.then)}" + (f"; {seconds:.1f} s" if seconds else "")


def quiet_change_lines(found: IfApplied) -> Iterator[str]:
    """The conclusion and the verdict if applied alone."""
    yield from narrow(conclusion(found))
    yield from narrow(f"If applied: {headline_if_applied(found)}")


def _labelled(label: str, sentence: str, pad: str) -> Iterator[str]:
    yield from after(f"{pad}{label:<12}", sentence)


def _objects(found: IfApplied) -> Iterator[str]:
    yield ""
    yield from narrow(f"Objects: {objects_line(found)}")
    for each in found.objects:
        if each.result is not Laying.UNCHANGED:
            where = f"  ({each.place})" if each.place else ""
            reason = f": {each.reason}" if each.reason else ""
            yield from _labelled(each.result, f"{each.ref}{reason}{where}", "  ")
    for line in not_judged_lines(found):
        yield from _labelled("not judged", line, "  ")


def _routes(found: IfApplied) -> Iterator[str]:
    yield ""
    if not found.routes:
        yield f"No route would change ({found.compared} compared)."
        return
    yield f"Routes that would change: {len(found.routes)} ({found.compared} compared)"
    for each in found.routes:
        yield from wrapped(request_line(each), "  ", "    ")
        yield from _labelled("now", state_line(each.now), "    ")
        yield from _labelled("if applied", state_line(each.then), "    ")


def _findings(title: str, changes: list[FindingChange]) -> Iterator[str]:
    if not changes:
        return
    yield ""
    yield f"{title}:"
    for each in changes:
        yield from _labelled(STATUSES[each.shown.status], f"{each.shown.code}  {each.shown.summary}", "  ")
        if each.effect is FindingEffect.CHANGES and each.now is not None:
            yield from wrapped(f"now: {STATUSES[each.now.status]}: {each.now.summary}", " " * 14)
        if each.effect is not FindingEffect.GOES:
            yield from _evidence(each.shown)


def _evidence(finding: Finding) -> Iterator[str]:
    for each in finding.evidence:
        yield from evidence_lines(each, " " * 14)
