"""A fleet check for a terminal: one line per gateway, then a summary."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from checks.engine.sweep import ClusterSweep
from checks.model.findings import Verdict
from checks.reports.document import SCHEMA, stamp
from checks.reports.wording import coverage, headline, plural


def sweep_lines(swept: ClusterSweep) -> Iterator[str]:
    """A line per gateway of one cluster, by name; one for the cluster if no gateway is known."""
    if swept.problem:
        yield f"{'not checked':<12}  {swept.cluster}  {swept.problem}"
    elif not swept.reports:
        yield f"{'':<12}  {swept.cluster}  No egress gateway is enabled."
    for report in swept.reports:
        yield f"{report.verdict:<12}  {swept.cluster}  {report.namespace}/{report.gateway}  {headline(report)}"


def sweep_summary(swept: Sequence[ClusterSweep], seconds: float) -> Iterator[str]:
    """The summary: counts, clusters not checked, and the command for the worst gateway."""
    reports = [report for each in swept for report in each.reports]
    counts = Counter(report.verdict for report in reports)
    unchecked = [each for each in swept if each.problem]
    yield ""
    yield (
        f"{plural(len(reports), 'gateway')} in {plural(len(swept), 'cluster')}: "
        f"{counts[Verdict.BROKEN]} broken, {counts[Verdict.INCONCLUSIVE]} inconclusive, "
        f"{counts[Verdict.STARTING]} starting, {counts[Verdict.DEGRADED]} degraded, "
        f"{counts[Verdict.HEALTHY]} healthy; {seconds:.1f} s"
    )
    if unchecked:
        yield f"Not checked: {', '.join(each.cluster for each in unchecked)}"
    for each in (each for each in swept if each.late):
        yield f"{each.cluster}: some reads did not answer in time; their checks count as not checked."
    for each in (each for each in swept if each.unread_logs):
        yield f"{each.cluster}: {plural(each.unread_logs, 'log')} of ready pods not read, to limit the load on its API server."
    if len(reports) == 1:
        yield coverage(reports[0])
    if bad := next((r for r in reports if r.verdict in (Verdict.BROKEN, Verdict.INCONCLUSIVE)), None):
        yield f"Details: egress-diag diagnose {bad.cluster} {bad.namespace}/{bad.gateway}"


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
