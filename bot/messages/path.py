"""The egress path, as the parent message draws it."""

from bot.messages.blocks import Escaped, raw
from bot.messages.findings import found_in
from bot.messages.phrases import HOPS, MARKS, RUNNING, hop
from checks.model.findings import Status
from workers.runs.records import Run


def path_of(run: Run) -> Escaped:
    """`workload → sidecar → …` with one mark a hop: the worst that is known of it."""
    findings = found_in(run)
    going = not run.state.ended
    parts = []
    for name in HOPS:
        statuses = {f.status for f in findings if hop(f.check, f.stage) == name}
        # A hop and its mark stay on one line, however narrow the window is.
        parts.append(f"{_hop_mark(statuses, going=going)} {name}".replace(" ", "\u00a0"))
    return raw("\u00a0→ ".join(parts))


def _hop_mark(statuses: set[Status], *, going: bool) -> str:
    if Status.FAIL in statuses:
        return MARKS[Status.FAIL]
    if going:
        return RUNNING
    for status in (Status.WARN, Status.UNKNOWN, Status.PASS):
        if status in statuses:
            return MARKS[status]
    return MARKS[Status.SKIPPED]
