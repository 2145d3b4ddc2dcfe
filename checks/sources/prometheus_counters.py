"""Counters of proxies from a Prometheus, over the last 15 minutes.

Raw counters are read, not rates: an increase is then a whole number, and is the same as that of the pods' own pages.
"""

from collections.abc import Iterable, Iterator
from time import monotonic, time
from typing import Any

from checks.facts.fact import CountersWanted, ProxyGroup, ProxyRole
from checks.sources.background import BackgroundThreads
from checks.sources.counter_series import entry
from checks.sources.pod_samples import SampleMemory
from checks.sources.prometheus import Prometheus
from checks.sources.prometheus_queries import age_queries, counter_queries, gateways_of, history_queries
from checks.sources.replies import Failure
from checks.sources.scraped_processes import ScrapedProcesses
from checks.sources.source import TOO_LATE, Answer, Objects, OtherReads

STEP = 60
"""Seconds between two samples."""
SPAN = 16 * 60
"""Seconds of the samples: 15 minutes, and the sample before them."""
HISTORY_STEP = 300
HISTORY_SPAN = 6 * 3600
"""Seconds between two samples of the last hours, and of all of them."""
_HISTORY_SECONDS = 5.0
"""The time for the last hours: a report without them is better than a late one."""
_LATE = "no answer in time"
_MOST_HISTORY = 2_000
"""Series of the last hours for each query."""
_SAME_CLOCK = 2.0
"""Seconds by which clocks may differ without a correction: the time of a request."""


class PrometheusCounters:
    """The counters of one cluster from a Prometheus, which may hold those of other clusters.

    `names` are the names of the cluster, one of which the label `cluster` has then.
    """

    def __init__(self, prometheus: Prometheus, names: Iterable[str], step: int = STEP, span: int = SPAN) -> None:
        """`step` and `span` are those of the last minutes, in seconds."""
        self._prometheus = prometheus
        self._history_step, self._history_span = step * HISTORY_STEP // STEP, HISTORY_SPAN
        self._step, self._span = step, span
        self._names = {each.lower() for each in names if each}

    def close(self) -> None:
        """Close the connections."""
        self._prometheus.close()

    def keep_samples_in(self, memory: SampleMemory) -> None:
        """Nothing: a Prometheus has its own samples."""
        del memory

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        """An entry for each pod with counters."""
        del others  # one query has all samples
        if not wanted.groups:
            return Objects(())
        try:
            return Objects(tuple(self._entries(wanted, deadline)))
        except Failure as failure:
            return failure.gap("metrics", "query", "prometheus")

    def _entries(self, wanted: CountersWanted, deadline: float) -> Iterator[dict[str, Any]]:
        before = time()
        server = self._prometheus.clock(deadline)
        skew = server - (before + time()) / 2
        skew = skew if abs(skew) > _SAME_CLOCK else 0.0
        found = ScrapedProcesses(self._names, skew)
        for query in counter_queries(wanted):
            found.take(self._prometheus.matrix(query, server - self._span, server, self._step, deadline))
        for query in age_queries(wanted):
            found.take_ages(self._prometheus.vector(query, deadline))
        clusters = found.choose_cluster(wanted)
        found.require_ages()
        yield from found.entries(wanted)
        yield from self._history(wanted, clusters, server, skew, deadline)

    def _history(
        self, wanted: CountersWanted, clusters: set[str], server: float, skew: float, deadline: float
    ) -> Iterator[dict[str, Any]]:
        """The counters of gateways over the last hours, or the reason why they are not known."""
        gateways = gateways_of(wanted)
        if not gateways:
            return
        ends = min(deadline, monotonic() + _HISTORY_SECONDS)
        pool = BackgroundThreads(1, "last hours")
        hours = pool.submit(self._hours, gateways, clusters, server, skew, ends)
        try:
            yield from hours.result(max(0.0, ends - monotonic()))
        except TimeoutError:
            yield from _without_history(gateways, _LATE)
        except Failure as failure:
            yield from _without_history(gateways, _LATE if failure.message == TOO_LATE else failure.message)
        finally:
            pool.cancel_waiting()

    def _hours(
        self, gateways: list[ProxyGroup], clusters: set[str], server: float, skew: float, ends: float
    ) -> list[dict[str, Any]]:
        found = ScrapedProcesses({each.lower() for each in clusters}, skew)
        for query in history_queries(gateways):
            begin = server - self._history_span
            found.take(self._prometheus.matrix(query, begin, server, self._history_step, ends, most=_MOST_HISTORY))
        found.keep_clusters(clusters)
        return list(found.entries(CountersWanted(tuple(gateways)), role=ProxyRole.HISTORY))


def _without_history(gateways: Iterable[ProxyGroup], reason: str) -> Iterator[dict[str, Any]]:
    for each in gateways:
        about = {"source": "prometheus", "role": ProxyRole.HISTORY.value, "namespace": each.namespace, "pod": ""}
        yield entry({**about, "service": each.service, "problem": f"Prometheus: {reason}"}, ())
