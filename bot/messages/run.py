"""A run as messages: the parent in the channel, the steps and findings in its thread, the verdict.

A healthy run is at most four messages (parent, two of steps, verdict), a broken one four and one for each finding.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    button,
    code,
    command,
    context,
    divider,
    fallback,
    fitting,
    plain,
    prose,
    raw,
    section,
)
from bot.messages.phrases import EFFECTS, HOPS, MARKS, RUNNING, VERDICT_MARKS, hop, local, span
from checks.findings import Action, Effect, Finding, Report, Stage, Status, Verdict
from checks.reports.wording import STAGES, explains, plural, roots_of
from workers.records import Run, RunState

STEPS = {
    "steps/provisioning": (Stage.PREREQUISITES, Stage.NETWORK, Stage.PROVISIONING),
    "steps/routing": (Stage.STATIC_GATEWAY, Stage.ISTIO),
}
"""Stages that share a message."""

ACTIONS_IN_PARENT = 3

PARENT_PACE = (1.0, 3.0)
STEPS_PACE = (2.0, 6.0)
"""Seconds between two edits of a going run's messages, in its first ten seconds and later: slack.md wants at most one a
second, and Slack takes about fifty edits a minute."""

PATIENCE = 3.0
"""Seconds that a run may take before its findings are shown as they come, symptoms perhaps before their cause."""


def messages(run: Run, now: datetime) -> tuple[Message, ...]:
    """Every message that should exist for the run as it stands, in the order of a thread. While a run goes its findings
    wait for a moment: most runs end within it, and then the root cause comes first."""
    found = [parent(run, now)]
    if run.report is not None:
        found.append(verdict(run, run.report))
    seen = run.report.findings if run.report is not None else run.findings
    if findings_wait(run, now) == 0:
        found += _findings(run, seen)
    found += _steps(seen, every=0.0 if run.state.ended else _pace(run, now, STEPS_PACE))
    return tuple(found)


def findings_wait(run: Run, now: datetime) -> float:
    """Seconds for which the findings of a going run are still held back; 0 when they are to be shown."""
    if run.state.ended or not any(f.status in (Status.FAIL, Status.WARN, Status.UNKNOWN) for f in run.findings):
        return 0.0
    began = run.started or run.created
    return max(0.0, PATIENCE - (now - began).total_seconds())


def _pace(run: Run, now: datetime, pace: tuple[float, float]) -> float:
    return pace[0] if (now - (run.started or run.created)).total_seconds() < 10 else pace[1]


# the parent


def parent(run: Run, now: datetime) -> Message:
    """What the channel sees: the headline, the path, how far it is, and at the end the verdict with what to do."""
    headline, words = _headline(run)
    blocks: list[Block] = [section(headline)]
    if run.state in (RunState.RUNNING, RunState.QUEUED, RunState.DONE, RunState.CANCELLED) and run.total:
        blocks.append(section(_path(run)))
    if run.report is not None:
        blocks += _next_actions(run.report)
    blocks.append(context(_progress(run)))
    buttons = _buttons(run)
    return Message(
        "parent",
        fallback(words),
        fitting(blocks, [actions(buttons)] if buttons else []),
        thread=run.order.thread is not None,
        final=run.state.ended,
        every=0.0 if run.state.ended else _pace(run, now, PARENT_PACE),
    )


def _headline(run: Run) -> tuple[Escaped, str]:
    """The headline as mrkdwn, and as plain words: its first 90 characters are what a lock screen shows."""
    target = run.order.target
    name = f"{run.report.namespace}/{run.report.gateway}" if run.report else _typed(run)
    where = raw(f"{code(name)} on {code(target.cluster)}")
    match run.state:
        case RunState.QUEUED:
            return raw(
                f"{RUNNING} *Waiting for a worker:* {where}"
            ), f"{name} on {target.cluster}: waiting for a worker…"
        case RunState.RUNNING:
            return raw(f"{RUNNING} *Checking* {where}…"), f"{name} on {target.cluster}: checking…"
        case RunState.CANCELLED:
            who = raw(f" by <@{run.cancelled_by}>") if run.cancelled_by else ""
            return raw(f"▫️ *Stopped*{who}: {where}"), f"Stopped: {name} on {target.cluster}"
        case RunState.REFUSED:
            return (
                raw(f"❔ *Could not be checked:* {where}\n{plain(run.problem)}"),
                f"Could not be checked: {name} on {target.cluster}: {run.problem}",
            )
        case RunState.FAILED:
            token = raw(f" Error {code(run.error)}: it is in the log of the workers.") if run.error else raw("")
            return (
                raw(f"❔ *The run failed:* {where}\n{plain(run.problem)}{token}"),
                f"The run failed: {name} on {target.cluster}: {run.problem}",
            )
        case RunState.DONE:
            return _verdict_line(run, where, name)


def _verdict_line(run: Run, where: Escaped, name: str) -> tuple[Escaped, str]:
    report = run.report
    if report is None:
        # Evidence is kept for a shorter time than the run.
        return raw(f"▫️ *Checked* {where}"), f"Checked: {name}"
    mark = VERDICT_MARKS[report.verdict]
    sentence = _sentence(report)
    word = {
        Verdict.HEALTHY: "Healthy",
        Verdict.DEGRADED: "Works, with warnings",
        Verdict.BROKEN: "Broken",
        Verdict.INCONCLUSIVE: "Inconclusive",
    }[report.verdict]
    return (
        raw(f"{mark} *{word}:* {where}\n{plain(sentence)}"),
        f"{word}: {name} on {report.cluster}. {_gist(report)}{sentence}",
    )


def _gist(report: Report) -> str:
    """The cause in a few words: the whole sentence may begin after what a lock screen shows."""
    roots = roots_of(report)
    if report.verdict is Verdict.BROKEN and roots:
        return f"{roots[0].title}. "
    return ""


def _sentence(report: Report) -> str:
    roots = roots_of(report)
    match report.verdict:
        case Verdict.BROKEN:
            more = f" And {plural(len(roots) - 1, 'more root cause')}, below." if len(roots) > 1 else ""
            return (roots[0].summary if roots else "A check failed.") + more
        case Verdict.INCONCLUSIVE:
            missing = f" Missing: {report.gaps[0]}" if report.gaps else ""
            more = f" and {len(report.gaps) - 1} more." if len(report.gaps) > 1 else "." if report.gaps else ""
            return f"Nothing failed, but {plural(len(report.of(Status.UNKNOWN)), 'check')} could not be made.{missing}{more}"
        case Verdict.DEGRADED:
            warnings = report.of(Status.WARN)
            more = f" And {plural(len(warnings) - 1, 'more warning')}, below." if len(warnings) > 1 else ""
            return warnings[0].summary + more
        case Verdict.HEALTHY:
            return f"{plural(len(report.of(Status.PASS)), 'check')} passed; nothing failed or warns."


def _typed(run: Run) -> str:
    target = run.order.target
    return f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway


def _path(run: Run) -> Escaped:
    """`workload → sidecar → …` with one mark a hop: the worst that is known of it."""
    findings = run.report.findings if run.report is not None else run.findings
    going = not run.state.ended
    parts = []
    for name in HOPS:
        statuses = {f.status for f in findings if hop(f.check, f.stage) == name}
        parts.append(f"{_hop_mark(statuses, going=going)} {name}")
    return raw("  →  ".join(parts))


def _hop_mark(statuses: set[Status], *, going: bool) -> str:
    if Status.FAIL in statuses:
        return MARKS[Status.FAIL]
    if going:
        return RUNNING
    for status in (Status.WARN, Status.UNKNOWN, Status.PASS):
        if status in statuses:
            return MARKS[status]
    return MARKS[Status.SKIPPED]


def _progress(run: Run) -> Escaped:
    order = run.order
    parts = [f"<@{order.user}>"]
    if run.joined:
        parts.append("with " + ", ".join(f"<@{user}>" for user in run.joined if user != order.user))
    if order.target.host:
        parts.append(f"host {code(order.target.host)}")
    if run.report is not None:
        parts.append(_coverage(run.report))
    elif run.total:
        done = len({f.check for f in run.findings})
        parts.append(f"{done} of {run.total} checks")
    began = run.started or run.created
    if run.ended is not None:
        parts.append(f"{local(run.ended)}, took {span((run.ended - began).total_seconds())}")
    else:
        parts.append(f"since {local(began)}")
    parts.append(f"run {code(run.id)}")
    return raw(" · ".join(part for part in parts if part and part != "with "))


def _coverage(report: Report) -> str:
    unknown = {f.check for f in report.of(Status.UNKNOWN)}
    skipped = {f.check for f in report.of(Status.SKIPPED)}
    checked = {f.check for f in report.findings} - unknown - skipped
    parts = [f"{len(checked)} checked"]
    if unknown:
        parts.append(f"{len(unknown)} could not be checked")
    if skipped:
        parts.append(f"{len(skipped)} {'does' if len(skipped) == 1 else 'do'} not apply")
    return ", ".join(parts)


def _next_actions(report: Report) -> Iterator[Block]:
    """At most three next actions: of each root cause (or warning) its looking one and its fixing one."""
    causes = roots_of(report) or report.of(Status.WARN)
    chosen: list[Action] = []
    for cause in causes:
        reading = [a for a in cause.actions if a.effect is Effect.READS][:1]
        fixing = [a for a in cause.actions if a.effect is not Effect.READS][:1]
        chosen += [a for a in (*reading, *fixing) if a not in chosen]
    for number, action in enumerate(chosen[:ACTIONS_IN_PARENT], start=1):
        yield section(raw(f"*{number}.* {_action(action)}"))


def _action(action: Action) -> Escaped:
    link = f" · <{action.url}|documentation>" if action.url.startswith("https://") else ""
    then = f"\n_Then:_ {prose(action.expect)}" if action.expect else ""
    body = f"\n{command(action.command)}" if action.command else ""
    return raw(f"{plain(action.title)} _({EFFECTS[action.effect]})_{link}{body}{then}")


def _buttons(run: Run) -> list[Block]:
    if not run.state.ended:
        return [button("Stop", "stop", run.id)]
    if run.state is RunState.REFUSED and run.choices:
        return [button(choice, f"choose/{n}", f"{run.id}/{n}") for n, choice in enumerate(run.choices[:5])]
    return [button("Check again", "check_again", run.id)]


# the thread


def verdict(run: Run, report: Report) -> Message:
    """The one new message at the end: what it is, what it explains, what could not be seen."""
    mark = VERDICT_MARKS[report.verdict]
    sentence = _sentence(report)
    blocks: list[Block] = []
    roots = roots_of(report)
    if roots:
        blocks.append(section(raw(f"{mark} *{'Root cause' if len(roots) == 1 else 'Root causes'}*")))
        for cause in roots[:10]:
            blocks.append(section(raw(f"*{cause.code} {plain(cause.title)}*\n{plain(cause.summary)}")))
            blocks += _folded(report, cause)
    else:
        blocks.append(section(raw(f"{mark} {plain(sentence)}")))
    if report.gaps:
        missing = "\n".join(f"• {plain(gap)}" for gap in report.gaps[:10])
        blocks.append(section(raw(f"❔ *Not seen*\n{missing}")))
    if report.changes:
        rows = "\n".join(
            f"• {local(c.at, '{date_short_pretty} {time}')} {code(c.resource)} {plain(c.what)}"
            + (f" by {plain(c.who)}" if c.who else "")
            for c in report.changes[:5]
        )
        blocks.append(section(raw(f"*Changed lately*\n{rows}")))
    blocks.append(context(raw(_coverage(report)), raw(f"asked by <@{run.order.user}>")))
    words = {
        Verdict.HEALTHY: "Healthy. ",
        Verdict.DEGRADED: "Warning: ",
        Verdict.BROKEN: "Root cause: ",
        Verdict.INCONCLUSIVE: "Inconclusive: ",
    }[report.verdict]
    return Message("verdict", fallback(words + sentence), fitting(blocks), final=True)


def _folded(report: Report, cause: Finding) -> Iterator[Block]:
    effects = explains(report, cause.check)
    if effects:
        names = ", ".join(f"{f.code} {plain(f.title)}" for f in effects[:12])
        yield context(raw(f"explains {plural(len(effects), 'other finding')}: {names}"))


def _findings(run: Run, seen: Sequence[Finding]) -> Iterator[Message]:
    """A reply for each finding, root causes first; checks that one missing read keeps from being made share one."""
    roots = roots_of(run.report) if run.report is not None else ()
    rank = {id(f): n for n, f in enumerate(roots)}
    count: dict[str, int] = {}
    depths = _depths(seen)
    slots: list[tuple[tuple[int, bool, int, str], Message]] = []
    for finding in seen:
        if finding.status not in (Status.FAIL, Status.WARN):
            continue
        number = count[finding.check] = count.get(finding.check, 0) + 1
        slot = f"finding/{finding.check}" + (f"#{number}" if number > 1 else "")
        order = (rank.get(id(finding), 1000), finding.status is not Status.FAIL, depths[finding.check], finding.code)
        slots.append((order, _finding(run, finding, slot)))
    yield from (message for _, message in sorted(slots, key=lambda each: each[0]))
    yield from _unseen(seen)


def _depths(seen: Sequence[Finding]) -> dict[str, int]:
    """How many causes lie between a check's findings and what explains them in the end; 0 for what nothing explains."""
    causes = {f.check: set(f.explained_by) for f in seen}
    depths = {check: 0 for check, why in causes.items() if not why & causes.keys()}
    for depth in range(1, len(causes)):
        depths |= {check: depth for check, why in causes.items() if check not in depths and why & depths.keys()}
    return {check: depths.get(check, len(causes)) for check in causes}


