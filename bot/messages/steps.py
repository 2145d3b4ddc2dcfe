"""The checks that passed or do not apply, counted by stage, and one by one on request.

A phone shows the whole thread: the results that need no action are counted (docs/slack.md#numbers).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.messages.blocks import (
    Block,
    Message,
    actions,
    button,
    context,
    divider,
    fallback,
    fitting,
    plain,
    raw,
    section,
)
from bot.messages.findings import UNKNOWN
from bot.messages.phrases import STATUS_MARKS
from bot.messages.tables import bold_cell, data_table, text_cell
from checks.model.findings import Finding, Stage, Status
from checks.reports.wording import STAGES, plural

_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.SKIPPED)

SHOW_CHECKS = "checks"
"""The action of the button that shows each check to the person alone."""


def step_messages(run: str, seen: Sequence[Finding], every: float, before: Sequence[Block] = ()) -> Iterator[Message]:
    """The message of steps of the run with this ID, after the blocks `before`.

    A stage appears with its first result.
    """
    shown = [stage for stage in Stage if _of_stage(seen, stage)]
    if not shown:
        return
    passed, skipped = _counts(seen)
    lines = [_stage_line(stage, [f for f in seen if f.stage is stage]) for stage in shown]
    blocks: list[Block] = [section(raw("\n".join(lines)))]
    if skipped:
        codes = ", ".join(dict.fromkeys(f.code for f in seen if f.status is Status.SKIPPED))
        verb = "does not apply" if skipped == 1 else "do not apply"
        blocks.append(context(raw(f"{STATUS_MARKS[Status.SKIPPED]} {plural(skipped, 'check')} {verb}: {plain(codes)}")))
    closing = [actions([button(f"Show {plural(passed + skipped, 'check')}", SHOW_CHECKS, run)])]
    text = f"{plural(passed, 'check')} passed: {', '.join(STAGES[stage] for stage in shown)}"
    yield Message("steps", fallback(text), fitting([*before, *blocks], closing), every=every)


def step_details(seen: Sequence[Finding]) -> Message | None:
    """Every check that passed or does not apply, one per line, for one person.

    None without one. Its newest form is a table.
    """
    shown = [stage for stage in Stage if _of_stage(seen, stage)]
    if not shown:
        return None
    blocks: list[Block] = []
    for stage in shown:
        blocks += [*([divider()] if blocks else []), *_stage(stage, _of_stage(seen, stage))]
    passed, _ = _counts(seen)
    found = Message("opened", fallback(f"{plural(passed, 'check')} passed"), fitting(blocks), thread=False)
    table = _as_table(seen, shown, passed)
    return replace(found, newest=fitting(table)) if table else found


def with_reasons(
    replies: Sequence[Message], steps: Sequence[Message]
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The other replies, and one message with the reasons not to check and the steps."""
    reasons = [each for each in replies if each.slot.startswith(UNKNOWN)]
    if not reasons:
        return tuple(replies), tuple(steps)
    parts = [each.blocks for each in (*reasons, *steps)]
    blocks = [block for number, part in enumerate(parts) for block in (*([divider()] if number else []), *part)]
    whole = Message("steps", reasons[0].text, fitting(blocks))
    return tuple(each for each in replies if each not in reasons), (whole,)


def _counts(findings: Sequence[Finding]) -> tuple[int, int]:
    """(checks that passed, checks that do not apply)."""
    passed = {f.check for f in findings if f.status is Status.PASS}
    return len(passed), len({f.check for f in findings if f.status is Status.SKIPPED} - passed)


def _stage_line(stage: Stage, findings: Sequence[Finding]) -> str:
    """The stage with the mark of its worst result and the number of each."""
    counts = {status: len({f.check for f in findings if f.status is status}) for status in _WORST_FIRST}
    passed, skipped = _counts(findings)
    words = {
        Status.FAIL: f"{counts[Status.FAIL]} failed",
        Status.UNKNOWN: f"{counts[Status.UNKNOWN]} not checked",
        Status.WARN: plural(counts[Status.WARN], "warning"),
    }
    parts = [words[status] for status in words if counts[status]]
    parts += [f"{passed} passed"] if passed else []
    parts += [f"{skipped} {'does' if skipped == 1 else 'do'} not apply"] if skipped else []
    worst = next(status for status in _WORST_FIRST if counts[status])
    return f"{STATUS_MARKS[worst]} *{STAGES[stage]}:* {', '.join(parts)}"


def _of_stage(seen: Sequence[Finding], stage: Stage) -> list[Finding]:
    return [f for f in seen if f.stage is stage and f.status in (Status.PASS, Status.SKIPPED)]


def _as_table(seen: Sequence[Finding], stages: Sequence[Stage], passed: int) -> Sequence[Block]:
    """The same as a table with a row for each check; empty if it exceeds a limit."""
    rows: list[Sequence[Block]] = []
    for stage in stages:
        rows.append((text_cell(""), bold_cell(STAGES[stage])))
        ordered = sorted(_of_stage(seen, stage), key=lambda f: f.status is Status.SKIPPED)
        rows += [(text_cell(f"{STATUS_MARKS[each.status]} {each.code}"), text_cell(each.summary)) for each in ordered]
    found = data_table(("Check", "Result"), rows, wrapped=(1,))
    return [section(raw(f"*{plural(passed, 'check')} passed*")), found] if found is not None else []


def _stage(stage: Stage, findings: Sequence[Finding]) -> Iterator[Block]:
    passed = [f for f in findings if f.status is Status.PASS]
    skipped = [f for f in findings if f.status is Status.SKIPPED]
    heading = f"*{STAGES[stage]}*"
    lines = [f"{STATUS_MARKS[f.status]} {plain(f.code)} {plain(f.summary)}" for f in passed]
    yield section(raw("\n".join([heading, *lines[:12]])))
    for start in range(12, len(lines), 12):
        yield section(raw("\n".join(lines[start : start + 12])))
    for start in range(0, len(skipped), 12):
        rows = (f"{STATUS_MARKS[f.status]} {plain(f.code)} {plain(f.summary)}" for f in skipped[start : start + 12])
        yield context(raw("\n".join(rows)))
