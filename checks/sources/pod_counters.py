"""Counters of proxies from the pods themselves, through the API server's proxy of pods.

A counter alone shows nothing: two samples some seconds apart do, and samples of earlier reads, which are kept. The second
sample is taken when the other reads of the run have ended.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any, Protocol

from checks.facts.fact import CountersWanted, Gap, PodName, ProxyGroup, ProxyRole
from checks.sources.background import BackgroundThreads
from checks.sources.client_errors import result_or_error
from checks.sources.counter_series import entry, metrics_of
from checks.sources.pod_samples import (
    KEPT,
    MOST_PODS,
    DatedSample,
    ProcessMemory,
    SampleMemory,
    Samples,
    redacted_sample,
    worth_keeping,
)
from checks.sources.replies import Failure, seconds_left
from checks.sources.source import TOO_LATE, Answer, Objects, OtherReads
from checks.sources.stats_pages import MAX_PAGE, page_sample

SHORTEST_WINDOW = 2.0
"""Seconds between two samples of a pod, at least, if there is no earlier one.

Envoy counts a request when it ends, without delay, so a gateway with one request per second has two or three in this time.
"""
_LONGEST_WAIT = 20.0
"""Seconds after which a read that hangs does not delay the second sample any longer."""
_LONG_ENOUGH = timedelta(seconds=5)
"""The age from which an earlier sample makes a second one unnecessary."""
_RESERVE = 1.0
"""Seconds before the deadline at which a second sample begins, if the first took no longer."""
MOST_OF_GROUP = 10
"""Pods of one gateway, and of a client, whose counters are read."""
MOST_ISTIODS = 3
"""Pods of istiod whose counters are read: their pages are large."""
_AT_ONCE = 4
_FILTER = (
    "istio_(build|requests_total|request_duration|tcp_)|upstream_cx_connect_|ssl.(connection_error|fail_verify)"
    "|update_failure|rbac.denied|server.uptime"
)
"""Envoy's own filter on the names of its counters, which keeps the page small."""
_PAGES = {
    ProxyRole.GATEWAY: (15090, "/stats/prometheus", {"filter": _FILTER}),
    ProxyRole.CLIENT: (15090, "/stats/prometheus", {"filter": _FILTER}),
    ProxyRole.ISTIOD: (15014, "/metrics", {}),
}
"""Port, path and query by role.

Source: Istio documentation, "Application requirements" (ports used by Istio).
"""


class ProxiedPages(Protocol):
    """Reads pages of pods, as the Kubernetes reader does."""

    def pod_page(self, pod: PodName, port: int, path: str, query: dict[str, str], most: int, deadline: float) -> bytes:
        """The page, at most `most` bytes. Raises Failure."""
        ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    pod: PodName
    group: ProxyGroup