def _finding(run: Run, finding: Finding, slot: str) -> Message:
    mark = MARKS[finding.status]
    blocks: list[Block] = [
        section(raw(f"{mark} *{finding.code} {plain(finding.title)}*\n{plain(finding.summary)}")),
        *_evidence(finding),
    ]
    if finding.explained_by:
        causes = _named(run, finding.explained_by)
        blocks.append(context(raw(f"follows from {causes}")))
    elif finding.possible_causes:
        causes = _named(run, finding.possible_causes)
        blocks.append(context(raw(f"may follow from {causes}, which could not be checked")))
    blocks += [section(_action(action)) for action in finding.actions]
    steps = f" · article {', '.join(finding.article_steps)}" if finding.article_steps else ""
    blocks.append(context(raw(f"{STAGES[finding.stage]} · {finding.severity} · {code(finding.check)}{steps}")))
    return Message(slot, fallback(f"{finding.code} {finding.summary}"), fitting(blocks))


def _evidence(finding: Finding) -> Iterator[Block]:
    lines = []
    for each in finding.evidence:
        wanted = f", expected {plain(each.expected)}" if each.expected else ""
        lines.append(f"• {code(each.resource)} {code(each.field)}: {code(each.observed)}{wanted}")
    for start in range(0, len(lines), 10):
        yield section(raw("\n".join(lines[start : start + 10])))


