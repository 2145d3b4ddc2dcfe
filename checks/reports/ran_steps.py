"""A step of a recipe that a user has carried out, and what the next check says about it.

The check that follows reads from the cluster whether the step worked; nothing depends on what the user saw.
Source: docs/slack.md#recipe.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from checks.model.findings import Action, Effect, Finding, Report, Status
from checks.reports.recipes import fix_first
from checks.reports.wording import acting_causes
from checks.steps.undo import NOTHING

_WORST_FIRST = (Status.FAIL, Status.WARN, Status.UNKNOWN, Status.SKIPPED, Status.PASS)


class StepResult(StrEnum):
    """The result of a step by the check after it."""

    WORKED = "worked"
    """The check whose fault it fixes does not report the fault any more."""
    DONE = "done"
    """Its change is made, and other steps follow."""
    WAITS = "waits"
    """The fault is pending: it is expected to end by itself."""
    NO_EFFECT = "no-effect"
    """The cluster is as it was."""
    SEEN = "seen"
    """It only shows something, or it is an active step with a result of its own."""
    NOT_CHECKED = "not-checked"
    REFUSED = "refused"
    """An active step that changed nothing: a precondition did not hold."""
    NOT_COMPLETED = "not-completed"
    """An active step that was interrupted, or could not begin."""

    @property
    def is_over(self) -> bool:
        """Whether the step need not be carried out again."""
        return self in (StepResult.WORKED, StepResult.DONE, StepResult.WAITS, StepResult.SEEN)


@dataclass(frozen=True, slots=True)
class RanStep:
    """A step that was carried out, as its recipe had it.

    `check`, `code` and `subject` are those of its finding; `check` is empty for an active step, whose result is
    `outcome`. `undo` is the command that took it back before it was carried out.
    """

    title: str
    check: str = ""
    code: str = ""
    subject: str = ""
    digest: str = ""
    reads: bool = False
    undo: str = ""
    outcome: str = ""


def step_digest(check: str, subject: str, action: Action) -> str:
    """The identity of a step across runs: its finding and its command, not its wording."""
    return hashlib.sha256("|".join((check, subject, action.command or action.title)).encode()).hexdigest()[:12]


def ran_step(report: Report, digest: str) -> RanStep | None:
    """The step of a report with this digest; None if the report has no such step."""
    for check, code, subject, action in _steps(report):
        if step_digest(check, subject, action) == digest:
            reads = action.effect is Effect.READS
            return RanStep(action.title, check, code, subject, digest, reads, action.undo)
    return None


def _steps(report: Report) -> Iterator[tuple[str, str, str, Action]]:
    """(check, code, subject, action) of each step."""
    for finding in report.findings:
        yield from ((finding.check, finding.code, finding.subject, each) for each in finding.actions)
    codes = {each.check: each.code for each in report.findings}
    for reason in report.not_checked:
        check = reason.checks[0]
        yield from ((check, codes.get(check, check), "", each) for each in reason.actions)


def step_result(step: RanStep, report: Report) -> tuple[StepResult, str]:
    """The result of a step by a later report, with the reason as a clause."""
    if not step.check:
        return StepResult.SEEN, step.outcome
    code = step.code
    found = [each for each in report.findings if each.check == step.check]
    same = [each for each in found if each.subject == step.subject or not step.subject]
    others = [each for each in found if each.status is Status.FAIL and each not in same]
    now = min(same, key=lambda each: _WORST_FIRST.index(each.status), default=None)
    if now is None or now.status is Status.PASS:
        if others:
            return StepResult.DONE, f"{code} still fails for {others[0].subject}"
        return (StepResult.WORKED, f"{code} passes") if found else (StepResult.NOT_CHECKED, f"{code} was not checked")
    if now.status is Status.SKIPPED:
        unreached = f"{code} was not checked: {now.reason}"
        return (StepResult.NOT_CHECKED, unreached) if now.reason else (StepResult.WORKED, f"{code} no longer applies")
    if now.status is Status.UNKNOWN:
        return StepResult.NOT_CHECKED, f"{code} was not checked{f': {now.reason}' if now.reason else ''}"
    return _still_reported(step, now)


def _still_reported(step: RanStep, now: Finding) -> tuple[StepResult, str]:
    still = f"{step.code} {'still fails' if now.status is Status.FAIL else 'is still a warning'}"
    if now.pending:
        return StepResult.WAITS, f"{step.code} is pending"
    if step.reads:
        return StepResult.SEEN, still
    same = next((a for a in now.actions if step_digest(now.check, now.subject, a) == step.digest), None)
    applied = same is not None and same.undo.startswith(NOTHING) and not step.undo.startswith(NOTHING)
    return (StepResult.DONE if same is None or applied else StepResult.NO_EFFECT), still


def next_step(report: Report, over: Collection[str] = ()) -> tuple[str, Action] | None:
    """The first step of the recipes that is not over, with its digest.

    `over` are the digests of those that are. Alternatives, and actions that only show a cause, are not the next step.
    Without a cause, it is the first step for a reason why checks were not made.
    """
    causes = acting_causes(report)
    for cause in causes:
        steps = fix_first(cause.actions)
        for action in (each for each in steps if each is steps[0] or each.effect is not Effect.READS or each.expect):
            digest = step_digest(cause.check, cause.subject, action)
            if digest not in over and not action.alternative_to:
                return digest, action
    for reason in report.not_checked if not causes else ():
        for action in reason.actions[:1]:
            return step_digest(reason.checks[0], "", action), action
    return None
