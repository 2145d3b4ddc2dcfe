"""The checks that passed or do not apply, one per line, by stage."""

from collections.abc import Iterator, Sequence

from bot.messages.blocks import Block, Message, context, divider, fallback, fitting, plain, raw, section
from bot.messages.findings import UNKNOWN
from bot.messages.phrases import STATUS_MARKS
from bot.messages.tables import bold_cell, data_table, text_cell
from checks.model.findings import Finding, Stage, Status
from checks.reports.wording import STAGES, plural


def step_messages(seen: Sequence[Finding], every: float, before: Sequence[Block] = ()) -> Iterator[Message]:
    """The message of steps, after the blocks `before`; a stage appears with its first result."""
    blocks: list[Block] = []
    shown: list[Stage] = []
    for stage in Stage:
        mine = _of_stage(seen, stage)
        if mine:
            shown.append(stage)
            blocks += [*([divider()] if blocks else []), *_stage(stage, mine)]
    if not blocks:
        return
    passed = sum(f.status is Status.PASS for f in seen)
    text = f"{plural(passed, 'check')} passed: {', '.join(STAGES[stage] for stage in shown)}"
    found = _as_table(seen, shown, passed)
    newest = fitting([*before, *found]) if found else ()
    yield Message("steps", fallback(text), fitting([*before, *blocks]), every=every, newest=newest)


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
