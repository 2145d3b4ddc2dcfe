"""The findings of one check over the facts that it reads.

After a failed read or a defect of the check, its result is not checked, never a pass.
"""

from dataclasses import replace
from datetime import timedelta

from checks.engine.check import Check
from checks.engine.defects import Defect, result_or_defect
from checks.facts.fact import Unreadable
from checks.facts.view import Facts
from checks.model.findings import Finding, Observation, Severity, Status

CLOCK_SKEW = timedelta(minutes=5)
"""By how much clocks can differ; a later time is wrong."""


def run_check(check: Check, facts: Facts) -> tuple[Finding, ...]:
    """The findings of a check; passes only if it has no other result."""
    found: list[Finding] = []

    def run() -> Unreadable | None:
        try:
            for observation in check.run(facts):
                found.append(_dated(check.finding(observation), facts))
        except Unreadable as unread:
            return unread
        if facts.reads.failed and all(each.status is Status.PASS for each in found):
            # A pass claims that no fault exists; a failed read may hide one (docs/rulings.md#ruling-28).
            return Unreadable(min(facts.reads.failed, key=str))
        return None

    interruption = result_or_defect(check.code, f"check {check.slug}", run)
    if isinstance(interruption, Defect):
        found = [*_without_passes(found), check.finding(_crashed(interruption))]
    elif interruption is not None:
        found = [
            *_without_passes(found),
            check.not_checked(interruption.gap, Severity.RISKS if interruption.risk else None),
        ]
    if not found:
        found.append(
            check.finding(
                Observation(Status.UNKNOWN, "Not checked: the check returned no result, a defect of the check.")
            )
        )
    if len(found) == 1:
        return (found[0],)
    serious = [each for each in found if each.status is not Status.PASS]
    return tuple(serious if any(each.status is not Status.SKIPPED for each in serious) else found)


def _dated(finding: Finding, facts: Facts) -> Finding:
    """The finding without a time in the future, which a wrong clock wrote."""
    late = finding.since is not None and finding.since > facts.now + CLOCK_SKEW
    return replace(finding, since=None) if late else finding


def _without_passes(found: list[Finding]) -> list[Finding]:
    """The findings before an interruption; a pass is not one, because the rest was not checked."""
    return [each for each in found if each.status in (Status.FAIL, Status.WARN, Status.UNKNOWN)]


def _crashed(defect: Defect) -> Observation:
    return Observation(
        Status.UNKNOWN, f"Not checked: the check crashed ({defect}); the log of this run has the details."
    )
