"""Counters of proxies from a Prometheus, over the last 15 minutes.

Raw counters are read, not rates: an increase is then a whole number, and is the same as that of the pods' own pages.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

from checks.facts.counter_names import COMPONENTS, ISTIOD
from checks.facts.fact import CountersWanted, ProxyGroup, ProxyRole
from checks.model.raw_values import Raw, labels
from checks.sources.counter_series import (
    KEPT_LABELS,
    STANDARD_METRICS,
    Sample,
    add,
    entry,
    metrics_of,
    precise_stamp,
)
from checks.sources.expected_answers import WRONG_ANSWER
from checks.sources.prometheus import Prometheus, pair
from checks.sources.replies import Failure
from checks.sources.source import Answer, Objects

STEP = 60
"""Seconds between two samples."""
SPAN = 16 * 60
"""Seconds of the samples: 15 minutes, and the sample before them."""
_SAME_CLOCK = 2.0
"""Seconds by which clocks may differ without a correction: the time of a request."""
_POD_LABELS = ("pod", "pod_name", "kubernetes_pod_name")
"""The label that names the pod depends on the configuration of the scrape."""
_SCRAPE = ("cluster", "job", "instance", "prometheus", "prometheus_replica", *_POD_LABELS)
_BY_METRIC = {ProxyRole.ISTIOD: ISTIOD, ProxyRole.COMPONENT: COMPONENTS}
"""The roles that a metric identifies: its labels do not name a workload."""
_BY = ", ".join(("__name__", *_SCRAPE, *KEPT_LABELS))


class PrometheusCounters:
    """The counters of one cluster from a Prometheus, which may hold those of other clusters.

    `names` are the names of the cluster, one of which the label `cluster` has then.
    """

    def __init__(self, prometheus: Prometheus, names: Iterable[str], step: int = STEP, span: int = SPAN) -> None:
        self._prometheus = prometheus
        self._step, self._span = step, span
        self._names = {each.lower() for each in names if each}

    def close(self) -> None:
        """Close the connections."""
        self._prometheus.close()

    def proxy_counters(self, wanted: CountersWanted, deadline: float) -> Answer:
        """An entry for each pod with counters."""
        if not wanted.groups:
            return Objects(())
        try:
            return Objects(tuple(self._entries(wanted, deadline)))
        except Failure as failure:
            return failure.gap("metrics", "query", "prometheus")

    def _entries(self, wanted: CountersWanted, deadline: float) -> Iterator[dict[str, Any]]:
        before = time()
        server = self._prometheus.scalar("time()", deadline)
        skew = server - (before + time()) / 2
        skew = skew if abs(skew) > _SAME_CLOCK else 0.0
        found = _Pods(self._names, skew)
        for query in _queries(wanted):
            found.take(self._prometheus.matrix(query, server - self._span, server, self._step, deadline))
        for query in _ages(wanted):
            found.take_ages(self._prometheus.vector(query, deadline))
        yield from found.entries(wanted)


class _Pods:
    """The series by the process that was scraped."""

    def __init__(self, names: set[str], skew: float) -> None:
        self._names, self._skew = names, skew
        self._samples: dict[tuple[str, ...], dict[float, Sample]] = defaultdict(lambda: defaultdict(dict))
        self._workloads: dict[tuple[str, ...], tuple[str, str]] = {}
        self._scraped: dict[tuple[str, ...], float] = {}

    def take(self, series: Iterable[Raw]) -> None:
        """Add the series of a range query."""
        for each in self._of_cluster(series):
            about = labels(each, "metric")
            process = tuple(about.get(name, "") for name in _SCRAPE)
            if workload := about.get("source_workload"):
                self._workloads[process] = (about.get("source_workload_namespace", ""), workload)
            for at, value in map(pair, each["values"]):
                add(self._samples[process][at], about.get("__name__", ""), about, value)

    def take_ages(self, series: Iterable[Raw]) -> None:
        """Add the times of the newest samples."""
        for each in self._of_cluster(series):
            about = labels(each, "metric")
            process = tuple(about.get(name, "") for name in _SCRAPE)
            _, scraped = pair(each["value"])
            self._scraped[process] = max(scraped, self._scraped.get(process, 0.0))

    def entries(self, wanted: CountersWanted) -> Iterator[dict[str, Any]]:
        """The entries of the wanted pods.

        Of a pod that is scraped twice, the one with more samples.
        """
        chosen: dict[tuple[str, str, str], tuple[str, ...]] = {}
        groups: dict[tuple[str, str, str], ProxyGroup] = {}
        for process in sorted(self._samples):
            group = self._group(process, wanted)
            if group is None:
                continue
            key = (group.role.value, group.service, _pod(process))
            known = chosen.get(key)
            if known is None or len(self._samples[known]) < len(self._samples[process]):
                chosen[key], groups[key] = process, group
        for key, process in sorted(chosen.items()):
            group = groups[key]
            about = {
                "source": "prometheus",
                "role": group.role.value,
                "namespace": group.namespace,
                "pod": _pod(process),
                "workload": self._workloads.get(process, ("", ""))[1] or _named(group, _pod(process)),
                "service": group.service,
            }
            if process in self._scraped:
                about["scraped"] = precise_stamp(self._time(self._scraped[process]))
            yield entry(about, [(self._time(at), each) for at, each in self._samples[process].items()])

    def _time(self, at: float) -> datetime:
        """A time of the Prometheus by the clock of this process."""
        return datetime.fromtimestamp(at, UTC) - timedelta(seconds=self._skew)

    def _group(self, process: tuple[str, ...], wanted: CountersWanted) -> ProxyGroup | None:
        namespace, workload = self._workloads.get(process, ("", ""))
        for group in wanted.groups:
            if group.role in _BY_METRIC:
                matches = not self._metrics(process).isdisjoint(_BY_METRIC[group.role])
            elif workload:
                matches = namespace == group.namespace and _is_of(group, workload)
            else:
                matches = bool(_named(group, _pod(process)))
            if matches:
                return group
        return None

    def _metrics(self, process: tuple[str, ...]) -> set[str]:
        return {name for sample in self._samples[process].values() for name, _ in sample}

    def _of_cluster(self, series: Iterable[Raw]) -> list[Raw]:
        """The series of this cluster.

        Raises Failure if there are several clusters, and none of its name.
        """
        found = list(series)
        clusters = {labels(each, "metric").get("cluster", "") for each in found} - {""}
        own = {each for each in clusters if each.lower() in self._names}
        if own:
            return [each for each in found if labels(each, "metric").get("cluster", "") in (*own, "")]
        if len(clusters) > 1:
            shown = ", ".join(sorted(clusters)[:3])
            raise Failure(WRONG_ANSWER, f"Prometheus has several clusters ({shown}), and none has the name of this one")
        return found


def _pod(process: tuple[str, ...]) -> str:
    """The name of the pod; without one, the address that was scraped."""
    about = dict(zip(_SCRAPE, process, strict=True))
    named = next((about[label] for label in _POD_LABELS if about[label]), "")
    return named or about["instance"].rpartition(":")[0] or about["instance"]


def _is_of(group: ProxyGroup, workload: str) -> bool:
    return workload in group.workloads or (group.role is ProxyRole.CLIENT and not group.workloads)


def _named(group: ProxyGroup, pod: str) -> str:
    return next((each for each in group.workloads if pod.startswith(f"{each}-")), "")


def _queries(wanted: CountersWanted) -> Iterator[str]:
    gateways = _gateways(wanted)
    for group in wanted.groups:
        if group.role is ProxyRole.CLIENT:
            yield _summed(f'{_names(STANDARD_METRICS)}, reporter="source", {_source([group])}')
    if gateways:
        # The label is missing if a Telemetry object removes it, so that it must only not be another one.
        yield _summed(f'{_names(STANDARD_METRICS)}, reporter!="destination", {_source(gateways)}')
        pods = "(" + _any(workload for group in gateways for workload in group.workloads) + ")-.+"
        metrics = _names(sorted(metrics_of(ProxyRole.GATEWAY).difference(STANDARD_METRICS)))
        own = [f'{{{metrics}, {label}=~"{pods}"}}' for label in _POD_LABELS]
        yield f"sum by ({_BY}) ({' or '.join(own)})"
    if any(each.role is ProxyRole.ISTIOD for each in wanted.groups):
        yield _summed(_names(ISTIOD))
    yield _summed(_names(COMPONENTS))


def _ages(wanted: CountersWanted) -> Iterator[str]:
    gateways = _gateways(wanted)
    if gateways:
        names = _names((STANDARD_METRICS[0], "istio_tcp_connections_opened_total"))
        yield f"max by ({', '.join(_SCRAPE)}) (timestamp({{{names}, {_source(gateways)}}}))"


def _gateways(wanted: CountersWanted) -> list[ProxyGroup]:
    return [each for each in wanted.groups if each.role is ProxyRole.GATEWAY and each.workloads]


def _summed(selector: str) -> str:
    return f"sum by ({_BY}) ({{{selector}}})"


def _names(metrics: Iterable[str]) -> str:
    return f'__name__=~"{"|".join(metrics)}"'


def _source(groups: Iterable[ProxyGroup]) -> str:
    found = list(groups)
    namespaces = _any(each.namespace for each in found)
    workloads = [workload for each in found for workload in each.workloads]
    chosen = f', source_workload=~"{_any(workloads)}"' if workloads else ""
    return f'source_workload_namespace=~"{namespaces}"{chosen}'


def _any(patterns: Iterable[str]) -> str:
    """An alternative of a query.

    Kubernetes' names contain no other special character than a dot.
    """
    return "|".join(dict.fromkeys(each.replace(".", "[.]") for each in patterns))
