"""Answers to questions in a thread, from the last check there.

They are public if the question is (docs/slack.md#words-in-a-thread).
"""

from collections.abc import Sequence
from dataclasses import replace

from bot.grammar.commands import ThreadQuestion
from bot.messages.blocks import (
    Block,
    Message,
    actions,
    as_code,
    button,
    context,
    fallback,
    fitting,
    notification,
    plain,
    raw,
    section,
)
from bot.messages.headlines import name_of
from bot.messages.outcomes import outcome_of
from bot.messages.parent import next_actions
from bot.messages.recent_changes import recent_changes
from bot.messages.recheck import change_blocks
from bot.messages.recipe_progress import next_line, tried_line
from bot.messages.since_healthy import since_healthy_blocks
from checks.model.findings import Report, Verdict
from checks.reports.host_words import (
    is_about_host,
)
from workers.records.gateway_state import GatewayState
from workers.records.run import Run
from workers.records.tried import TriedStep

QUESTION = "question"
"""The slot of an answer in the thread."""

ASK = "ask"
"""The action of a button that asks a question in its thread."""


def what_changed(run: Run, report: Report, before: Run | None, state: GatewayState | None) -> Message:
    """The changes since the check before, since the gateway last worked, and of objects."""
    blocks: list[Block] = []
    if before is not None and before.report is not None:
        blocks += change_blocks(report, before.report, before.ended, run.again)
    blocks += recent_changes(report, 8)
    blocks += since_healthy_blocks(state)
    if not blocks:
        blocks = [section(raw(f"No change is recorded for {as_code(name_of(run))}."))]
    return thread_answer(f"What changed: {name_of(run)}", blocks)


def next_steps(run: Run, report: Report, tried: Sequence[TriedStep] = (), *, ran: bool = False) -> Message:
    """The steps of each cause with their progress, with every command.

    `tried` are the steps of the incident that were carried out; `ran`: the user has said that they ran one.
    """
    name = as_code(name_of(run))
    steps = list(next_actions(run.id, report, tried, whole=True))
    if not steps:
        words = "No next step" if report.verdict is not Verdict.HEALTHY else "Nothing to do"
        found = outcome_of(report) if is_about_host(report) else raw(f"{name} is {outcome_of(report)}")
        return thread_answer(f"{words}: {name_of(run)}", [section(raw(f"{words}: {found}."))])
    done = [tried_line(each) for each in tried[-_MOST_TRIED:]]
    following = next_line(report, tried) if tried else None
    press = (
        ["Press *I ran it* at the step that you carried out: the check after it shows what came of it."] if ran else []
    )
    progress = [*press, *(["*Done so far:*"] if done else []), *done, *([following] if following is not None else [])]
    about = raw(f"{as_code(report.host or '')} through {name}") if is_about_host(report) else name
    heading = raw("\n".join([f"*Next steps for* {about}", *progress]))
    return thread_answer(f"Next steps: {name_of(run)}", [section(heading), *steps])


_MOST_TRIED = 6
"""Steps that were carried out and that an answer lists, the latest ones."""


def nothing_to_own(run: Run, owner: str = "") -> Message:
    """A healthy gateway has no incident that someone can own; `owner` had the last one."""
    words = f"{name_of(run)} is healthy: there is no incident to take."
    last = f" Owner of the last one: <@{owner}>" if owner else ""
    return thread_answer(words, [section(raw(f"✅ {plain(words)}{last}"))])


def who_has_it(run: Run, owner: str, contact: str = "", *, serves: bool = False) -> Message:
    """The owner of the incident, or a button to take it.

    `contact` is that of the configuration; `serves`: the gateway is healthy.
    """
    if serves:
        return nothing_to_own(run, owner)
    name = as_code(name_of(run))
    ask = f" · Contact: {plain(contact)}" if contact else ""
    if owner:
        found = thread_answer(name_of(run), [section(raw(f"🙋 Owner of {name}: <@{owner}>{ask}"))])
        return replace(found, text=notification(raw(f"<@{owner}> is the owner: {found.text}")))
    closing = [actions([button("Take it", "own", run.id)])]
    return thread_answer(f"No owner: {name_of(run)}", [section(raw(f"🙋 {name} has no owner{ask}"))], closing)


def thanked() -> Message:
    """The answer to thanks."""
    return thread_answer("Noted", [context(raw("👍"))])


def still_running(run: Run) -> Message:
    """A question that needs the result of a check that has not ended."""
    words = f"The check of {name_of(run)} is not complete; its result follows in this thread."
    return thread_answer(words, [context(raw(f"⏳ {plain(words)}"))])


def without_result(run: Run) -> Message:
    """A question about a check that has no result."""
    words = f"The last check of {name_of(run)} has no result ({run.state})."
    return thread_answer(words, [context(raw(f"❔ {plain(words)} Say {as_code('again')} to check again."))])


def not_understood(run: Run, verdict: Verdict | None, meant: str = "") -> Message:
    """Three questions that the thread can answer, as buttons.

    `verdict` is the present one of the gateway, `meant` a command that was misspelled.
    """
    words = f"Did you mean {as_code(meant)}?" if meant else "Not understood. In this thread, you can ask:"
    offered = list(dict.fromkeys(filter(None, (meant, *suggested_words(run, verdict)))))[:3]
    row = [button(_label(each), f"{ASK}/{number}", each) for number, each in enumerate(offered)]
    return Message("mistake", fallback(words), fitting([section(raw(words))], [actions(row)]), thread=False)


def suggested_words(run: Run, verdict: Verdict | None) -> tuple[str, str, str]:
    """Three words for the last check of a thread and the present verdict."""
    if not run.state.ended:
        return (ThreadQuestion.OWNER.value, "watch", "stop")
    if verdict is None:
        return ("again", ThreadQuestion.OWNER.value, ThreadQuestion.CHANGED.value)
    if verdict is Verdict.HEALTHY:
        return (ThreadQuestion.CHANGED.value, "again", ThreadQuestion.REPORT.value)
    if verdict is Verdict.STARTING:
        return (ThreadQuestion.NEXT.value, ThreadQuestion.FIXED.value, "watch")
    return ("why", ThreadQuestion.NEXT.value, "watch")


def question_prompts(run: Run) -> list[dict[str, str]]:
    """The same words, and the report, as prompts of the assistant view: at most four."""
    verdict = run.report.verdict if run.report is not None else None
    words = dict.fromkeys((*suggested_words(run, verdict), ThreadQuestion.REPORT.value))
    return [{"title": _label(each), "message": each} for each in words]


def _label(word: str) -> str:
    return word[:1].upper() + word[1:]


def thread_answer(words: str, blocks: Sequence[Block], closing: Sequence[Block] = ()) -> Message:
    """A public answer in the thread; `words` are its notification."""
    return Message(QUESTION, fallback(words), fitting(blocks, closing))
