"""The egress path in the parent message: one mark for each hop."""

from collections.abc import Iterable

from bot.messages.blocks import Escaped, raw
from bot.messages.findings import findings_of
from bot.messages.phrases import RUNNING_MARK, STATUS_MARKS
from checks.catalogue import catalogue
from checks.model.egress_path import EGRESS_PATH, HOP_OF_STAGE, EgressHop
from checks.model.findings import Finding, Status, Verdict
from checks.reports.host_words import is_about_host, is_through
from workers.records.run import Run


def shows_path(run: Run) -> bool:
    """Whether the path of a run is shown.

    A gateway without a failure is all green, also if the requested host does not get through it: the list of the route then
    shows its hops.
    """
    report = run.report
    if report is None or report.verdict is Verdict.BROKEN:
        return True
    return not is_about_host(report) or is_through(report)


def path_of(run: Run) -> Escaped:
    """`workload → sidecar → …`, each hop marked with its worst status so far."""
    running = not run.state.ended
    found = findings_of(run)
    statuses = _statuses_by_hop(found)
    waiting = _statuses_by_hop(each for each in found if each.pending)
    # A hop and its mark stay on one line, however narrow the window is.
    hops = [
        f"{_mark(statuses[hop], waiting=running or Status.WARN in waiting[hop])} {hop}".replace(" ", "\u00a0")
        for hop in EGRESS_PATH
    ]
    return raw("\u00a0→ ".join(hops))


def _statuses_by_hop(findings: Iterable[Finding]) -> dict[EgressHop, set[Status]]:
    """The statuses of the findings about each hop.

    A check that no longer exists counts for its stage's hop.
    """
    declared = {check.slug: check.hop for check in catalogue()}
    statuses: dict[EgressHop, set[Status]] = {hop: set() for hop in EGRESS_PATH}
    for finding in findings:
        statuses[declared.get(finding.check, HOP_OF_STAGE[finding.stage])].add(finding.status)
    return statuses


def _mark(statuses: set[Status], *, waiting: bool) -> str:
    """The mark of a hop; `waiting`: its checks are under way, or one of its faults is pending."""
    if Status.FAIL in statuses:
        return STATUS_MARKS[Status.FAIL]
    if waiting:
        return RUNNING_MARK
    for status in (Status.WARN, Status.UNKNOWN, Status.PASS):
        if status in statuses:
            return STATUS_MARKS[status]
    return STATUS_MARKS[Status.SKIPPED]
