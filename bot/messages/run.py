"""A run as messages: a parent in the channel; steps, findings and verdict in its thread.

A healthy run has two messages: the parent and the steps. So has an inconclusive one, whose steps follow the reasons. A broken
one has the verdict, too, and one for each root cause and warning. With a host, the route adds a list and a picture. A
re-check has only its result and what changed.
"""

from collections.abc import Collection
from datetime import datetime

from bot.messages.alert_lines import alert_messages
from bot.messages.blocks import Message
from bot.messages.card import CardView, card_message, owner_messages
from bot.messages.findings import finding_messages, findings_of
from bot.messages.parent import edit_interval, parent_message
from bot.messages.recent_changes import recent_events
from bot.messages.recheck import recheck_messages
from bot.messages.route import route_messages
from bot.messages.steps import step_messages, with_reasons
from bot.messages.verdict import needs_verdict, verdict_message
from checks.model.findings import Status, Verdict
from workers.records.alert import ThreadAlerts
from workers.records.run import Run

STEPS_PACE = (2.0, 6.0)
"""As `parent.EDIT_INTERVALS`, for the messages of steps."""

FINDINGS_DELAY = 3.0
"""Seconds after which an active run shows its findings.

A symptom may then come before its cause.
"""


def run_messages(  # noqa: PLR0913 - one argument for each record that the thread shows
    run: Run,
    now: datetime,
    before: Run | None = None,
    later: Run | None = None,
    picture: str = "",
    offered: Collection[str] = (),
    *,
    card: CardView | None = None,
    alerts: ThreadAlerts | None = None,
) -> tuple[Message, ...]:
    """Every message for the current state of the run, in the order of the thread.

    `before` is the run that this one re-checks, `later` the last re-check of this one, `picture` the id of the uploaded picture
    of its route, `offered` the permissions of the active steps that its buttons may request. The findings of an active run are
    delayed: most runs end within the delay, and the root cause comes first. `card` is the card that its parent message
    shows, or that has taken its place; `alerts` are those of the thread that the run heads.
    """
    if before is not None and before.report is not None:
        return recheck_messages(run, now, before.report, before.ended, offered)
    if card is not None:
        found = [card_message(run, card, offered), *(owner_messages(card) if card.card.run == run.id else ())]
    else:
        found = [parent_message(run, now, later, offered, alerts)]
    if run.report is not None:
        found += [verdict_message(run, run.report)] if needs_verdict(run.report) else []
        found += route_messages(run, picture)
    replies = tuple(finding_messages(run, offered=offered)) if findings_wait(run, now) == 0 else ()
    pace = 0.0 if run.state.ended else edit_interval(run, now, STEPS_PACE)
    events = tuple(recent_events(run.report)) if run.report is not None and not needs_verdict(run.report) else ()
    steps = tuple(step_messages(run.id, findings_of(run), pace, events))
    if run.report is not None and run.report.verdict is Verdict.INCONCLUSIVE:
        replies, steps = with_reasons(replies, steps)
    found += replies
    found += alert_messages(run, alerts) if alerts is not None else ()
    return (*found, *steps)


def findings_wait(run: Run, now: datetime) -> float:
    """Seconds until the findings of an active run are shown; 0 if they are shown now."""
    if run.state.ended or not any(f.status in (Status.FAIL, Status.WARN, Status.UNKNOWN) for f in run.findings):
        return 0.0
    began = run.started or run.created
    return max(0.0, FINDINGS_DELAY - (now - began).total_seconds())
