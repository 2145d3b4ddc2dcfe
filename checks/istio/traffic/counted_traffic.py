"""The counters of the gateway's proxies in the last minutes, by host.

Sources: docs/contract.md#metrics, docs/rulings.md#ruling-38.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from checks.facts.counter_growth import CounterWindow
from checks.facts.counter_names import CONNECTION_FAILURES, OPENED, REQUESTS
from checks.facts.fact import ProxyRole
from checks.facts.pods import Pod
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.istio.traffic.counted_denials import CountedOutcome, OutcomesByHost
from checks.istio.traffic.counted_outcomes import (
    durations_by_failure,
    failing_since,
    failure_shown_by,
    host_of_cluster,
    is_unanswered,
    outcomes_by_host,
)
from checks.istio.traffic.past_traffic import SampledSteps, past_of, recovered, sampled_steps
from checks.istio.traffic.usable_counters import LONG_WINDOW, SHORT_WINDOW, excused, missing_pods, unusable_because
from checks.knowledge.response_flags import ResponseFlag

_Sampled = tuple[ProxyTraffic, CounterWindow]


@dataclass(frozen=True, slots=True)
class CountedPod:
    """The requests of one pod to a host; `outcomes` are the failed ones, by code and flags."""

    key: tuple[str, str]
    total: int
    failed: int
    outcomes: frozenset[CountedOutcome]
    unanswered: int = 0

    @property
    def succeeded(self) -> int:
        return self.total - self.failed - self.unanswered


@dataclass(frozen=True, slots=True)
class CountedHost:
    """The requests, or TCP connections, to one host within a window.

    `host` is "" for those without a destination: the counters do not name their host.
    """

    host: str
    connections: bool
    counts: tuple[tuple[CountedOutcome, int], ...]
    """By outcome, the most frequent first."""
    seconds: float
    pods: tuple[CountedPod, ...] = ()
    """The pods with requests to it."""
    failed_milliseconds: float | None = None
    """The mean duration of requests with the most frequent failure; None if unknown."""
    unanswered_milliseconds: float | None = None
    """The mean duration of requests without an answer; None if unknown."""
    fails_since: datetime | None = None
    """When most requests began to fail.

    None if it is before the samples, or if it is not known.
    """
    last_failed: datetime | None = None
    recovered: datetime | None = None
    """Since when none failed, if requests succeeded since then."""
    stopped: datetime | None = None
    """When the last request was, if there is none in the newest samples."""
    last_succeeded: datetime | None = None
    """The beginning of the newest step between samples in which requests succeeded."""

    @property
    def total(self) -> int:
        return sum(count for _, count in self.counts)

    @property
    def failures(self) -> tuple[tuple[CountedOutcome, ResponseFlag, int], ...]:
        """The outcomes that are failures.

        Those of the most frequent failure come first, of these the most frequent.
        """
        found = [(of, flag, count) for of, count in self.counts if (flag := failure_shown_by(of)) is not None]
        by_name: Counter[str] = Counter()
        for _, flag, count in found:
            by_name[flag.name] += count
        return tuple(sorted(found, key=lambda each: (-by_name[each[1].name], -each[2])))

    @property
    def failed(self) -> int:
        return sum(count for _, _, count in self.failures)

    @property
    def unanswered(self) -> int:
        """The requests that clients closed before an answer."""
        return 0 if self.connections else sum(count for of, count in self.counts if is_unanswered(of))


@dataclass(slots=True)
class CountedTraffic:
    """The counters of a gateway: its hosts, and why counters of pods cannot be used."""

    hosts: tuple[CountedHost, ...] = ()
    unusable: list[str] = field(default_factory=list)
    pods: int = 0
    """The pods with usable counters."""
    seconds: float = 0.0
    """The longest window."""
    from_prometheus: bool = False
    connection_failures: dict[str, Counter[str]] = field(default_factory=dict)
    """By host, Envoy's counters of failed connections, if `proxyStatsMatcher` includes them."""
    counts_connections: bool = False
    """Whether a pod has Envoy's counters of connections, also if none failed."""
    left_out: int = 0
    """The pods that were not read, to limit the load."""
    windows: tuple[CounterWindow, ...] = ()
    """The increases of the last minutes, one window for each pod."""
    counts_requests: bool = False
    """Whether a pod has a counter of requests or connections, also of older ones."""


def counted_traffic(facts: Facts) -> CountedTraffic:
    """The counters of the gateway's proxies.

    Reads ProxyTraffic; a failed read is among `unusable`.
    """
    return facts.once("counted traffic", _counted, str(facts.gateway))


