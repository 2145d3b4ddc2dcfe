"""A re-check as messages: one for its result, and one for each new finding."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    button,
    context,
    fallback,
    fitting,
    plain,
    raw,
    section,
)
from bot.messages.findings import code_and_title, finding_messages, folded_findings, named_findings
from bot.messages.headlines import fault_of, name_of, sentence_of
from bot.messages.outcomes import outcome_mark, outcome_of, outcome_words
from bot.messages.parent import parent_message, progress_line
from bot.messages.phrases import DATE_AND_TIME, local_time, requester_of
from bot.messages.recipe_progress import next_line, tried_line
from checks.model.durations import without_spans
from checks.model.findings import Finding, Report, Status
from checks.reports.host_words import is_about_host, is_through
from checks.reports.wording import VERDICTS, after_colon, plural
from workers.records.run import Run
from workers.records.tried import tried_step

_BAD = (Status.FAIL, Status.WARN, Status.UNKNOWN)


def recheck_messages(
    run: Run, now: datetime, before: Report, at: datetime | None, offered: Collection[str] = ()
) -> tuple[Message, ...]:
    """The parent of a re-check with the differences to `before`, and a reply per new finding.

    `before` is the report of the run that is repeated, which ended at `at`.
    """
    parent = parent_message(run, now, offered=offered)
    if run.report is None:
        return (parent,)
    where = f"{name_of(run)} on {run.report.cluster}"
    still, change = _change_plain(run, run.report, before)
    text = fallback(f"{still}: {after_colon(fault_of(run.report))}{where}, {change}. {sentence_of(run.report)}")
    ran = tuple(ran_blocks(run, run.report))
    if _is_unchanged(run.report, before):
        return (replace(parent, text=text, blocks=(*ran, context(_unchanged(run, run.report, at)))),)
    changes = (*ran, *change_blocks(run.report, before, at, run.again))
    if run.order.card:
        # The parent message of the thread has the next actions and the buttons of this result.
        blocks = [parent.blocks[0], *changes, context(progress_line(run))]
        closing = [actions([button("Re-check", "check_again", run.id)])]
        parent = replace(parent, text=text, blocks=fitting(blocks, closing))
    else:
        parent = replace(parent, text=text, blocks=(parent.blocks[0], *changes, *parent.blocks[1:]))
    news = (*new_findings(run.report, before), *_with_other_steps(run.report, before))
    return (parent, *finding_messages(run, news, offered))


def ran_blocks(run: Run, report: Report) -> Iterator[Block]:
    """The result of the step that the run verifies, and the next step."""
    tried = tried_step(run.order.ran, run.order.user, report, run.ended or report.started_at)
    if tried is not None:
        following = next_line(report, [tried])
        yield section(raw("\n".join([tried_line(tried), *([following] if following is not None else [])])))


def _is_unchanged(report: Report, before: Report) -> bool:
    found = (new_findings(report, before), resolved_findings(report, before), findings_with_other_words(report, before))
    return _is_same(report, before) and not any(found)


def _is_same(report: Report, before: Report) -> bool:
    """Whether both have the same verdict, and the same outcome of the host."""
    return report.verdict is before.verdict and outcome_words(report) == outcome_words(before)


def _unchanged(run: Run, report: Report, at: datetime | None) -> Escaped:
    """A result that is the same as the one before, in one line."""
    count = len([f for f in report.findings if f.status in _BAD])
    same = f": the same {plural(count, 'finding')}" if count else ""
    now = local_time(run.ended) if run.ended is not None else raw("now")
    since = f" since {local_time(at, DATE_AND_TIME)}" if at is not None else ""
    mark, words = outcome_mark(report), plain(outcome_words(report))
    if run.again is not None:
        began = local_time(run.again, DATE_AND_TIME)
        again = f"{mark} *{_word(report)} again* since {began}, after a recovery"
        return raw(f"{again}{same} · {requester_of(run.order.user)}")
    still = f"{mark} As before: {words}, {now}" if is_about_host(report) else f"{mark} Still {words} at {now}"
    return raw(f"{still}. *Nothing changed*{since}{same} · {requester_of(run.order.user)}")


def _word(report: Report) -> str:
    """The verdict of the gateway, or that requests for the host fail."""
    return "Failing" if is_about_host(report) and not is_through(report) else VERDICTS[report.verdict]


def new_findings(report: Report, before: Report) -> tuple[Finding, ...]:
    """The findings that fail, warn or are unknown now and did not before."""
    known = {(f.status, f.check, f.subject) for f in before.findings if f.status in _BAD}
    return tuple(f for f in report.findings if f.status in _BAD and (f.status, f.check, f.subject) not in known)


def resolved_findings(report: Report, before: Report) -> tuple[Finding, ...]:
    """The findings that failed, warned or were unknown before and do not now."""
    still = {(f.check, f.subject) for f in report.findings if f.status in _BAD}
    return tuple(f for f in before.findings if f.status in _BAD and (f.check, f.subject) not in still)


def findings_with_other_words(report: Report, before: Report) -> tuple[Finding, ...]:
    """The findings that were there before, and of which something else is observed now.

    Their words differ, apart from durations: a fault that is only older is not a changed one.
    """
    known = [each for each in before.findings if each.status in _BAD]
    return tuple(f for f in report.findings if f.status in _BAD and _is_changed(f, _same_place(f, known)))


def _same_place(finding: Finding, known: Sequence[Finding]) -> list[Finding]:
    place = (finding.status, finding.check, finding.subject)
    return [each for each in known if (each.status, each.check, each.subject) == place]


def _is_changed(finding: Finding, known: Sequence[Finding]) -> bool:
    return bool(known) and _said(finding) not in map(_said, known)


def _said(finding: Finding) -> str:
    return without_spans(f"{finding.title}. {finding.summary}")


def _with_other_steps(report: Report, before: Report) -> tuple[Finding, ...]:
    """The changed findings with a step that the thread does not have yet."""
    shown = {each.command for finding in before.findings for each in finding.actions}
    changed = findings_with_other_words(report, before)
    return tuple(f for f in changed if any(each.command not in shown for each in f.actions))


def _change_plain(run: Run, report: Report, before: Report) -> tuple[str, str]:
    """The verdict now, and the change: what is wrong is said between them."""
    now = outcome_words(report)
    if run.again is not None and _is_same(report, before):
        return f"{_word(report)} again", "after a recovery"
    if not _is_same(report, before):
        return f"Now {now}", f"was {outcome_words(before)}"
    return f"Still {now}", "nothing changed" if _is_unchanged(report, before) else "with changes"


def change_blocks(
    report: Report, before: Report, at: datetime | None, again: datetime | None = None
) -> Iterator[Block]:
    """The differences between the reports of two checks; `before` ended at `at`.

    `again` is the beginning of the incident, if the gateway had recovered in between.
    """
    new, resolved = new_findings(report, before), resolved_findings(report, before)
    when, since = (local_time(at, DATE_AND_TIME),) * 2 if at is not None else ("at the last check", "the last check")
    if not _is_same(report, before):
        lines = [raw(f"*Changed:* was {outcome_of(before)} {when}, now {outcome_of(report)}")]
    elif again is not None:
        lines = [raw(f"*{_word(report)} again* since {local_time(again, DATE_AND_TIME)}, after a recovery")]
    else:
        lines = [raw(f"*Still {plain(outcome_words(report))}, with changes* since {since}")]
    lines += _listed("resolved", before, resolved)
    lines += _listed("new", report, new)
    changed = findings_with_other_words(report, before)
    lines += [raw(f"• changed: {code_and_title(each)}. {plain(each.summary)}") for each in changed[:12]]
    lines += [raw(f"• {words}: {_codes(found)}") for words, found in _unchecked(new, resolved) if found]
    yield section(raw("\n".join(lines)))


def _listed(word: str, report: Report, changed: Sequence[Finding]) -> list[Escaped]:
    """A line for each finding that nothing explains, and one with the codes of symptoms."""
    names = folded_findings(report)
    folded = {id(finding) for name, finding in named_findings(report.findings) if name in names}
    faults = [each for each in changed if each.status is not Status.UNKNOWN]
    lines = [raw(f"• {word}: {code_and_title(f)}") for f in faults if id(f) not in folded][:12]
    if symptoms := [each for each in faults if id(each) in folded]:
        lines.append(raw(f"• {word}, as symptoms: {_codes(symptoms)}"))
    return lines


def _unchecked(new: Sequence[Finding], resolved: Sequence[Finding]) -> tuple[tuple[str, list[Finding]], ...]:
    """The checks that are not made any more, and those that are made again."""
    return tuple(
        (words, [each for each in found if each.status is Status.UNKNOWN])
        for words, found in (("not checked now", new), ("checked again", resolved))
    )


def _codes(findings: Sequence[Finding]) -> str:
    return ", ".join(dict.fromkeys(each.code for each in findings))
