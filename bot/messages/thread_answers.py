"""Answers to questions in a thread, from the last check there.

They are public if the question is (docs/slack.md#words-in-a-thread).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.grammar.commands import ThreadQuestion
from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    as_code,
    button,
    code_block,
    context,
    fallback,
    fitting,
    notification,
    plain,
    raw,
    section,
)
from bot.messages.findings import code_and_title
from bot.messages.headlines import name_of
from bot.messages.parent import next_actions
from bot.messages.phrases import VERDICT_MARKS
from bot.messages.recent_changes import recent_changes
from bot.messages.recheck import change_blocks
from bot.messages.recipe_progress import next_line, tried_line
from bot.messages.since_healthy import since_healthy_blocks
from checks.model.findings import Finding, Report, Verdict
from checks.reports.host_words import causes_of_gateway, causes_of_host, host_outcome
from checks.reports.traffic_picture import traffic_picture
from checks.reports.traffic_words import failing_location, flows, traffic_notes
from checks.reports.wording import VERDICTS, why_inconclusive
from workers.records.gateway_state import GatewayState
from workers.records.run import Run
from workers.records.tried import TriedStep

QUESTION = "question"
"""The slot of an answer in the thread."""

ASK = "ask"
"""The action of a button that asks a question in its thread."""


def gateway_or_host(run: Run, report: Report) -> Message:
    """Whether the gateway or the requested host is at fault."""
    gateway, host = causes_of_gateway(report), causes_of_host(report)
    name = as_code(name_of(run))
    if location := failing_location(report):
        words, _, rest = location.partition(":")
        lines = [raw(f"❌ *{plain(words)}:*{plain(rest)}."), raw("No check of the objects fails.")]
    elif gateway:
        words, lines = "It is the gateway", [raw(f"❌ *It is the gateway* {name}"), *_titles(gateway)]
    elif report.verdict is Verdict.STARTING:
        words, lines = "The gateway is starting", [raw(f"⏳ *The gateway is starting:* {name} does not serve yet.")]
    elif host:
        words = "It is the host, not the gateway"
        outcome = raw(f"{plain(host_outcome(report))}.")
        lines = [
            raw(f"❌ *It is the host, not the gateway:* {outcome}"),
            *_titles(host),
            raw("The gateway has no failure."),
        ]
    elif report.verdict is Verdict.INCONCLUSIVE:
        words, lines = "Not checked", [raw(f"❔ *Not checked:* {plain(why_inconclusive(report))}.")]
    elif report.host:
        words = "Neither: no failure was found"
        lines = [
            raw(f"✅ *Neither:* the gateway has no failure, and {plain(host_outcome(report))}."),
            raw("Not checked: the destination itself, its firewall and its list of permitted addresses."),
        ]
    else:
        words, lines = "The gateway has no failure", [raw(f"✅ *Not the gateway:* {name} has no failure.")]
    if (gateway or host) and (doubts := [each.doubt for each in (*gateway, *host) if each.doubt]):
        lines.append(raw(plain(doubts[0])))
    elif succeeds := flows(report):
        lines.append(raw(f"Traffic succeeds: {plain(succeeds)}."))
    lines += _other_traffic(report)
    if not report.host:
        target = run.order.target
        lines.append(raw(f"No host was checked. Add one: {as_code(f'{target.cluster} {name_of(run)} --host HOST')}"))
    return thread_answer(f"{words}: {name_of(run)}", [section(raw("\n".join(lines)))])


def _other_traffic(report: Report) -> Iterator[Escaped]:
    """Other counts, and the picture of the last hours."""
    for each in traffic_notes(report):
        yield raw(f"{plain(each)}.")
    if picture := traffic_picture(report):
        yield code_block("\n".join(picture))


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
    """The steps of each cause with their progress, as the card shows them.

    `tried` are the steps of the incident that were carried out; `ran`: the user has said that they ran one.
    """
    name = as_code(name_of(run))
    steps = list(next_actions(run.id, report, tried))
    if not steps:
        words = "No next step" if report.verdict is not Verdict.HEALTHY else "Nothing to do"
        return thread_answer(f"{words}: {name_of(run)}", [section(raw(f"{words}: {name} is {_verdict(report)}."))])
    done = [tried_line(each) for each in tried[-_MOST_TRIED:]]
    following = next_line(report, tried) if tried else None
    press = (
        ["Press *I ran it* at the step that you carried out: the check after it shows what came of it."] if ran else []
    )
    progress = [*press, *(["*Done so far:*"] if done else []), *done, *([following] if following is not None else [])]
    heading = raw("\n".join([f"*Next steps for* {name}", *progress]))
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
    ask = f" Contact: {plain(contact)}" if contact else ""
    if owner:
        found = thread_answer(name_of(run), [section(raw(f"🙋 Owner of {name}: <@{owner}>{ask}"))])
        return replace(found, text=notification(raw(f"<@{owner}> is the owner: {found.text}")))
    closing = [actions([button("Take it", "own", run.id)])]
    return thread_answer(f"No owner: {name_of(run)}", [section(raw(f"🙋 {name} has no owner.{ask}"))], closing)


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


def _titles(findings: Sequence[Finding]) -> list[Escaped]:
    return [raw(f"• {code_and_title(each)}") for each in findings[:5]]


def _verdict(report: Report) -> Escaped:
    return raw(f"{VERDICT_MARKS[report.verdict]} {VERDICTS[report.verdict].lower()}")


def thread_answer(words: str, blocks: Sequence[Block], closing: Sequence[Block] = ()) -> Message:
    """A public answer in the thread; `words` are its notification."""
    return Message(QUESTION, fallback(words), fitting(blocks, closing))