def _named(run: Run, slugs: Iterable[str]) -> Escaped:
    seen = run.report.findings if run.report is not None else run.findings
    titles = {f.check: f"{f.code} {plain(f.title)}" for f in seen}
    return raw("; ".join(titles.get(slug, str(code(slug))) for slug in slugs))


def _unseen(seen: Sequence[Finding]) -> Iterator[Message]:
    by_reason: dict[str, list[Finding]] = {}
    for finding in seen:
        if finding.status is Status.UNKNOWN:
            by_reason.setdefault(finding.summary, []).append(finding)
    for finding_list in by_reason.values():
        first = finding_list[0]
        lines = "\n".join(f"• {f.code} {plain(f.title)}" for f in finding_list[:30])
        blocks = [
            section(raw(f"❔ {plain(first.summary)}")),
            section(raw(f"{plural(len(finding_list), 'check')} could not be made:\n{lines}")),
            *(section(_action(action)) for action in first.actions),
        ]
        reason = hashlib.sha256(first.summary.encode()).hexdigest()[:8]
        yield Message(f"unknown/{reason}", fallback(f"Not checked: {first.summary}"), fitting(blocks))


def _steps(seen: Sequence[Finding], every: float) -> Iterator[Message]:
    """What passed and what does not apply, a line each, stage by stage; a stage appears when something of it is known."""
    for slot, stages in STEPS.items():
        blocks: list[Block] = []
        passed = 0
        for stage in stages:
            mine = [f for f in seen if f.stage is stage and f.status in (Status.PASS, Status.SKIPPED)]
            if not mine:
                continue
            passed += sum(f.status is Status.PASS for f in mine)
            blocks += _stage(stage, mine)
        if not blocks:
            continue
        if blocks[-1]["type"] == "divider":
            blocks.pop()
        names = ", ".join(STAGES[stage] for stage in stages)
        text = f"{plural(passed, 'check')} passed: {names}"
        yield Message(slot, fallback(text), fitting(blocks), every=every)


def _stage(stage: Stage, findings: Sequence[Finding]) -> Iterator[Block]:
    good = [f for f in findings if f.status is Status.PASS]
    away = [f for f in findings if f.status is Status.SKIPPED]
    lines = [f"*{STAGES[stage]}*", *(f"{MARKS[f.status]} {f.code} {plain(f.summary)}" for f in good)]
    yield section(raw("\n".join(lines)))
    if away:
        yield context(raw("\n".join(f"{MARKS[f.status]} {f.code} {plain(f.summary)}" for f in away)))
    yield divider()
