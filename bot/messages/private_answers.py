"""Answers to one person about a run or a gateway: causal chain, commands, history."""

from collections.abc import Iterator, Mapping, Sequence

from bot.messages.blocks import Block, Escaped, Message, context, fallback, fitting, plain, raw, section
from bot.messages.canary_lines import canary_text
from bot.messages.findings import code_and_title, findings_of, notification_of
from bot.messages.headlines import name_of, not_checked_lines
from bot.messages.phrases import DATE_AND_TIME, RUNNING_MARK, STATUS_MARKS, VERDICT_MARKS, local_time, requester_of
from bot.messages.recipes import recipe
from bot.messages.since_healthy import current_faults, since_healthy_blocks
from checks.model.findings import Finding, Status, Verdict
from checks.reports.host_words import host_outcome, is_about_host, is_through
from checks.reports.wording import VERDICTS, acting_causes, after_colon, plural
from workers.records.canary import CanarySummary
from workers.records.gateway_state import GatewayState
from workers.records.history import PastRun
from workers.records.run import Run

Mechanisms = Mapping[tuple[str, str], str]
"""Why one fault causes another, in a sentence, by the slugs of both checks."""

_MAX_DEPTH = 8
"""Levels of symptoms below a root cause."""


def explanation(run: Run, mechanisms: Mechanisms) -> Message:
    """The root causes with their symptoms as a tree, each step with its mechanism."""
    name = name_of(run)
    if run.report is None:
        return _private("why", f"{name}: causes are determined at the end of the run.")
    report = run.report
    roots = acting_causes(report)
    reasons = not_checked_lines(report, with_step=True) if report.verdict is Verdict.INCONCLUSIVE else ()
    if not roots and not reasons:
        return _private("why", f"✅ {name}: nothing failed.")
    outcome = host_outcome(report) if is_about_host(report) and not is_through(report) else ""
    head = f"*Why:* {plain(outcome)}" if outcome else f"*Why* {plain(name)} *is {VERDICTS[report.verdict].lower()}*"
    blocks: list[Block] = [section(raw("\n".join([head, *reasons])))]
    for root in roots[:10]:
        lines = [
            f"{_mark(root)} *{code_and_title(root)}*\n{plain(root.summary)}",
            *_effects(run, root, mechanisms, 1, {root.check}),
        ]
        blocks += [section(raw("\n".join(lines[start : start + 12]))) for start in range(0, len(lines), 12)]
    words = (
        notification_of(roots[0])
        if roots
        else fallback(f"Not checked: {after_colon(report.not_checked[0].reason)}. {name}")
    )
    return Message("why", words, fitting(blocks), thread=False)


def _mark(finding: Finding) -> str:
    return RUNNING_MARK if finding.pending and finding.status is Status.WARN else STATUS_MARKS[finding.status]


def _effects(run: Run, cause: Finding, mechanisms: Mechanisms, depth: int, listed: set[str]) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    for effect in findings_of(run):
        if cause.check not in effect.explained_by or effect.check in listed:
            continue
        listed.add(effect.check)
        indent = "\u2003" * depth
        because = mechanisms.get((cause.check, effect.check), "")
        yield f"{indent}↳ {STATUS_MARKS[effect.status]} {code_and_title(effect)}" + (
            f"\n{indent}\u2003_{plain(because)}_" if because else ""
        )
        yield from _effects(run, effect, mechanisms, depth + 1, listed)


def command_list(run: Run) -> Message:
    """The commands of the causes, each in a code block of its own.

    A symptom ends with its cause: its commands are not among them.
    """
    name = name_of(run)
    failed = [each for each in run.findings if each.status is Status.FAIL]
    report = run.report
    causes = acting_causes(report) if report is not None else failed
    reasons = report.not_checked if report is not None and report.verdict is Verdict.INCONCLUSIVE else ()
    steps = [each for cause in (*reasons, *causes) for each in cause.actions if each.command]
    if not steps:
        return _private("commands", _without_commands(run))
    host = f"{report.host} through " if report is not None and report.host and is_about_host(report) else ""
    blocks: list[Block] = [section(raw(f"*{plural(len(steps), 'command')} for* {plain(host + name)}"))]
    blocks += recipe(dict.fromkeys(steps))
    words = fallback(f"{plural(len(steps), 'command')} for {host}{name}")
    return Message("commands", words, fitting(blocks), thread=False)


def _without_commands(run: Run) -> str:
    """Why there is no command: nothing to do, no result yet, or steps without a command."""
    name, report = name_of(run), run.report
    if report is None:
        return f"{name}: no command yet. Steps follow at the end of the check."
    if is_about_host(report):
        found = host_outcome(report)
        return f"✅ No command is needed: {found}." if is_through(report) else f"No command for {name}: {found}."
    if report.verdict is Verdict.HEALTHY:
        return f"✅ No command is needed: {name} is healthy."
    return f"The steps for {name} have no command. They are in the answer to: what next"


def history_message(
    cluster: str,
    gateway: str,
    runs: Sequence[PastRun],
    state: GatewayState | None = None,
    canary: CanarySummary | None = None,
) -> Message:
    """The last runs for a gateway, newest first, their differences, and its scheduled probes."""
    name = f"{gateway} on {cluster}"
    probed = _scheduled_probes(canary)
    if not runs:
        words = f"{name}: no runs in the history."
        return Message("past", fallback(words), fitting([context(plain(words)), *probed]), thread=False)
    rows = []
    for number, run in enumerate(runs):
        before = runs[number + 1] if number + 1 < len(runs) else None
        who = f" · {requester_of(run.user)}" if run.user else ""
        head = f"{VERDICT_MARKS[run.verdict]} {local_time(run.at, DATE_AND_TIME)} *{VERDICTS[run.verdict]}*{who}"
        rows.append(f"{head}{_difference(run, before)}")
    blocks = [section(raw(f"*Last {plural(len(runs), 'run')} for* {plain(name)}"))]
    blocks += [section(raw("\n".join(rows[start : start + 6]))) for start in range(0, len(rows), 6)]
    blocks += [*current_faults(state), *since_healthy_blocks(state), *probed]
    last = runs[0]
    return Message(
        "past",
        fallback(f"{name}: {VERDICTS[last.verdict].lower()}, {plural(len(runs), 'run')}"),
        fitting(blocks),
        thread=False,
    )


def _scheduled_probes(canary: CanarySummary | None) -> list[Block]:
    if canary is None:
        return []
    since = local_time(canary.since, DATE_AND_TIME)
    return [section(raw(f"📡 *Scheduled probes* since {since}: {canary_text(canary)}"))]


def _difference(run: PastRun, before: PastRun | None) -> Escaped:
    if before is None:
        return raw(f": {plain(', '.join(run.failing))}") if run.failing else raw("")
    parts = [f"{word} {', '.join(codes)}" for word, codes in run.change_since(before) if codes]
    if not parts:
        return raw(": no change" if run.verdict is before.verdict else "")
    return raw(f": {plain('; '.join(parts))}")


def _private(slot: str, words: str) -> Message:
    return Message(slot, fallback(words), fitting([context(plain(words))]), thread=False)