def gateway_proxies(facts: Facts) -> Iterator[ProxyTraffic]:
    """The counters of the gateway's own proxies that exist. Reads ProxyTraffic and Pod.

    A Prometheus also has samples of pods that were deleted, and of pods of other clusters.
    """
    namespace = facts.gateway.namespace
    known = facts.gap(Pod, namespace) is None
    existing = {name for pod in facts.readable(Pod, namespace) for name in (pod.name, pod.ip)}
    for each in facts.readable(ProxyTraffic, namespace):
        if each.role != ProxyRole.GATEWAY or each.service != facts.gateway.service_host:
            continue
        if not known or each.key[1] in existing:
            yield each


def _counted(facts: Facts) -> CountedTraffic:
    found = CountedTraffic()
    proxies = []
    namespace = facts.gateway.namespace
    read = list(gateway_proxies(facts))
    for each in read:
        if each.left_out:
            found.left_out += 1
        elif problem := unusable_because(each, facts.now):
            if not excused(facts, each):
                found.unusable.append(problem)
        else:
            proxies.append(each)
    if (gap := facts.gap(ProxyTraffic, namespace)) is not None:
        found.unusable.append(str(gap))
    elif not found.left_out:
        found.unusable += missing_pods(facts, {each.key for each in read})
    found.pods = len(proxies)
    found.from_prometheus = any(each.from_prometheus for each in proxies)
    long, short = _windows(proxies, LONG_WINDOW), _windows(proxies, SHORT_WINDOW)
    found.seconds = max((each.seconds for _, each in long), default=0.0)
    found.hosts = tuple(_hosts(short, long, sampled_steps(proxies), past_of(facts).sampled))
    found.counts_connections = any(each.has(name) for each in proxies for name in CONNECTION_FAILURES)
    found.windows = tuple(window for _, window in short)
    found.counts_requests = any(each.has(name) for each in proxies for name in (REQUESTS, OPENED))
    for _, window in short:
        for grown in window.increases:
            if grown.metric in CONNECTION_FAILURES and (host := host_of_cluster(grown)):
                found.connection_failures.setdefault(host, Counter())[grown.metric] += round(grown.amount)
    return found


def _windows(proxies: Iterable[ProxyTraffic], longest: timedelta) -> list[_Sampled]:
    found = ((each, each.window(longest)) for each in proxies)
    return [(each, window) for each, window in found if window is not None and not window.reset]


def _hosts(
    short: list[_Sampled],
    long: list[_Sampled],
    recent: SampledSteps,
    past: SampledSteps,
) -> Iterator[CountedHost]:
    now, before = _by_host(short), _by_host(long)
    durations_now, durations_before = (durations_by_failure(window for _, window in each) for each in (short, long))
    for key in sorted({*now, *before}):
        current = now.get(key)
        windows, by_pod = (short, current) if current else (long, before[key])
        durations = durations_now if current else durations_before
        counts: Counter[CountedOutcome] = Counter()
        for each in by_pod.values():
            counts.update(each)
        most = tuple((outcome, count) for outcome, count in counts.most_common() if count)
        if not most:
            continue
        steps, first = recent.after(past, key)
        host = CountedHost(
            host=key[0],
            connections=key[1],
            counts=most,
            seconds=max(each.seconds for _, each in windows),
            pods=tuple(_of_pod(pod, each, connections=key[1]) for pod, each in by_pod.items()),
            fails_since=failing_since(steps, first),
            last_failed=max((at for at, (_, failed, _) in steps.items() if failed), default=None),
            recovered=recovered(steps),
            stopped=recent.stopped(steps),
            last_succeeded=recent.last_succeeded(steps),
        )
        main = next((flag.name for _, flag, _ in host.failures), "")
        yield replace(
            host,
            failed_milliseconds=durations.get((key[0], main)) if main else None,
            unanswered_milliseconds=durations.get((key[0], "")),
        )


def _by_host(windows: Iterable[_Sampled]) -> dict[tuple[str, bool], dict[tuple[str, str], Counter[CountedOutcome]]]:
    """The outcomes of each pod, by host, and whether they are those of TCP connections."""
    found: dict[tuple[str, bool], dict[tuple[str, str], Counter[CountedOutcome]]] = defaultdict(dict)
    for proxy, window in windows:
        outcomes: OutcomesByHost = outcomes_by_host(window.increases)
        for key, counts in outcomes.items():
            if any(counts.values()):
                found[key][proxy.key] = counts
    return found


def _of_pod(pod: tuple[str, str], counts: Counter[CountedOutcome], *, connections: bool) -> CountedPod:
    failed = {of: count for of, count in counts.items() if count and failure_shown_by(of) is not None}
    unanswered = 0 if connections else sum(count for of, count in counts.items() if is_unanswered(of))
    return CountedPod(pod, sum(counts.values()), sum(failed.values()), frozenset(failed), unanswered)
