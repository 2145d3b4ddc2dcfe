"""A re-check compares what findings say, and the steps of a recipe keep their numbers."""

from dataclasses import replace

from bot.messages.recheck import findings_with_other_words
from bot.messages.recipe_progress import progress_of
from bot.messages.recipes import card_recipes
from bot.messages.run import run_messages
from checks.model.durations import without_spans
from checks.model.findings import Finding, Report, Status
from checks.reports.ran_steps import StepResult, ran_step, step_digest
from checks.reports.recipes import labeled
from checks.reports.wording import acting_causes
from tests.bot import stories
from tests.bot.messages.test_card import changes, reports, text_of
from workers.records.tried import TriedStep


def saying(report: Report, summary: str) -> Report:
    """The report whose first failing finding says something else, on the same evidence."""
    first = next(each for each in report.findings if each.status is Status.FAIL)
    other = replace(first, summary=summary)
    return replace(report, findings=tuple(other if each is first else each for each in report.findings))


def test_a_finding_that_says_something_else_is_a_change() -> None:
    """Requests got a connection reset, then bypassed the gateway: "Nothing changed" was said."""
    now = saying(stories.BROKEN, "Requests bypass the gateway.")
    (changed,) = findings_with_other_words(now, stories.BROKEN)
    said, *_ = run_messages(stories.done(now), stories.BEGAN, before=stories.done(stories.BROKEN))
    text = text_of(said.blocks)
    assert "Nothing changed" not in text
    assert f"• changed: {changed.code} {changed.title}. Requests bypass the gateway." in text


def test_a_fault_that_is_only_older_is_no_change() -> None:
    before, now = (saying(stories.BROKEN, f"It fails for {age}.") for age in ("45 s", "2 h 10 min"))
    assert findings_with_other_words(saying(now, "It fails for 3 min."), before) == ()
    assert without_spans("3 of 4 pods for 45 s") == "3 of 4 pods for "


def test_the_steps_that_follow_keep_their_numbers_and_names() -> None:
    """ "Step 2 of 3" of the thread was "step 1 of 2" on the card."""
    tested = 0
    for report in reports():
        cause = acting_causes(report)[0]
        steps = changes(cause)
        if len(steps) < 3 or any(each.alternative_to for each in steps) or len(acting_causes(report)) > 1:
            continue
        tested += 1
        digest = step_digest(cause.check, cause.subject, steps[0])
        step = ran_step(report, digest)
        assert step is not None
        without = replace(cause, actions=tuple(each for each in cause.actions if each != steps[0]))
        after = replace(report, findings=tuple(without if each is cause else each for each in report.findings))
        tried = [TriedStep(report.started_at, "U0BOB", step, StepResult.DONE, "")]
        before = {action.title: label for label, action in labeled(cause.actions)}
        shown = text_of(card_recipes([_found(after, cause)], progress_of("4f5a6b7c8d9e", after, tried)))
        assert f"*{before[steps[1].title]}* " in shown
        assert f"*{before[steps[2].title]}* " in shown
        assert "*1.* " not in shown
        assert ", step " not in "".join(before)
    assert tested


def _found(report: Report, cause: Finding) -> Finding:
    return next(each for each in report.findings if (each.check, each.subject) == (cause.check, cause.subject))
