"""The parent message: alone it must be enough to act."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    as_code,
    button,
    context,
    fallback,
    fitting,
    raw,
    section,
)
from bot.messages.findings import action_text, findings_of
from bot.messages.headlines import coverage_of, headline_of
from bot.messages.path import path_of
from bot.messages.phrases import VERDICT_MARKS, local_time, short_duration
from checks.model.findings import Action, Effect, Report, Status, Verdict
from checks.reports.wording import VERDICTS, roots_of
from workers.runs.records import Run, RunState

ACTIONS_IN_PARENT = 3
LONGEST_COMMAND = 6
"""Lines of a command that a phone shows beside everything else."""

EDIT_INTERVALS = (1.0, 3.0)
"""Seconds between two edits of a going run's parent, in its first ten seconds and later: slack.md wants at most one a second,
and Slack takes about fifty edits a minute, of everything."""

MORE = (
    ("why", "Why: what follows from what"),
    ("commands", "Commands to copy"),
    ("bundle", "Evidence bundle"),
    ("report", "Full report"),
    ("wrong", "This is wrong…"),
)
"""What the menu offers."""


def parent_message(run: Run, now: datetime, later: Run | None = None) -> Message:
    """The headline, the path, how far it is, and at the end the verdict with what to do. Where a later run has asked the same
    again, the parent tells what that one found, and what was before."""
    shown = later if later is not None and later.report is not None else run
    headline, words = headline_of(shown)
    blocks: list[Block] = [section(headline)]
    if shown.state in (RunState.RUNNING, RunState.QUEUED, RunState.DONE, RunState.CANCELLED) and shown.total:
        blocks.append(section(path_of(shown)))
    if shown.report is not None:
        blocks += next_actions(shown.report)
    blocks.append(context(*_lines(run, shown)))
    buttons = _buttons(run, shown)
    return Message(
        "parent",
        fallback(words),
        fitting(blocks, [actions(buttons)] if buttons else []),
        thread=run.order.thread is not None,
        final=run.state.ended,
        every=0.0 if run.state.ended else edit_interval(run, now, EDIT_INTERVALS),
    )


def edit_interval(run: Run, now: datetime, seconds: tuple[float, float]) -> float:
    """Seconds between two edits of one message of a going run."""
    return seconds[0] if (now - (run.started or run.created)).total_seconds() < 10 else seconds[1]


def _lines(run: Run, shown: Run) -> Iterator[Escaped]:
    yield _progress(shown)
    if shown is not run and run.report is not None and run.ended is not None:
        before = f"{VERDICT_MARKS[run.report.verdict]} {VERDICTS[run.report.verdict].lower()}"
        yield raw(f"was {before} at {local_time(run.ended)}, asked by <@{run.order.user}>")
    if run.owner or shown.owner:
        yield raw(f"🙋 <@{shown.owner or run.owner}> is on it")


def _progress(run: Run) -> Escaped:
    order = run.order
    parts = [f"<@{order.user}>"]
    if joined := [user for user in run.joined if user != order.user]:
        parts.append("with " + ", ".join(f"<@{user}>" for user in joined))
    if order.target.host:
        parts.append(f"host {as_code(order.target.host)}")
    if order.target.client:
        parts.append(f"from {as_code(order.target.client)}")
    if run.report is not None:
        parts.append(coverage_of(run.report))
    elif run.total:
        done = len({f.check for f in run.findings})
        parts.append(f"{done} of {run.total} checks")
    began = run.started or run.created
    if run.ended is not None:
        parts.append(f"{local_time(run.ended)}, took {short_duration((run.ended - began).total_seconds())}")
    else:
        parts.append(f"since {local_time(began)}")
    parts.append(f"run {as_code(run.id)}")
    return raw(" · ".join(parts))


def next_actions(report: Report) -> Iterator[Block]:
    """At most three next actions: of each root cause (or warning) its looking one and its fixing one."""
    causes = roots_of(report) or report.of(Status.WARN)
    chosen: list[Action] = []
    for cause in causes:
        reading = [a for a in cause.actions if a.effect is Effect.READS][:1]
        fixing = [a for a in cause.actions if a.effect is not Effect.READS][:1]
        chosen += [a for a in (*reading, *fixing) if a not in chosen]
    for number, step in enumerate(chosen[:ACTIONS_IN_PARENT], start=1):
        yield section(raw(f"*{number}.* {action_text(_short(step))}"))


def _short(step: Action) -> Action:
    """A step whose command is a whole manifest tells where that is: half a command must never be copied."""
    lines = len(step.command.splitlines())
    if lines <= LONGEST_COMMAND:
        return step
    return replace(step, title=f"{step.title} (the command, {lines} lines, is in the thread)", command="", expect="")


def _buttons(run: Run, shown: Run) -> list[Block]:
    if not run.state.ended:
        return [button("Stop", "stop", run.id)]
    if run.state is RunState.REFUSED and run.choices:
        return [button(choice, f"choose/{n}", f"{run.id}/{n}") for n, choice in enumerate(run.choices[:5])]
    found = [button("Check again", "check_again", shown.id)]
    if shown.report is None:
        return found
    if shown.report.verdict in (Verdict.BROKEN, Verdict.INCONCLUSIVE) or shown.report.of(Status.WARN):
        if shown.report.verdict is not Verdict.DEGRADED:
            found.append(button("Watch until fixed", "watch", shown.id))
        found.append(button("I'm on it", "own", run.id))
    return [*found, _menu(shown)]


def _menu(run: Run) -> Block:
    bad = any(f.status is not Status.PASS and f.actions for f in findings_of(run))
    offered = [(word, text) for word, text in MORE if bad or word not in ("why", "commands")]
    options = [{"text": {"type": "plain_text", "text": text}, "value": f"{word}/{run.id}"} for word, text in offered]
    return {"type": "overflow", "action_id": "more", "options": options}
