"""The parent message of a run in the channel: enough to act on without opening the thread."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from bot.messages.alert_lines import alert_line
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
    plain,
    raw,
    section,
    text_object,
)
from bot.messages.findings import findings_of
from bot.messages.headlines import coverage_of, headline_of, not_checked_lines
from bot.messages.interaction_values import ChoiceValue, MenuOption, MenuValue
from bot.messages.outcomes import outcome_of
from bot.messages.path import path_of, shows_path
from bot.messages.phrases import DATE_AND_TIME, local_time, requester_of, short_duration, since_when
from bot.messages.plan import plan
from bot.messages.recipe_progress import progress_of
from bot.messages.recipes import card_recipes, card_steps, thread_recipes
from bot.messages.step_offers import next_probe
from checks.model.findings import Report, Status, Verdict
from checks.reports.traffic_picture import traffic_picture
from checks.reports.traffic_words import traffic_line
from checks.reports.wording import acting_causes
from workers.records.alert import ThreadAlerts
from workers.records.run import Run, RunState
from workers.records.tried import TriedStep

EDIT_INTERVALS = (1.0, 3.0)
"""Seconds between two edits of a parent while its run is active: at first, and later.

The first value applies in the first ten seconds. At most one edit a second (docs/slack.md#2-parent-message); Slack
allows about 50 calls of chat.update a minute.
"""

MORE: tuple[tuple[MenuOption, str], ...] = (
    ("why", "Why: causes and symptoms"),
    ("commands", "Commands to copy"),
    ("bundle", "Evidence bundle"),
    ("report", "Full report"),
    ("wrong", "Report a wrong result…"),
)
"""The options of the overflow menu."""


def parent_message(
    run: Run,
    now: datetime,
    later: Run | None = None,
    offered: Collection[str] = (),
    alerts: ThreadAlerts | None = None,
) -> Message:
    """The headline, the egress path, the progress, and after the run the verdict with actions.

    Once `later`, a re-check of this run, has ended, the parent shows its result, and this run's result as the earlier
    one. The parent of an incident is its card, see `card`. `alerts` are those of the thread.
    """
    shown = later if later is not None and later.report is not None else run
    headline, words = headline_of(shown)
    blocks: list[Block] = [section(headline)]
    begun = shown.state not in (RunState.REFUSED, RunState.FAILED) and shown.total > 0
    if begun and shows_path(shown):
        blocks.append(section(path_of(shown)))
    if shown.report is not None:
        blocks += next_actions(shown.id, shown.report)
    blocks.append(context(*_lines(run, shown), *(alert_line(alerts) if alerts is not None else ())))
    buttons = buttons_of(run, shown, offered)
    closing = [actions(buttons)] if buttons else []
    newest = fitting([blocks[0], plan(run), *blocks[1:]], closing) if begun and not run.state.ended else ()
    return Message(
        "parent",
        fallback(words),
        fitting(blocks, closing),
        newest=newest,
        thread=run.order.thread is not None or bool(run.order.card),
        final=run.state.ended,
        every=0.0 if run.state.ended else edit_interval(run, now, EDIT_INTERVALS),
    )


def edit_interval(run: Run, now: datetime, seconds: tuple[float, float]) -> float:
    """Seconds between two edits of one message of an active run."""
    return seconds[0] if (now - (run.started or run.created)).total_seconds() < 10 else seconds[1]


def _lines(run: Run, shown: Run) -> Iterator[Escaped]:
    yield progress_line(shown)
    if shown is not run and run.report is not None and run.ended is not None:
        earlier = outcome_of(run.report)
        at, by = local_time(run.ended, DATE_AND_TIME), requester_of(run.order.user)
        yield raw(f"Earlier result: {earlier} {at}, requested by {by}")
    if shown.report is not None and (times := since_line(shown, shown.report)):
        yield times
    if shown.report is not None:
        yield from traffic_lines(shown.report)
        yield from reasons_not_to_check(shown.report)


def traffic_lines(report: Report) -> Iterator[Escaped]:
    """The traffic in one line, its picture, and the failures that it contradicts.

    None if no counters are read.
    """
    if line := traffic_line(report):
        yield raw(f"📈 {plain(line)}")
    if picture := traffic_picture(report):
        yield code_block("\n".join(picture))
    for each in acting_causes(report)[:3]:
        if each.doubt:
            yield raw(f"🤔 {plain(f'{each.code}: {each.doubt}')}")


def reasons_not_to_check(report: Report) -> Iterator[Escaped]:
    """The first reasons why checks were not made.

    Those of an inconclusive run are in its headline.
    """
    if report.verdict is not Verdict.INCONCLUSIVE:
        yield from not_checked_lines(report, with_step=True)[:2]


def since_line(run: Run, report: Report) -> Escaped | None:
    """Since when each cause exists, oldest first."""
    dated = [(begun, each.code) for each in acting_causes(report) if (begun := run.beginning(each)) is not None]
    dated.sort(key=lambda each: (each[0].known, each[1]))
    parts = [f"{code} {since_when(begun)}" for begun, code in dated[:3]]
    return raw(f"⏱ {' · '.join(parts)}") if parts else None


def progress_line(run: Run) -> Escaped:
    """The requester of the run, its subject, its progress or result, and its ID."""
    order = run.order
    parts: list[str] = [requester_of(order.user)]
    if joined := [user for user in run.joined if user != order.user]:
        parts.append("joined by " + ", ".join(map(requester_of, joined)))
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
        parts.append(f"started {local_time(began)}")
    parts.append(f"run {as_code(run.id)}")
    return raw(" · ".join(parts))


def next_actions(run: str, report: Report, tried: Sequence[TriedStep] = (), *, whole: bool = False) -> Iterator[Block]:
    """The recipe of each cause, with a button for each step of the run with this ID.

    `whole`: with commands that are too long for a card, in an answer in its thread.

    If the run is inconclusive, the first action for each reason not to check precedes them. `tried` are the steps of the
    incident that were carried out.
    """
    progress = progress_of(run, report, tried)
    reasons = report.not_checked if report.verdict is Verdict.INCONCLUSIVE else ()
    yield from card_steps(
        [(each.checks[0], each.actions[0]) for each in reasons if each.actions], progress, whole=whole
    )
    yield from (thread_recipes if whole else card_recipes)(acting_causes(report), progress)


def buttons_of(run: Run, shown: Run, offered: Collection[str]) -> list[Block]:
    """The buttons for the current state of a run whose thread shows the result of `shown`."""
    if not run.state.ended:
        return [button("Stop", "stop", run.id)]
    if run.state is RunState.REFUSED and run.choices:
        return [
            button(name, f"choose/{n}", ChoiceValue(run=run.id, choice=n).encode())
            for n, name in enumerate(run.choices[:5])
        ]
    found = [button("Re-check", "check_again", shown.id)]
    # In the thread of a card, the card has the owner and the buttons for it.
    take = [] if run.order.card else [button("Take it", "own", run.id)]
    if shown.report is None:
        return found
    if shown.report.verdict is Verdict.STARTING:
        # A probe or a restart would disturb what is about to end by itself.
        found += [button("Watch until healthy", "watch", shown.id), *take]
    elif shown.report.verdict in (Verdict.BROKEN, Verdict.INCONCLUSIVE) or shown.report.of(Status.WARN):
        if shown.report.verdict is not Verdict.DEGRADED:
            found.append(button("Watch until fixed", "watch", shown.id))
        found += [*next_probe(shown, offered), *take]
    else:
        found += next_probe(shown, offered)
    return [*found, _menu(shown)]


def _menu(run: Run) -> Block:
    bad = any(f.status is not Status.PASS and f.actions for f in findings_of(run))
    offered = [(option, text) for option, text in MORE if bad or option not in ("why", "commands")]
    options = [
        {"text": text_object(text), "value": MenuValue(option=option, run=run.id).encode()} for option, text in offered
    ]
    return {"type": "overflow", "action_id": "more", "options": options}
