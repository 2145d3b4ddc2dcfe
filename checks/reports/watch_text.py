"""A watch of one gateway in a terminal: each change of the result, and the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from checks.model.columns import narrow
from checks.model.findings import Report, Verdict
from checks.reports.text import quiet_lines
from checks.reports.traffic_words import mostly_fails, traffic_line
from checks.reports.wording import VERDICTS, pending_of, plural, roots_of

PASSES_TO_FIX = 3
"""Checks passed in a row after which a gateway counts as fixed.

A flapping one has then settled.
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """The state of a watch after a check; `passed` is the number of checks passed in a row."""

    report: Report
    checks: int
    passed: int
    changed: bool
    """Whether the result is another one than before; True for the first check."""

    @property
    def fixed(self) -> bool:
        """Whether the gateway has passed often enough."""
        return self.passed >= PASSES_TO_FIX


def serves(report: Report) -> bool:
    """Whether the gateway serves: one that is starting, or whose traffic fails, does not."""
    return report.verdict in (Verdict.HEALTHY, Verdict.DEGRADED) and not mostly_fails(report)


def after_report(before: Watched | None, report: Report) -> Watched:
    """The state of a watch after one more check."""
    passed = (before.passed if before else 0) + 1 if serves(report) else 0
    changed = before is None or _result(before.report) != _result(report)
    return Watched(report, (before.checks if before else 0) + 1, passed, changed)


def _result(report: Report) -> tuple[object, ...]:
    """Equal for reports between which a watch prints nothing."""
    causes = roots_of(report) or pending_of(report)
    return (report.verdict, tuple(dict.fromkeys(each.check for each in causes)), mostly_fails(report))


def watch_lines(watched: Watched, at: datetime) -> Iterator[str]:
    """The result of a check that differs from the one before: time, verdict and causes."""
    yield f"{at:%H:%M:%S} UTC"
    yield from quiet_lines(watched.report)
    if mostly_fails(watched.report):
        yield from narrow(f"{traffic_line(watched.report)}.")


def end_line(watched: Watched, at: datetime, interrupted: str = "") -> str:
    """Why the watch has ended, as one sentence with the last verdict.

    `interrupted`: the signal that ended it, "" without one.
    """
    last = VERDICTS[watched.report.verdict].lower()
    checks = plural(watched.checks, "check")
    if watched.fixed:
        return f"{at:%H:%M:%S} UTC  Passed {watched.passed} checks in a row after {checks}: {last}."
    reason = f"Ended by {interrupted}" if interrupted else "The time of the watch is over"
    return f"{at:%H:%M:%S} UTC  {reason} after {checks}: {last}."
