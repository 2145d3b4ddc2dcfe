"""The counters of the gateway's proxies in the last minutes, by host.

Sources: docs/contract.md#metrics, docs/rulings.md#ruling-38.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from checks.facts.counter_growth import CounterWindow
from checks.facts.counter_names import CONNECTION_FAILURES, REFUSED
from checks.facts.fact import ProxyRole
from checks.facts.pods import Pod
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.istio.traffic.counted_denials import CountedOutcome, OutcomesByHost
from checks.istio.traffic.counted_outcomes import (
    durations_of_failures,
    failing_since,
    failure_shown_by,
    host_of_cluster,
    missing_label,
    outcomes_by_host,
)
from checks.istio.traffic.past_traffic import SampledSteps, past_of, sampled_steps
from checks.knowledge.response_flags import ResponseFlag

SHORT_WINDOW = timedelta(minutes=5)
LONG_WINDOW = timedelta(minutes=15)
"""The windows: the longer one counts for a host without requests in the shorter one."""
STALE = timedelta(minutes=3)
"""The age from which the newest sample says nothing about now.

Scrapes of a Prometheus are usually at most a minute apart.
"""
_CLOCKS = timedelta(minutes=5)

_Sampled = tuple[ProxyTraffic, CounterWindow]


@dataclass(frozen=True, slots=True)
class CountedPod:
    """The requests of one pod to a host; `outcomes` are the failed ones, by code and flags."""

    key: tuple[str, str]
    total: int
    failed: int
    outcomes: frozenset[CountedOutcome]


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
    fails_since: datetime | None = None
    """When most requests began to fail.

    None if it is before the samples, or if it is not known.
    """
    last_failed: datetime | None = None

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
            if not _ends(facts, each):
                found.unusable.append(problem)
        else:
            proxies.append(each)
    if (gap := facts.gap(ProxyTraffic, namespace)) is not None:
        found.unusable.append(str(gap))
    elif not found.left_out:
        found.unusable += _missing(facts, {each.key for each in read})
    found.pods = len(proxies)
    found.from_prometheus = any(each.from_prometheus for each in proxies)
    long, short = _windows(proxies, LONG_WINDOW), _windows(proxies, SHORT_WINDOW)
    found.seconds = max((each.seconds for _, each in long), default=0.0)
    found.hosts = tuple(_hosts(short, long, sampled_steps(proxies), past_of(facts).sampled))
    found.counts_connections = any(each.has(REFUSED) for each in proxies)
    for _, window in short:
        for grown in window.increases:
            if grown.metric in CONNECTION_FAILURES and (host := host_of_cluster(grown)):
                found.connection_failures.setdefault(host, Counter())[grown.metric] += round(grown.amount)
    return found


def _ends(facts: Facts, proxy: ProxyTraffic) -> bool:
    """Whether the pod is being deleted or has finished: nothing scrapes it any more."""
    pods = [each for each in facts.readable(Pod, facts.gateway.namespace) if proxy.key[1] in (each.name, each.ip)]
    return bool(pods) and all(each.deleted is not None or each.finished for each in pods)


def _missing(facts: Facts, read: set[tuple[str, str]]) -> Iterator[str]:
    """The pods without counters; a new pod has not been scraped yet."""
    for pod in facts.pods():
        since = pod.proxy.running_since if pod.proxy is not None else None
        if since is not None and facts.now - since > STALE and read.isdisjoint((pod.key, (pod.namespace, pod.ip))):
            yield f"the source of counters has none of pod {'/'.join(pod.key)}: it may not scrape the pod"


def unusable_because(proxy: ProxyTraffic, now: datetime) -> str:
    """Why the counters of a pod cannot be used, "" if they can."""
    if proxy.scraped is None:
        return f"the {proxy.ref} have no sample"
    age = now - proxy.scraped
    if age > STALE:
        return f"the {proxy.ref} are {round(age.total_seconds() / 60)} min old"
    if age < -_CLOCKS:
        return f"the {proxy.ref} have a time in the future: the clocks differ"
    window = proxy.window(LONG_WINDOW)
    if window is None:
        return f"the {proxy.ref} have only one sample"
    if window.reset:
        return f"the proxy in pod {'/'.join(proxy.key)} restarted between the samples"
    if label := missing_label(window.increases):
        return f"the {proxy.ref} have no label {label}, which a Telemetry object can remove"
    return ""


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
    durations_now, durations_before = (durations_of_failures(window for _, window in each) for each in (short, long))
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
            pods=tuple(_of_pod(pod, each) for pod, each in by_pod.items()),
            fails_since=failing_since(steps, first),
            last_failed=max((at for at, (_, failed) in steps.items() if failed), default=None),
        )
        main = next((flag.name for _, flag, _ in host.failures), "")
        yield replace(host, failed_milliseconds=durations.get((key[0], main)))


def _by_host(windows: Iterable[_Sampled]) -> dict[tuple[str, bool], dict[tuple[str, str], Counter[CountedOutcome]]]:
    """The outcomes of each pod, by host, and whether they are those of TCP connections."""
    found: dict[tuple[str, bool], dict[tuple[str, str], Counter[CountedOutcome]]] = defaultdict(dict)
    for proxy, window in windows:
        outcomes: OutcomesByHost = outcomes_by_host(window.increases)
        for key, counts in outcomes.items():
            if any(counts.values()):
                found[key][proxy.key] = counts
    return found


def _of_pod(pod: tuple[str, str], counts: Counter[CountedOutcome]) -> CountedPod:
    failed = {of: count for of, count in counts.items() if count and failure_shown_by(of) is not None}
    return CountedPod(pod, sum(counts.values()), sum(failed.values()), frozenset(failed))
