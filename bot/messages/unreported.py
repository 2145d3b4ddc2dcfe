"""Answers from a check that keeps no report: a fleet check, or a check in another channel.

Such a check keeps the verdict, the causes and the settings of a gateway. Next steps and commands need a check in the channel:
those of an earlier report may be wrong by now.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.grammar.commands import ThreadQuestion
from bot.messages.blocks import Block, Escaped, Message, actions, as_code, button, context, plain, raw, section
from bot.messages.gateway_lines import gateway_on
from bot.messages.headlines import name_of
from bot.messages.phrases import DATE_AND_TIME, VERDICT_MARKS, local_time, since_when
from bot.messages.present import marked, time_line, titles_of
from bot.messages.since_healthy import since_healthy_blocks
from bot.messages.thread_answers import thread_answer
from checks.model.findings import Verdict
from checks.reports.impact import CHECK_OF_THE_PREFIX, impact_of_checks
from checks.reports.wording import VERDICTS
from workers.records.present import PresentState
from workers.records.run import Run


def no_longer_exists(present: PresentState) -> Message:
    """The gateway was removed: nothing else about it is current."""
    at = local_time(present.gone or present.at, DATE_AND_TIME)
    line = raw(f"▫️ *No longer exists:* {_where(present)} was not found {at}.")
    return thread_answer(f"No longer exists: {name_of(present.run)}", [section(line)])


def unreported_answer(
    question: ThreadQuestion, present: PresentState, asked: Run, more: Sequence[Block] = ()
) -> Message:
    """The known part of an answer, since when, and a button to check again.

    `asked` is the last run of the thread; `more` are blocks about other gateways.
    """
    lines = _OF_QUESTION.get(question, _next)(present)
    changes = since_healthy_blocks(present.state) if question in _ABOUT_TIME else []
    return _answer(present, asked, VERDICTS[present.verdict], lines, [*changes, *more])


_ABOUT_TIME = (ThreadQuestion.CHANGED, ThreadQuestion.SINCE)


def unreported_check(code: str, present: PresentState, asked: Run) -> Message:
    """Whether the check with this code found a cause."""
    found = [each for each in present.faults if each.code == code]
    lines = [f"{_mark(present)} {plain(f'{each.code} {each.title}: {each.summary}')}" for each in found]
    none = f"{plain(code)} is not among the causes of {_name(present)}, which is {marked(present.verdict)}."
    return _answer(present, asked, code, lines or [none])


def earlier_report(present: PresentState, asked: Run, kind: str = "report") -> Message:
    """The newest check has no report or evidence (`kind`); an earlier one is in the thread."""
    run = present.run
    lines = [f"❔ *No {kind} of the last check:* {_name(present)} is {marked(present.verdict)}."]
    if run.report is not None and run.ended is not None:
        at = local_time(run.ended, DATE_AND_TIME)
        lines.append(f"The last {kind} in this thread is of an earlier check, {at}: {marked(run.report.verdict)}.")
    return _answer(present, asked, f"No {kind} of the last check", lines)


def _answer(
    present: PresentState, asked: Run, words: str, lines: Iterator[str] | Sequence[str], more: Sequence[Block] = ()
) -> Message:
    blocks = [section(raw("\n".join(lines))), *more, context(time_line(present, asked))]
    row = actions([button("Re-check", "check_again", present.run.id)])
    return thread_answer(f"{words}: {name_of(present.run)}", blocks, [row])


def _name(present: PresentState) -> Escaped:
    return as_code(name_of(present.run))


def _where(present: PresentState) -> Escaped:
    return gateway_on(present.run.order.target.cluster, name_of(present.run))


def _mark(present: PresentState) -> str:
    return VERDICT_MARKS[present.verdict]


def _causes(present: PresentState, *, summaries: bool = False) -> Iterator[str]:
    """The causes, each with the time since which it exists if that is kept."""
    for number, title in enumerate(titles_of(present)):
        fault = present.faults[number] if present.faults else None
        since = f" · {since_when(fault.beginning)}" if fault is not None else ""
        yield f"• {title}{since}{f': {plain(fault.summary)}' if fault is not None and summaries else ''}"
    if present.verdict is Verdict.INCONCLUSIVE:
        missing = present.state.missing if present.state is not None else ""
        yield f"❔ {plain(missing)}" if missing else "❔ The reason is not kept."


def _why(present: PresentState) -> Iterator[str]:
    if present.serves:
        yield f"✅ {_name(present)}: nothing failed."
        return
    yield f"*Why* {_name(present)} *is {VERDICTS[present.verdict].lower()}*"
    yield from _causes(present, summaries=True)


def _next(present: PresentState) -> Iterator[str]:
    if present.serves:
        yield f"✅ *Nothing to do:* {_name(present)} is healthy."
        return
    yield f"{_name(present)} is {marked(present.verdict)}. Check again for its next steps and commands."
    yield from _causes(present)


def _restart(present: PresentState) -> Iterator[str]:
    match present.verdict:
        case Verdict.HEALTHY:
            yield f"✅ {_name(present)} is healthy: no restart is needed."
        case Verdict.STARTING:
            yield f"⏳ *Not now:* {_name(present)} is starting. A restart begins the start again."
        case _:
            yield f"❔ *Not checked* whether a restart is safe: {_name(present)} is {marked(present.verdict)}."
            yield from _causes(present)


def _gateway_or_host(present: PresentState) -> Iterator[str]:
    match present.verdict:
        case Verdict.BROKEN:
            yield f"❌ *It is the gateway* {_name(present)}"
        case Verdict.STARTING:
            yield f"⏳ *The gateway is starting:* {_name(present)} does not serve yet."
        case Verdict.INCONCLUSIVE:
            yield f"❔ *Not checked:* {_name(present)} is inconclusive."
        case _:
            yield f"{_mark(present)} *Not the gateway:* {_name(present)} has no failure."
    yield from _causes(present)
    yield "No host was checked."


def _affected(present: PresentState) -> Iterator[str]:
    impact = impact_of_checks(present.verdict, present.causes) or "Nothing is affected"
    yield f"{_mark(present)} *{impact}:* {_where(present)}"
    yield from _causes(present)


def _since(present: PresentState) -> Iterator[str]:
    if present.serves and present.state is not None:
        since = local_time(present.state.since, DATE_AND_TIME)
        yield f"✅ {_where(present)} has served at every check since {since}."
        return
    yield f"{_mark(present)} {_where(present)} is {VERDICTS[present.verdict].lower()}."
    yield from _causes(present)


def _location(present: PresentState) -> Iterator[str]:
    yield str(_where(present))
    yield from _prefix(present)


def _address(present: PresentState) -> Iterator[str]:
    if CHECK_OF_THE_PREFIX in present.causes:
        yield f"❌ {_name(present)} has no egress IP prefix."
        yield from _causes(present)
        return
    yield from list(_prefix(present)) or [f"❔ The egress IP prefix of {_name(present)} was not checked."]


def _prefix(present: PresentState) -> Iterator[str]:
    if present.state is not None and present.state.prefix:
        yield f"Last known egress IP prefix of {_name(present)}: {as_code(present.state.prefix)}"


def _not_checked(present: PresentState) -> Iterator[str]:
    yield f"{_where(present)} is {marked(present.verdict)}. The list of the checks is not kept."
    yield from _causes(present)


def _traffic(present: PresentState) -> Iterator[str]:
    yield f"❔ *Not checked:* counters are not kept. {_name(present)} is {marked(present.verdict)}."


def _changed(present: PresentState) -> Iterator[str]:
    before, at = present.run.report, present.run.ended
    now = marked(present.verdict)
    if before is not None and at is not None:
        yield f"*Changed:* was {marked(before.verdict)} {local_time(at, DATE_AND_TIME)}, now {now}"
    else:
        yield f"{_name(present)} is {now}."
    yield from _causes(present)


_OF_QUESTION: Mapping[ThreadQuestion, Callable[[PresentState], Iterator[str]]] = {
    ThreadQuestion.WHY: _why,
    ThreadQuestion.RESTART: _restart,
    ThreadQuestion.GATEWAY_OR_HOST: _gateway_or_host,
    ThreadQuestion.GATEWAY: _gateway_or_host,
    ThreadQuestion.AFFECTED: _affected,
    ThreadQuestion.SINCE: _since,
    ThreadQuestion.WHERE: _location,
    ThreadQuestion.ADDRESS: _address,
    ThreadQuestion.NOT_CHECKED: _not_checked,
    ThreadQuestion.TRAFFIC: _traffic,
    ThreadQuestion.CHANGED: _changed,
}
"""The lines of each question; the others are about the next steps."""
