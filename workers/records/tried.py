"""The steps that were carried out in an incident, with their results."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from checks.actions.rendering import step_name
from checks.model.findings import Report
from checks.model.raw_values import Moment
from checks.reports.ran_steps import RanStep, StepResult, step_result
from workers.records.action import ActionRecord, ActionState


@dataclass(frozen=True, slots=True)
class TriedStep:
    """A step that a user has carried out, with what the check after it says."""

    at: Moment
    user: str
    step: RanStep
    result: StepResult
    said: str
    """The reason for the result as a clause."""


def tried_step(step: RanStep | None, user: str, report: Report, at: datetime) -> TriedStep | None:
    """A step with the result that a report shows; None without a step."""
    if step is None:
        return None
    result, said = step_result(step, report)
    return TriedStep(at, user, step, result, said)


def refused_step(action: ActionRecord) -> TriedStep | None:
    """An active step that was refused or not completed; None for any other.

    It is None for a step that only its requester sees, too. A step that was carried out has a check after it, which records it.
    """
    result = {ActionState.REFUSED: StepResult.REFUSED, ActionState.FAILED: StepResult.NOT_COMPLETED}.get(action.state)
    if result is None or action.ended is None or action.private or action.order.scheduled is not None:
        return None
    reason = action.problem.removesuffix(".")
    return TriedStep(action.ended, action.order.user, RanStep(step_name(action.order.kind)), result, reason)


MOST_TRIED = 20
"""Steps of an incident that are kept, the latest ones."""


def with_tried(tried: tuple[TriedStep, ...], new: TriedStep | None) -> tuple[TriedStep, ...]:
    """The steps with another one, which takes the place of the same step before.

    A step that was refused takes only the place of a refusal: what an earlier one showed stays.
    """
    if new is None:
        return tried
    key = (new.step.digest, new.step.title)
    stays = [each.result not in _NOT_DONE and new.result in _NOT_DONE for each in tried]
    kept = [each for each, stay in zip(tried, stays, strict=True) if stay or (each.step.digest, each.step.title) != key]
    return (*kept, new)[-MOST_TRIED:]


_NOT_DONE = (StepResult.REFUSED, StepResult.NOT_COMPLETED)


def steps_over(tried: Iterable[TriedStep]) -> frozenset[str]:
    """The digests of the steps that need not be carried out again."""
    return frozenset(each.step.digest for each in tried if each.result.is_over and each.step.digest)
