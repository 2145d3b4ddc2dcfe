"""Files of a run in its thread: the evidence as a bundle, the full report. Each is uploaded once."""

import time
from dataclasses import dataclass

from bot.delivery.thread import CLOCK_TOLERANCE, Destination, HeldDocument
from bot.slack.client import Slack, SlackRefusal, Unreachable
from checks.reports.markdown import markdown
from workers.client import Client
from workers.runs.records import Delivered, Run


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file to upload."""

    name: str
    title: str
    content: bytes


def bundle_file(run_id: str, packed: bytes | None) -> RunFile | None:
    """The evidence bundle, where it is kept: `egress-diag diagnose … --bundle` replays it."""
    return RunFile(f"egress-diag-{run_id}.tar.gz", f"Evidence of run {run_id}, redacted", packed) if packed else None


def report_file(run: Run) -> RunFile | None:
    """The full report, where the run came to one."""
    if run.report is None:
        return None
    return RunFile(f"egress-diag-{run.id}.md", f"Report of run {run.id}", markdown(run.report).encode())


def upload_once(client: Client, slack: Slack, showing: HeldDocument, place: Destination, file: RunFile) -> None:
    """Uploads the file into the thread, unless it is there. Raises a SlackRefusal where Slack does not let it."""
    before = client.delivered(showing.document).get("file")
    showing.hold.renew()
    if before is not None and before.ts.startswith("?") and place.thread is not None:
        found = slack.find_file(place.channel, place.thread, file.name, before.ts.removeprefix("?"))
        before = Delivered("file", place.channel, "0", "") if found else None
    if before is None:
        client.note_delivered(
            showing.document, Delivered("file", place.channel, f"?{time.time() - CLOCK_TOLERANCE:.6f}", "")
        )
        showing.hold.renew()
        try:
            slack.upload(place.channel, place.thread, file.name, file.title, file.content)
        except Unreachable:
            raise
        except SlackRefusal:
            client.forget_delivered(showing.document, "file")
            raise
    client.note_delivered(showing.document, Delivered("file", place.channel, "0", file.name))
