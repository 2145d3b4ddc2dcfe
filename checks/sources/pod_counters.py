"""Counters of proxies from the pods themselves, through the API server's proxy of pods.

A counter alone shows nothing: two samples some seconds apart do, and samples of earlier reads, which are kept.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic, sleep
from typing import Any, Protocol

from checks.facts.fact import CountersWanted, Gap, PodName, ProxyGroup, ProxyRole
from checks.sources.background import BackgroundThreads
from checks.sources.client_errors import result_or_error
from checks.sources.counter_series import Sample, entry, metrics_of
from checks.sources.replies import Failure, seconds_left
from checks.sources.source import TOO_LATE, Answer, Objects
from checks.sources.stats_pages import MAX_PAGE, page_sample

PAUSE = 5.0
"""Seconds between two samples of a pod without an earlier one."""
_LONG_ENOUGH = timedelta(seconds=PAUSE)
"""The age from which an earlier sample makes a second one unnecessary."""
_KEPT = timedelta(minutes=15)
_MOST_KEPT = 4
"""Earlier samples of a pod: the window is as long as they are old."""
_MOST_PODS = 64
"""Pods of one read, and pods whose samples are kept."""
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
        pause: float = PAUSE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pages = pages
        self._pause = pause
        self._clock = clock
        self._lock = Lock()
        self._earlier: OrderedDict[PodName, tuple[tuple[datetime, Sample], ...]] = OrderedDict()

    def proxy_counters(self, wanted: CountersWanted, deadline: float) -> Answer:
        """An entry for each pod, and a gap for each pod that could not be read."""
        every = _pods(wanted)
        if not every:
            return Objects(())
        pods = every[:_MOST_PODS]
        began = monotonic()
        earlier = {each.pod: self._remembered(each.pod) for each in pods}
        first, failed = self._sampled([each for each in pods if not earlier[each.pod]], deadline)
        if first:
            # The second sample needs some of the time that is left.
            sleep(max(0.0, min(began + self._pause, deadline - 1.0) - monotonic()))
        second, late = self._sampled([each for each in pods if each.pod not in failed], deadline)
        failed |= late
        for pod, newest in second.items():
            self._remember(pod, [*earlier[pod], *([first[pod]] if pod in first else []), newest])
        samples = {pod: (*earlier[pod], first.get(pod), second.get(pod)) for pod in earlier}
        return _answer(pods, samples, failed, every[_MOST_PODS:])

    def _sampled(
        self, pods: Iterable[_Wanted], deadline: float
    ) -> tuple[dict[PodName, tuple[datetime, Sample]], dict[PodName, Gap]]:
        pool = BackgroundThreads(_AT_ONCE, "counters")
        futures = {pool.submit(self._sample, each, deadline): each.pod for each in pods}
        try:
            wait(futures, timeout=max(0.0, deadline - monotonic()))
        finally:
            pool.cancel_waiting()
        found: dict[PodName, tuple[datetime, Sample]] = {}
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

    def _sample(self, wanted: _Wanted, deadline: float) -> tuple[datetime, Sample] | Exception:
        def read() -> tuple[datetime, Sample]:
            port, path, query = _PAGES[wanted.group.role]
            page = self._pages.pod_page(wanted.pod, port, path, query, MAX_PAGE, deadline)
            at = self._clock()
            return at, page_sample(page, metrics_of(wanted.group.role), lambda: seconds_left(deadline))

        return result_or_error(read)

    def _remembered(self, pod: PodName) -> tuple[tuple[datetime, Sample], ...]:
        """The earlier samples of a pod, if one is old enough for a window of its own."""
        now = self._clock()
        with self._lock:
            kept = tuple(each for each in self._earlier.get(pod, ()) if timedelta() <= now - each[0] <= _KEPT)
        return kept if any(now - at >= _LONG_ENOUGH for at, _ in kept) else ()

    def _remember(self, pod: PodName, samples: list[tuple[datetime, Sample]]) -> None:
        with self._lock:
            # The oldest keeps the window long, the newest keep it dense.
            kept = [*samples[:1], *samples[1:][-(_MOST_KEPT - 1) :]]
            self._earlier[pod] = tuple(kept)
            self._earlier.move_to_end(pod)
            while len(self._earlier) > _MOST_PODS:
                self._earlier.popitem(last=False)


def _pods(wanted: CountersWanted) -> list[_Wanted]:
    found: dict[PodName, _Wanted] = {}
    for group in wanted.groups:
        for pod in group.pods:
            found.setdefault(pod, _Wanted(pod, group))
    return list(found.values())


def _gap(failure: Failure, pod: PodName) -> Gap:
    return replace(failure.gap("metrics", "get", "pods/proxy"), namespace=pod.namespace, name=pod.name)


def _answer(
    pods: list[_Wanted],
    samples: dict[PodName, tuple[tuple[datetime, Sample] | None, ...]],
    failed: dict[PodName, Gap],
    left_out: list[_Wanted],
) -> Answer:
    gaps = [failed[each.pod] for each in pods if each.pod in failed]
    if gaps and len(gaps) == len(pods) and len({(each.status, each.credentials) for each in gaps}) == 1:
        return replace(gaps[0], namespace=None, name=None)
    read = [entry(_about(each), filter(None, samples[each.pod])) for each in pods if each.pod not in failed]
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
