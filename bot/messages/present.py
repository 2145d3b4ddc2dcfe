"""The time of the present state, and whether the gateway is fixed."""

from dataclasses import replace

from bot.messages.blocks import Escaped, Message, actions, as_code, button, context, fitting, plain, raw, section
from bot.messages.card import end_word, length_of
from bot.messages.headlines import name_of, sentence_of
from bot.messages.outcomes import outcome_mark
from bot.messages.phrases import DATE_AND_TIME, VERDICT_MARKS, check_title, local_time
from bot.messages.thread_answers import thread_answer
from checks.model.findings import Report, Verdict
from checks.model.route import Outcome
from checks.reports.host_words import host_outcome, is_about_host, is_through
from checks.reports.wording import VERDICTS
from workers.records.present import PresentState
from workers.records.run import Run

MOST_CAUSES = 8
"""Causes that an answer lists."""


_SAME_SECONDS = 60
"""Seconds from a report to a later check with the same result, for both times to be shown."""


def time_line(present: PresentState, asked: Run) -> Escaped:
    """The time of the state that an answer is made from; `asked` is the last run of the thread."""
    parts = [f"As of {local_time(present.at, DATE_AND_TIME)}"]
    ended = present.run.ended
    if present.report is None:
        parts.append("by a fleet check or in another channel, which keeps no report here")
    elif ended is not None and (present.at - ended).total_seconds() >= _SAME_SECONDS:
        parts.append(f"the same result since {local_time(ended, DATE_AND_TIME)}")
    if recovery := recovery_of(present):
        parts.append(recovery)
    if (newer := present.newer_gateway) is not None:
        parts.append(f"the gateway {local_time(newer.at, DATE_AND_TIME)}: {marked(newer.verdict)}")
    if not asked.state.ended:
        parts.append("a check is running; its result follows in this thread")
    return raw(" · ".join(parts))


def with_time(answer: Message, present: PresentState, asked: Run) -> Message:
    """An answer from the present state, with its time; without a report, it offers a check."""
    row = [] if present.report is not None else [actions([button("Re-check", "check_again", present.run.id)])]
    return replace(answer, blocks=fitting(answer.blocks, [context(time_line(present, asked)), *row]))


def of_run(answer: Message, present: PresentState, run: Run) -> Message:
    """An answer from one run, with its time, and with the present state if that is another one."""
    if present.report is not None and present.run.id == run.id:
        return with_time(answer, present, run)
    at = f"As of {local_time(run.ended, DATE_AND_TIME)} · " if run.ended is not None else ""
    line = raw(f"{at}newer result {local_time(present.at, DATE_AND_TIME)}: {marked(present.verdict)}")
    return replace(answer, blocks=fitting(answer.blocks, [context(line)]))


def recovery_of(present: PresentState) -> str:
    """When the incident of a healthy gateway ended, and its length; "" without one."""
    card = present.card
    if not present.serves or card is None or card.ended is None:
        return ""
    return f"{end_word(card).lower()} {local_time(card.ended, DATE_AND_TIME)} after {length_of(card)}"


def is_fixed(present: PresentState, asked: Run) -> Message:
    """The result of a check that has just ended.

    The first words answer "is it fixed?" and "is it still broken?" alike.
    """
    mark, answer, state = _state(present)
    line = raw(f"{mark} *{answer}:* {state}. {_reason(present)}".rstrip())
    return with_time(thread_answer(f"{answer}. {name_of(present.run)}", [section(line)]), present, asked)


def checking_now(present: PresentState) -> Message:
    """A check has been started, or is running: its result is the answer."""
    mark, _, state = _state(present)
    last = f"Last known, {local_time(present.at, DATE_AND_TIME)}: {mark} {state}. {_reason(present)}".rstrip()
    lines = raw(f"⏳ *Checking now.* {last}\nThe result follows in this thread.")
    return thread_answer(f"Checking now. {name_of(present.run)}", [section(lines)])


def _reason(present: PresentState) -> str:
    if present.report is not None:
        return plain(sentence_of(present.report))
    return f"{'; '.join(titles_of(present)[:3])}." if present.causes else ""


def _state(present: PresentState) -> tuple[str, str, Escaped]:
    """(mark, answer, what was found) of the host if the check is about it, else of the gateway."""
    name, report = as_code(name_of(present.run)), present.report
    if report is not None and is_about_host(report):
        return outcome_mark(report), _answer_about(report), plain(host_outcome(report))
    word = VERDICTS[present.verdict].lower()
    return VERDICT_MARKS[present.verdict], _ANSWERS[present.verdict], raw(f"{name} is {word}")


def _answer_about(report: Report) -> str:
    if is_through(report):
        return "It works"
    outcome = report.route.outcome if report.route is not None else Outcome.UNKNOWN
    return {Outcome.MIXED: "It works in part", Outcome.UNKNOWN: "Not checked"}.get(outcome, "Not fixed")


_ANSWERS = {
    Verdict.HEALTHY: "It works",
    Verdict.DEGRADED: "It works, with warnings",
    Verdict.STARTING: "Not yet",
    Verdict.BROKEN: "Not fixed",
    Verdict.INCONCLUSIVE: "Not checked",
}


def titles_of(present: PresentState) -> list[Escaped]:
    """The codes and titles of the causes."""
    if present.faults:
        return [plain(f"{each.code} {each.title}") for each in present.faults[:MOST_CAUSES]]
    return [check_title(each) for each in present.causes[:MOST_CAUSES]]


def marked(verdict: Verdict) -> Escaped:
    """A verdict with its mark, in the middle of a sentence."""
    return raw(f"{VERDICT_MARKS[verdict]} {VERDICTS[verdict].lower()}")
