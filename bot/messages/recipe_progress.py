"""The progress of a recipe: buttons, the steps that were carried out, the next one.

Source: docs/slack.md#recipe.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.messages.blocks import Block, Escaped, actions, button, plain, raw
from bot.messages.interaction_values import RanValue
from bot.messages.phrases import DATE_AND_TIME, local_time
from checks.model.findings import Report
from checks.reports.ran_steps import StepResult, next_step, ran_step
from workers.records.tried import TriedStep, steps_over

RAN = "ran"
"""The action of the button "I ran it"."""

_MARKS = {
    StepResult.WORKED: "✅",
    StepResult.DONE: "✅",
    StepResult.WAITS: "⏳",
    StepResult.NO_EFFECT: "❌",
    StepResult.SEEN: "☑️",
    StepResult.NOT_CHECKED: "❔",
    StepResult.REFUSED: "⛔",
    StepResult.NOT_COMPLETED: "❔",
}
_WORDS = {
    StepResult.WORKED: "worked",
    StepResult.DONE: "done",
    StepResult.WAITS: "has begun to take effect",
    StepResult.NO_EFFECT: "no effect yet",
    StepResult.SEEN: "done",
    StepResult.NOT_CHECKED: "not verified",
    StepResult.REFUSED: "refused",
    StepResult.NOT_COMPLETED: "not completed",
}


@dataclass(frozen=True, slots=True)
class RecipeProgress:
    """The progress of the recipes of one run.

    `run` is its ID, for the buttons; `tried` are the steps of the incident that were carried out.
    """

    run: str
    tried: Sequence[TriedStep] = ()
    next: str = ""
    """The digest of the next step, if one was carried out."""
    done: Mapping[str, int] = field(default_factory=dict)
    """For each check, the steps that were carried out and that its recipe no longer has."""

    def row(self, steps: Iterable[tuple[str, str]]) -> Iterator[Block]:
        """The buttons (label, digest) of steps."""
        found = [button(label, f"{RAN}/{d}", RanValue(run=self.run, step=d).encode()) for label, d in steps]
        if found:
            yield actions(found)

    def note(self, digest: str) -> Escaped:
        """The line above a step: its result, or that it is the next one."""
        tried = next((each for each in self.tried if each.step.digest == digest), None)
        if tried is not None:
            return raw(f"{_MARKS[tried.result]} _{_words(tried)}_")
        return raw("👉 *Next*") if self.next == digest else raw("")


def progress_of(run: str, report: Report, tried: Sequence[TriedStep]) -> RecipeProgress:
    """The progress of the recipes of a report."""
    mine = [each for each in tried if each.step.digest]
    found = next_step(report, steps_over(mine)) if mine else None
    done = Counter(e.step.check for e in mine if e.result.is_over and ran_step(report, e.step.digest) is None)
    return RecipeProgress(run, tried, found[0] if found is not None else "", done)


def tried_line(tried: TriedStep) -> Escaped:
    """A step that was carried out, with what came of it, in a line."""
    code = f" ({tried.step.code})" if tried.step.code else ""
    return raw(f"{_MARKS[tried.result]} {plain(tried.step.title)}{code}: {_words(tried)}")


def others_tried(report: Report, tried: Sequence[TriedStep]) -> Iterator[Escaped]:
    """The steps that were carried out and that the recipes no longer have, each in a line."""
    for each in tried:
        if ran_step(report, each.step.digest) is None:
            yield tried_line(each)


def next_line(report: Report, tried: Sequence[TriedStep]) -> Escaped | None:
    """The next step in a line; None if there is none."""
    found = next_step(report, steps_over(tried))
    return raw(f"👉 Next: {plain(found[1].title)}") if found is not None else None


def _words(tried: TriedStep) -> Escaped:
    reason = tried.said.removesuffix(".")
    said = f": {plain(reason)}" if reason else ""
    return raw(f"{_WORDS[tried.result]}{said} · <@{tried.user}> {local_time(tried.at, DATE_AND_TIME)}")
