"""The files of a run in its thread, each uploaded once: evidence bundle and full report."""

import logging
import time
from dataclasses import dataclass

from bot.delivery.differences import Destination
from bot.delivery.duplicates import CLOCK_TOLERANCE
from bot.slack.web_api import MissingScope, Slack, SlackRefusal, UnknownAnswer, Unreachable
from checks.reports.markdown import markdown
from workers.client import HeldDocument
from workers.records.delivered import Delivered, PostAttempt
from workers.records.run import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file for the thread of a run: its name, title and content."""

    name: str
    title: str
    content: bytes


def bundle_file(run_id: str, packed: bytes | None) -> RunFile | None:
    """The evidence bundle for `egress-diag diagnose --bundle`; None if it is no longer stored."""
    return RunFile(f"egress-diag-{run_id}.tar.gz", f"Evidence of run {run_id}, redacted", packed) if packed else None


def report_file(run: Run) -> RunFile | None:
    """The full report; None if the run has none."""
    if run.report is None:
        return None
    return RunFile(f"egress-diag-{run.id}.md", f"Report of run {run.id}", markdown(run.report).encode())


def upload_once(slack: Slack, held: HeldDocument, destination: Destination, file: RunFile) -> None:
    """Upload the file into the thread unless it is already there. Raises SlackRefusal."""
    before = held.deliveries().slots.get("file")
    held.renew()
    if isinstance(before, PostAttempt) and destination.thread is not None:
        try:
            found = slack.find_file(destination.channel, destination.thread, file.name, f"{before.began:.6f}")
        except MissingScope as refused:
            log.warning("%s may be uploaded twice, because the search for it failed: %s", file.name, refused)
            found = False
        before = Delivered("file", destination.channel, "0", "") if found else None
    if before is None:
        held.note(PostAttempt("file", destination.channel, time.time() - CLOCK_TOLERANCE))
        held.renew()
        try:
            slack.upload(destination.channel, destination.thread, file.name, file.title, file.content)
        except (Unreachable, UnknownAnswer):
            raise
        except SlackRefusal:
            held.forget("file")
            raise
    held.note(Delivered("file", destination.channel, "0", file.name))
