"""Compares a diagnosis with the expectations of an incident. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from checks.model.findings import Effect, Finding, Report, Status
from checks.reports.document import stamp
from checks.reports.wording import roots_of, warnings_of

_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.SKIPPED)


def statuses(findings: Iterable[Finding]) -> dict[str, Status]:
    """The status of each check: the worst of its findings, in the order fail, unknown, warn."""
    worst: dict[str, Status] = {}
    for finding in findings:
        before = worst.get(finding.check, Status.SKIPPED)
        worst[finding.check] = min(before, finding.status, key=_WORST_FIRST.index)
    return worst


def shortcomings(report: Report, expect: Mapping[str, Any]) -> Iterator[str]:
    """Each difference between the report and the expectations, as one line."""
    observed = statuses(report.findings)
    may_fail = set(expect.get("may_fail", ()))
    accepted = expect["verdict"] if isinstance(expect["verdict"], list) else [expect["verdict"]]
    if report.verdict not in accepted:
        yield f"verdict is {report.verdict}, expected {' or '.join(accepted)}"
    yield from _set("root causes", set(report.root_causes) - may_fail, set(expect["root_causes"]))
    failing = {slug for slug, status in observed.items() if status is Status.FAIL}
    expected = set(expect["failing"])
    if missing := expected - failing:
        yield f"does not fail: {_list(missing)}"
    if expect["not_failing"] == "*" and (invented := failing - expected - may_fail):
        yield f"fails unexpectedly: {_list(invented)}"
    yield from _listed("warning", Status.WARN, observed, expect, "may_warn")
    yield from _listed("unknown", Status.UNKNOWN, observed, expect, "may_unknown")
    for key, status in (("includes_unknown", Status.UNKNOWN), ("includes_skipped", Status.SKIPPED)):
        for slug in expect.get(key, ()):
            if observed.get(slug) is not status:
                yield f"{slug} is {observed.get(slug, 'missing')}, expected {status}"
    first = next(iter(roots_of(report) or warnings_of(report)), None)
    if "headline" in expect and (first is None or first.check != expect["headline"]):
        yield f"headline is about {first.check if first else 'no check'}, expected {expect['headline']}"
    yield from _first_change(report, expect)
    outcome = report.route.outcome.value if report.route is not None else None
    if "route" in expect and outcome != expect["route"]:
        yield f"the route is {outcome}, expected {expect['route']}"
    yield from _explained(report, expect)
    changes = [f"{stamp(c.at)} | {c.resource} | {c.what} | {c.who}" for c in report.changes]
    if "changes" in expect and changes != expect["changes"]:
        yield f"changes: found {changes}"


def first_change(report: Report) -> str:
    """The title of the first fix of the root causes, otherwise of the warnings.

    A fix is a change, or the advice to wait.
    """
    actions = (action for finding in roots_of(report) or warnings_of(report) for action in finding.actions)
    fixes = (each.title for each in actions if each.effect is not Effect.READS or each.title.startswith("Wait"))
    return next(fixes, "")


def _first_change(report: Report, expect: Mapping[str, Any]) -> Iterator[str]:
    if "first_change" in expect and not re.search(expect["first_change"], found := first_change(report)):
        yield f"the first change is “{found}”, expected {expect['first_change']}"


def _listed(
    key: str, status: Status, observed: Mapping[str, Status], expect: Mapping[str, Any], may: str
) -> Iterator[str]:
    if expect[key] == "*":
        return
    optional = set(expect.get(may, ())) | set(expect.get("may_fail", ()) if key == "warning" else ())
    found = {slug for slug, its in observed.items() if its is status}
    yield from _set(f"{key} checks", found - optional, set(expect[key]) - optional)
    if missing := set(expect[key]) - found - optional:
        yield f"is not {status}: {_list(missing)}"


def _explained(report: Report, expect: Mapping[str, Any]) -> Iterator[str]:
    for finding in report.findings:
        if finding.status is Status.FAIL and finding.check not in report.root_causes and not finding.explained_by:
            yield f"{finding.check} is neither a root cause nor explained"
    for slug, causes in expect.get("explained", {}).items():
        by = {cause for f in report.findings if f.check == slug for cause in f.explained_by}
        if missing := set(causes) - by:
            yield f"{slug} is not explained by {_list(missing)}"


def _set(what: str, found: set[str], expected: set[str]) -> Iterator[str]:
    if found != expected:
        yield f"{what}: found {_list(found) or 'none'}, expected {_list(expected) or 'none'}"


def _list(slugs: Iterable[str]) -> str:
    return ", ".join(sorted(slugs))
