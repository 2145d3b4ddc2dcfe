"""A fleet check for a terminal: each gateway, the worst first, then a summary."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from checks.engine.sweep import ClusterSweep
from checks.model.columns import narrow, wrapped
from checks.model.findings import Verdict
from checks.reports.document import SCHEMA, stamp
from checks.reports.headline import headline
from checks.reports.wording import coverage, plural, roots_of

NAME_THE_NAMESPACE = "With permissions in single namespaces, name the namespace of the gateways: --namespace NAMESPACE."
"""The next step of an identity that may not read the whole cluster."""

BEST_FIRST = (Verdict.HEALTHY, Verdict.DEGRADED, Verdict.STARTING, Verdict.INCONCLUSIVE, Verdict.BROKEN)
"""The verdicts in the order in which gateways are listed."""


_PAD = " " * 14


def sweep_lines(swept: Sequence[ClusterSweep], *, quiet: bool = False) -> Iterator[str]:
    """Each gateway of each cluster, the worst first, in lines of at most 80 characters.

    The names are in columns, the cause is below them; with `quiet`, only the root causes are. A cluster without a known
    gateway has an entry of its own.
    """
    rows: list[tuple[int, str, str, str, tuple[str, ...]]] = []
    for each in swept:
        if each.problem:
            rank = -BEST_FIRST.index(Verdict.INCONCLUSIVE)
            rows.append((rank, each.cluster, "", "not checked", (each.problem,)))
        elif not each.reports:
            rows.append((0, each.cluster, "", "no gateway", ("No egress gateway is enabled.",)))
        for report in each.reports:
            name = f"{report.namespace}/{report.gateway}"
            causes = tuple(f"{cause.code} {cause.title}" for cause in roots_of(report))
            told = causes if quiet else (headline(report).partition(": ")[2],)
            rows.append((-BEST_FIRST.index(report.verdict), each.cluster, name, report.verdict, told))
    width = max((len(each.cluster) for each in swept), default=0)
    for _, cluster, name, result, sentences in sorted(rows):
        yield from wrapped(f"{result:<12}  {cluster:<{width}}  {name}".rstrip(), "", _PAD)
        for sentence in sentences:
            yield from wrapped(sentence, _PAD)


def sweep_summary(
    swept: Sequence[ClusterSweep], seconds: float, named: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """The summary: counts, clusters not checked, and the command for the worst gateway.

    `named` are the clusters in that command by their names, if the command line names them in another way.
    """
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
    if any(each.namespaces_only for each in swept):
        yield from narrow(NAME_THE_NAMESPACE)
    for each in (each for each in swept if each.late):
        yield from narrow(f"{each.cluster}: some reads did not answer in time; their checks count as not checked.")
    for each in (each for each in swept if each.unread_logs):
        logs = f"{plural(each.unread_logs, 'log')} of ready pods not read, to limit the load on its API server"
        yield from narrow(f"{each.cluster}: {logs}.")
    if len(reports) == 1:
        yield coverage(reports[0])
    worst = max(reports, key=lambda report: BEST_FIRST.index(report.verdict), default=None)
    if worst is not None and worst.verdict in (Verdict.BROKEN, Verdict.INCONCLUSIVE):
        cluster = named.get(worst.cluster, worst.cluster)
        yield f"Details: egress-diag diagnose {cluster} {worst.namespace}/{worst.gateway}"


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