class PodCounters:
    """The counters of one cluster's pods, with their earlier samples.

    Safe to use from several threads.
    """

    def __init__(
        self,
        pages: ProxiedPages,
        shortest: float = SHORTEST_WINDOW,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pages = pages
        self._shortest = shortest
        self._clock = clock
        self._memory: SampleMemory = ProcessMemory()

    def keep_samples_in(self, memory: SampleMemory) -> None:
        """Keep samples there, and no longer in this process."""
        self._memory = memory

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        """An entry for each pod, and a gap for each pod that could not be read."""
        pods, left_out = _pods(wanted)
        if not pods:
            return Objects(())
        began = monotonic()
        earlier = self._remembered([each.pod for each in pods])
        # A pod that hangs must not take the time of the others' second sample.
        half = began + max(0.0, deadline - _RESERVE - began) / 2
        first, failed = self._sampled([each for each in pods if each.pod not in earlier], half)
        if first:
            self._wait(began, deadline, others)
        second, late = self._sampled([each for each in pods if each.pod not in failed], deadline)
        failed |= late
        samples: dict[PodName, Samples] = {
            each.pod: (*earlier.get(each.pod, ()), *_one(first.get(each.pod)), *_one(second.get(each.pod)))
            for each in pods
        }
        self._memory.keep({pod: worth_keeping(samples[pod]) for pod in second})
        return _answer(pods, samples, failed, left_out)

    def _wait(self, began: float, deadline: float, others: OtherReads | None) -> None:
        """Wait while the other reads go on: the longer the window, the more it shows.

        The second sample takes as long as the first.
        """
        taken = monotonic() - began
        ends = deadline - _RESERVE - taken
        if others is not None:
            others.wait(max(0.0, min(ends - monotonic(), _LONGEST_WAIT)))
        sleep(max(0.0, min(began + taken + self._shortest, ends) - monotonic()))

    def _sampled(
        self, pods: Iterable[_Wanted], deadline: float
    ) -> tuple[dict[PodName, DatedSample], dict[PodName, Gap]]:
        pool = BackgroundThreads(_AT_ONCE, "counters")
        futures = {pool.submit(self._sample, each, deadline): each.pod for each in pods}
        try:
            wait(futures, timeout=max(0.0, deadline - monotonic()))
        finally:
            pool.cancel_waiting()
        found: dict[PodName, DatedSample] = {}
        failed: dict[PodName, Gap] = {}
        for future, pod in futures.items():
            result = future.result() if future.done() and not future.cancelled() else Failure(504, TOO_LATE)
            match result:
                case Failure():
                    failed[pod] = _gap(result, pod)
                case Exception():
                    failed[pod] = _gap(Failure(0, type(result).__name__), pod)
                case _:
                    found[pod] = result
        return found, failed

    def _sample(self, wanted: _Wanted, deadline: float) -> DatedSample | Exception:
        def read() -> DatedSample:
            port, path, query = _PAGES[wanted.group.role]
            page = self._pages.pod_page(wanted.pod, port, path, query, MAX_PAGE, deadline)
            at = self._clock()
            sample = page_sample(page, metrics_of(wanted.group.role), lambda: seconds_left(deadline))
            return at, redacted_sample(sample)

        return result_or_error(read)

    def _remembered(self, pods: list[PodName]) -> dict[PodName, Samples]:
        """The earlier samples of each pod of which one is old enough for a window of its own."""
        now = self._clock()
        found: dict[PodName, Samples] = {}
        for pod, samples in self._memory.load(pods).items():
            kept = tuple(each for each in samples if timedelta() <= now - each[0] <= KEPT)
            if any(now - at >= _LONG_ENOUGH for at, _ in kept):
                found[pod] = kept
        return found


def _one(sample: DatedSample | None) -> Samples:
    return (sample,) if sample is not None else ()


def _pods(wanted: CountersWanted) -> tuple[list[_Wanted], list[_Wanted]]:
    """The pods to read, and those that are left out, to limit the load."""
    found: dict[PodName, _Wanted] = {}
    beyond: dict[PodName, _Wanted] = {}
    for group in wanted.groups:
        most = MOST_ISTIODS if group.role is ProxyRole.ISTIOD else MOST_OF_GROUP
        for number, pod in enumerate(group.pods):
            full = number >= most or len(found) >= MOST_PODS
            (beyond if full and pod not in found else found).setdefault(pod, _Wanted(pod, group))
    return list(found.values()), [each for pod, each in beyond.items() if pod not in found]


def _gap(failure: Failure, pod: PodName) -> Gap:
    return replace(failure.gap("metrics", "get", "pods/proxy"), namespace=pod.namespace, name=pod.name)


def _answer(
    pods: list[_Wanted],
    samples: dict[PodName, Samples],
    failed: dict[PodName, Gap],
    left_out: list[_Wanted],
) -> Answer:
    gaps = [failed[each.pod] for each in pods if each.pod in failed]
    if gaps and len(gaps) == len(pods) and len({(each.status, each.credentials) for each in gaps}) == 1:
        return replace(gaps[0], namespace=None, name=None)
    read = [entry(_about(each), samples[each.pod]) for each in pods if each.pod not in failed]
    unread = [entry({**_about(each), "left_out": True}, ()) for each in left_out]
    return Objects((*read, *unread), tuple(gaps))


def _about(wanted: _Wanted) -> dict[str, Any]:
    return {
        "source": "pods",
        "role": wanted.group.role.value,
        "namespace": wanted.pod.namespace,
        "pod": wanted.pod.name,
        "workload": _workload(wanted),
        "service": wanted.group.service,
    }


def _workload(wanted: _Wanted) -> str:
    return next((each for each in wanted.group.workloads if wanted.pod.name.startswith(f"{each}-")), "")
