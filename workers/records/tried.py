"""The steps that were carried out in an incident, with their results."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from checks.model.findings import Report
from checks.model.raw_values import Moment
from checks.reports.ran_steps import RanStep, StepResult, step_result


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


MOST_TRIED = 20
"""Steps of an incident that are kept, the latest ones."""


def with_tried(tried: tuple[TriedStep, ...], new: TriedStep | None) -> tuple[TriedStep, ...]:
    """The steps with another one, which takes the place of the same step carried out before."""
    if new is None:
        return tried
    key = (new.step.digest, new.step.title)
    kept = [each for each in tried if (each.step.digest, each.step.title) != key]
    return (*kept, new)[-MOST_TRIED:]


def steps_over(tried: Iterable[TriedStep]) -> frozenset[str]:
    """The digests of the steps that need not be carried out again."""
    return frozenset(each.step.digest for each in tried if each.result.is_over and each.step.digest)
