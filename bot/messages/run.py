"""A run as messages: the parent in the channel, the steps and findings in its thread, the verdict.

A healthy run is at most four messages (parent, two of steps, verdict), a broken one four and one for each finding; a host that
was asked about adds its route, as a list and as a picture. A run that repeats another one says only what has changed.
"""

from datetime import datetime

from bot.messages.blocks import Message
from bot.messages.findings import finding_messages, findings_of
from bot.messages.parent import edit_interval, parent_message
from bot.messages.recheck import recheck_messages
from bot.messages.route import route_messages
from bot.messages.steps import step_messages
from bot.messages.verdict import verdict_message
from checks.model.findings import Status
from workers.runs.records import Run

STEPS_PACE = (2.0, 6.0)
"""As `parent.PACE`, for the messages of steps."""

FINDINGS_DELAY = 3.0
"""Seconds that a run may take before its findings are shown as they come, symptoms perhaps before their cause."""


def run_messages(
    run: Run, now: datetime, before: Run | None = None, later: Run | None = None, picture: str = ""
) -> tuple[Message, ...]:
    """Every message that should exist for the run as it stands, in the order of a thread. `before` is the run that this one
    repeats, `later` the last one that repeats it, `picture` the id of its route's picture once that is uploaded. While a
    run goes its findings wait for a moment: most runs end within it, and then the root cause comes first."""
    if before is not None and before.report is not None:
        return recheck_messages(run, now, before.report, before.ended)
    found = [parent_message(run, now, later)]
    if run.report is not None:
        found.append(verdict_message(run, run.report))
        found += route_messages(run, picture)
    if findings_wait(run, now) == 0:
        found += finding_messages(run)
    found += step_messages(findings_of(run), every=0.0 if run.state.ended else edit_interval(run, now, STEPS_PACE))
    return tuple(found)


def findings_wait(run: Run, now: datetime) -> float:
    """Seconds for which the findings of a going run are still held back; 0 when they are to be shown."""
    if run.state.ended or not any(f.status in (Status.FAIL, Status.WARN, Status.UNKNOWN) for f in run.findings):
        return 0.0
    began = run.started or run.created
    return max(0.0, FINDINGS_DELAY - (now - began).total_seconds())
