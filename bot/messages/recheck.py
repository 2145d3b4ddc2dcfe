"""A run that repeats another one: its own end in one message, and only what has changed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from bot.messages.blocks import Block, Escaped, Message, fallback, plain, raw, section
from bot.messages.findings import finding_messages
from bot.messages.headlines import name_of, sentence_of
from bot.messages.parent import parent_message
from bot.messages.phrases import VERDICT_MARKS, local_time
from checks.model.findings import Finding, Report, Status
from checks.reports.wording import VERDICTS, plural
from workers.runs.records import Run

_BAD = (Status.FAIL, Status.WARN, Status.UNKNOWN)


def recheck_messages(run: Run, now: datetime, before: Report, at: datetime | None) -> tuple[Message, ...]:
    """The messages of a run that repeats one that ended with `before`: its parent, and a reply for each new finding."""
    head = parent_message(run, now)
    if run.report is None:
        return (head,)
    changes = list(_changes(run.report, before, at))
    place = min(len(head.blocks), 1)
    told = replace(
        head,
        text=fallback(
            f"{name_of(run)} on {run.report.cluster}: {_words(run.report, before)} {sentence_of(run.report)}"
        ),
        blocks=(*head.blocks[:place], *changes, *head.blocks[place:]),
    )
    return (told, *finding_messages(run, new_findings(run.report, before)))


def new_findings(report: Report, before: Report) -> tuple[Finding, ...]:
    """What fails, warns or is unknown now and was not so before."""
    known = {(f.status, f.check, f.subject) for f in before.findings if f.status in _BAD}
    return tuple(f for f in report.findings if f.status in _BAD and (f.status, f.check, f.subject) not in known)


def resolved_findings(report: Report, before: Report) -> tuple[Finding, ...]:
    """What failed, warned or was unknown before and is not so now."""
    still = {(f.check, f.subject) for f in report.findings if f.status in _BAD}
    return tuple(f for f in before.findings if f.status in _BAD and (f.check, f.subject) not in still)


def _words(report: Report, before: Report) -> str:
    if report.verdict is not before.verdict:
        return f"was {VERDICTS[before.verdict].lower()}, now {VERDICTS[report.verdict].lower()}."
    if new_findings(report, before) or resolved_findings(report, before):
        return f"still {VERDICTS[report.verdict].lower()}, but changed."
    return f"still {VERDICTS[report.verdict].lower()}, nothing changed."


def _changes(report: Report, before: Report, at: datetime | None) -> Iterator[Block]:
    new, gone = new_findings(report, before), resolved_findings(report, before)
    when = local_time(at) if at is not None else raw("the last run")
    now = raw(f"{VERDICT_MARKS[report.verdict]} {VERDICTS[report.verdict].lower()}")
    if report.verdict is not before.verdict:
        lines = [
            raw(
                f"*Changed:* was {VERDICT_MARKS[before.verdict]} {VERDICTS[before.verdict].lower()} at {when}, now {now}"
            )
        ]
    elif new or gone:
        lines = [raw(f"*Still {VERDICTS[report.verdict].lower()}, but something changed* since {when}")]
    else:
        count = len([f for f in report.findings if f.status in _BAD])
        same = f": the same {plural(count, 'finding')}" if count else ""
        lines = [raw(f"*Nothing changed* since {when}{same}")]
    lines += [raw(f"• gone: {_name(f)}") for f in gone[:12]] + [raw(f"• new: {_name(f)}") for f in new[:12]]
    yield section(raw("\n".join(lines)))


def _name(finding: Finding) -> Escaped:
    return plain(f"{finding.code} {finding.title}")
