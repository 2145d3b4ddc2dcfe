"""What one person asked to see of a run, and only they see: the causal chain, the commands, the past."""

from collections.abc import Iterator, Mapping, Sequence

from bot.messages.blocks import Block, Escaped, Message, context, fallback, fitting, plain, raw, section
from bot.messages.findings import action_text, findings_of
from bot.messages.headlines import name_of
from bot.messages.phrases import STATUS_MARKS, VERDICT_MARKS, local_time
from bot.messages.since_healthy import since_healthy_blocks
from checks.model.findings import Finding, Status
from checks.reports.wording import VERDICTS, plural, roots_of
from workers.fleet.records import GatewayState
from workers.runs.records import PastRun, Run

Mechanisms = Mapping[tuple[str, str], str]
"""Why one check's fault leads to another's, in a sentence, by their slugs."""

DEEPEST = 8


def explanation(run: Run, mechanisms: Mechanisms) -> Message:
    """How the findings follow from one another, each step with its mechanism."""
    name = name_of(run)
    if run.report is None:
        return _private("why", f"{name}: what follows from what is known when the run has ended.")
    roots = roots_of(run.report)
    if not roots:
        return _private("why", f"{name}: nothing failed, so nothing follows from anything.")
    blocks: list[Block] = [section(raw(f"*Why* {plain(name)} *is broken*"))]
    for root in roots[:10]:
        lines = [f"{STATUS_MARKS[root.status]} *{_title(root)}*", *_effects(run, root, mechanisms, 1, {root.check})]
        blocks += [section(raw("\n".join(lines[start : start + 12]))) for start in range(0, len(lines), 12)]
    return Message("why", fallback(f"{roots[0].code} {roots[0].summary}"), fitting(blocks), thread=False)


def _effects(run: Run, cause: Finding, mechanisms: Mechanisms, depth: int, told: set[str]) -> Iterator[str]:
    if depth > DEEPEST:
        return
    for effect in findings_of(run):
        if cause.check not in effect.explained_by or effect.check in told:
            continue
        told.add(effect.check)
        indent = "\u2003" * depth
        because = mechanisms.get((cause.check, effect.check), "")
        yield f"{indent}↳ {STATUS_MARKS[effect.status]} {_title(effect)}" + (
            f"\n{indent}\u2003_{plain(because)}_" if because else ""
        )
        yield from _effects(run, effect, mechanisms, depth + 1, told)


def command_list(run: Run) -> Message:
    """Every command of the findings, root causes first, one to a block so that a long press copies it."""
    name = name_of(run)
    roots = roots_of(run.report) if run.report is not None else ()
    ordered = [*roots, *(f for f in findings_of(run) if f not in roots and f.status is not Status.PASS)]
    steps = list(dict.fromkeys(each for finding in ordered for each in finding.actions if each.command))
    if not steps:
        return _private("commands", f"{name}: no finding asks for a command.")
    blocks: list[Block] = [section(raw(f"*{plural(len(steps), 'command')} for* {plain(name)}"))]
    blocks += [section(action_text(each)) for each in steps]
    return Message("commands", fallback(f"{plural(len(steps), 'command')} for {name}"), fitting(blocks), thread=False)


def history_message(cluster: str, gateway: str, runs: Sequence[PastRun], state: GatewayState | None = None) -> Message:
    """The last runs for a gateway, newest first, and what changed between them."""
    name = f"{gateway} on {cluster}"
    if not runs:
        return _private("past", f"{name} has not been checked yet, or not for a long time.")
    rows = []
    for number, run in enumerate(runs):
        before = runs[number + 1] if number + 1 < len(runs) else None
        who = f" · <@{run.user}>" if run.user else ""
        head = f"{VERDICT_MARKS[run.verdict]} {local_time(run.at, '{date_short_pretty} {time}')} *{VERDICTS[run.verdict]}*{who}"
        rows.append(f"{head}{_difference(run, before)}")
    blocks = [section(raw(f"*The last {plural(len(runs), 'run')} for* {plain(name)}"))]
    blocks += [section(raw("\n".join(rows[start : start + 6]))) for start in range(0, len(rows), 6)]
    blocks += since_healthy_blocks(state)
    last = runs[0]
    return Message(
        "past",
        fallback(f"{name}: {VERDICTS[last.verdict].lower()}, {plural(len(runs), 'run')}"),
        fitting(blocks),
        thread=False,
    )


def _difference(run: PastRun, before: PastRun | None) -> Escaped:
    if before is None:
        return raw(f": {plain(', '.join(run.failing))}") if run.failing else raw("")
    new = [code for code in run.failing if code not in before.failing]
    gone = [code for code in before.failing if code not in run.failing]
    parts = [*([f"new {', '.join(new)}"] if new else []), *([f"gone {', '.join(gone)}"] if gone else [])]
    if not parts:
        return raw(": no change" if run.verdict is before.verdict else "")
    return raw(f": {plain('; '.join(parts))}")


def _title(finding: Finding) -> Escaped:
    return plain(f"{finding.code} {finding.title}")


def _private(slot: str, words: str) -> Message:
    return Message(slot, fallback(words), fitting([context(plain(words))]), thread=False)
