"""A sweep for a terminal: one line a gateway, then how many of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from checks.engine.sweep import ClusterSweep
from checks.model.findings import Verdict
from checks.reports.document import SCHEMA, stamp
from checks.reports.wording import coverage, headline, plural

MARKS = {Verdict.HEALTHY: "ok", Verdict.DEGRADED: "WARN", Verdict.BROKEN: "FAIL", Verdict.INCONCLUSIVE: "????"}


def lines(swept: ClusterSweep) -> Iterator[str]:
    """A line for each gateway of one cluster, by name; one for the cluster where there is nothing to say of gateways."""
    if swept.problem:
        yield f"????  {swept.cluster}  Not looked at: {swept.problem}"
    elif not swept.reports:
        yield f"  --  {swept.cluster}  No egress gateway is enabled."
    for report in swept.reports:
        yield f"{MARKS[report.verdict]:>4}  {swept.cluster}  {report.namespace}/{report.gateway}  {headline(report)}"


def summary(swept: Sequence[ClusterSweep], seconds: float) -> Iterator[str]:
    """What follows the lines: how many of each, what was not looked at and how to look closer."""
    reports = [report for each in swept for report in each.reports]
    counts = Counter(report.verdict for report in reports)
    missing = [each for each in swept if each.problem]
    yield ""
    yield (
        f"{plural(len(reports), 'gateway')} in {plural(len(swept), 'cluster')}: "
        f"{counts[Verdict.BROKEN]} broken, {counts[Verdict.INCONCLUSIVE]} inconclusive, "
        f"{counts[Verdict.DEGRADED]} with warnings, {counts[Verdict.HEALTHY]} healthy; {seconds:.1f} s"
    )
    if missing:
        yield f"Not looked at: {', '.join(each.cluster for each in missing)}"
    for each in (each for each in swept if each.late):
        yield f"{each.cluster}: not everything answered in time; what was missing is unknown, not healthy."
    for each in (each for each in swept if each.unread_logs):
        yield f"{each.cluster}: {plural(each.unread_logs, 'log')} of ready pods not read, to spare its API server."
    if len(reports) == 1:
        yield coverage(reports[0])
    if bad := next((r for r in reports if r.verdict in (Verdict.BROKEN, Verdict.INCONCLUSIVE)), None):
        yield f"Look closer: egress-diag diagnose {bad.cluster} {bad.namespace}/{bad.gateway}"


def unseen(swept: ClusterSweep) -> dict[str, Any]:
    """The document of a cluster of which no gateway can be named: `gateway` is null, the reason stands in `gaps`."""
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
