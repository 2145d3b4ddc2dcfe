"""A fleet check for a terminal: each gateway, the worst first, then a summary."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from checks.engine.sweep import ClusterSweep
from checks.model.columns import after, narrow
from checks.model.findings import Verdict
from checks.reports.document import SCHEMA, stamp
from checks.reports.headline import headline
from checks.reports.wording import coverage, plural

BEST_FIRST = (Verdict.HEALTHY, Verdict.DEGRADED, Verdict.STARTING, Verdict.INCONCLUSIVE, Verdict.BROKEN)
"""The verdicts in the order in which gateways are listed."""


def sweep_lines(swept: Sequence[ClusterSweep]) -> Iterator[str]:
    """Each gateway of each cluster, the worst first, in lines of at most 80 characters.

    A cluster without a known gateway has an entry of its own.
    """
    rows: list[tuple[int, str, str, str]] = []
    for each in swept:
        if each.problem:
            rank = BEST_FIRST.index(Verdict.INCONCLUSIVE)
            rows.append((-rank, each.cluster, "not checked", each.problem))
        elif not each.reports:
            rows.append((0, each.cluster, "", "No egress gateway is enabled."))
        for report in each.reports:
            name = f"{each.cluster}  {report.namespace}/{report.gateway}"
            rows.append((-BEST_FIRST.index(report.verdict), name, report.verdict, headline(report)))
    for _, name, result, words in sorted(rows):
        yield from after(f"{result:<12}  ", f"{name}  {words}")


def sweep_summary(swept: Sequence[ClusterSweep], seconds: float) -> Iterator[str]:
    """The summary: counts, clusters not checked, and the command for the worst gateway."""
    reports = [report for each in swept for report in each.reports]
    counts = Counter(report.verdict for report in reports)
    unchecked = [each for each in swept if each.problem]
    yield ""
    yield from narrow(
        f"{plural(len(reports), 'gateway')} in {plural(len(swept), 'cluster')}: "
        f"{counts[Verdict.BROKEN]} broken, {counts[Verdict.INCONCLUSIVE]} inconclusive, "
        f"{counts[Verdict.STARTING]} starting, {counts[Verdict.DEGRADED]} degraded, "
        f"{counts[Verdict.HEALTHY]} healthy; {seconds:.1f} s"
    )
    if unchecked:
        yield from narrow(f"Not checked: {', '.join(each.cluster for each in unchecked)}")
    for each in (each for each in swept if each.late):
        yield from narrow(f"{each.cluster}: some reads did not answer in time; their checks count as not checked.")
    for each in (each for each in swept if each.unread_logs):
        logs = f"{plural(each.unread_logs, 'log')} of ready pods not read, to limit the load on its API server"
        yield from narrow(f"{each.cluster}: {logs}.")
    if len(reports) == 1:
        yield coverage(reports[0])
    worst = max(reports, key=lambda report: BEST_FIRST.index(report.verdict), default=None)
    if worst is not None and worst.verdict in (Verdict.BROKEN, Verdict.INCONCLUSIVE):
        yield f"Details: egress-diag diagnose {worst.cluster} {worst.namespace}/{worst.gateway}"


def cluster_document(swept: ClusterSweep) -> dict[str, Any]:
    """The JSON document of a cluster whose gateways are unknown.

    `gateway` is null, the reason is in `gaps`.
    """
    return {
        "schema": SCHEMA,
        "cluster": swept.cluster,
        "gateway": None,
        "host": None,
        "verdict": Verdict.INCONCLUSIVE.value,
        "started_at": stamp(swept.at),
        "duration_seconds": swept.seconds,
        "root_causes": [],
        "findings": [],
        "gaps": [swept.problem],
    }
