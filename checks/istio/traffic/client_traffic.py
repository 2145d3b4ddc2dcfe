"""The requests of the question's client by path, as its sidecars count them.

A sidecar names the requested host of a request that it passes through or rejects; it does not know that of a connection.
Sources: docs/contract.md#metrics; istio/proxy, `source/extensions/filters/http/istio_stats/istio_stats.cc` (populatePeerInfo).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from checks.facts.counter_growth import CounterWindow, Increase
from checks.facts.counter_names import OPENED, REQUESTS
from checks.facts.fact import ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.istio.traffic.counted_outcomes import failure_shown_by, is_unanswered
from checks.istio.traffic.host_traffic import period_of
from checks.istio.traffic.usable_counters import LONG_WINDOW, SHORT_WINDOW, unusable_because


class ClientPath(StrEnum):
    """The path on which a sidecar sends a request."""

    GATEWAY = "to the gateway"
    DIRECT = "directly to the host"
    PASSED = "through PassthroughCluster"
    REJECTED = "to BlackHoleCluster"


_BY_CLUSTER = {"PassthroughCluster": ClientPath.PASSED, "BlackHoleCluster": ClientPath.REJECTED}


@dataclass(frozen=True, slots=True)
class ClientRequests:
    """The requests, or TCP connections, of a client to one host on one path.

    `host` is "" if the counters do not name it, and for those to the gateway.
    """

    path: ClientPath
    host: str
    noun: str
    total: int
    failed: int
    unanswered: int

    @property
    def outcome(self) -> str:
        """`none failed`, or how many failed and had no answer."""
        failed = f"{self.failed:,} failed" if self.failed else ""
        unanswered = f"{self.unanswered:,} without an answer" if self.unanswered else ""
        return ", ".join(filter(None, (failed, unanswered))) or "none failed"


@dataclass(frozen=True, slots=True)
class ClientTraffic:
    """The counts of the sidecars of a client; `problem` is the reason why they are not known."""

    client: str
    requests: tuple[ClientRequests, ...] = ()
    period: str = ""
    problem: str = ""

    @property
    def bypassing(self) -> tuple[ClientRequests, ...]:
        """The requests that bypass the gateway, and those that the sidecar rejects."""
        return tuple(each for each in self.requests if each.path is not ClientPath.GATEWAY)


def client_traffic(facts: Facts, wanted: Callable[[str], bool]) -> ClientTraffic | None:
    """The traffic of the question's client to the gateway and to wanted hosts.

    Reads ProxyTraffic. None without a client, and if no counters are read. Connections without a known host are among them.
    """
    client = facts.question.client
    if not client or not facts.configured(ProxyTraffic):
        return None
    proxies = [
        each
        for each in facts.readable(ProxyTraffic)
        if each.role == ProxyRole.CLIENT and each.service == facts.gateway.service_host and not each.left_out
    ]
    problems = {each.key: unusable_because(each, facts.now) for each in proxies}
    usable = [each for each in proxies if not problems[each.key]]
    if not usable:
        return ClientTraffic(client, problem=_problem(facts, list(problems.values())))
    windows = _windows(usable, SHORT_WINDOW)
    found = tuple(_requests(facts, windows, wanted))
    if not found:
        windows = _windows(usable, LONG_WINDOW)
        found = tuple(_requests(facts, windows, wanted))
    seconds = max(each.seconds for each in windows)
    return ClientTraffic(client, found, period_of(seconds, whole=usable[0].from_prometheus))


def _windows(proxies: Iterable[ProxyTraffic], longest: timedelta) -> list[CounterWindow]:
    return [window for each in proxies if (window := each.window(longest)) is not None]


def _problem(facts: Facts, problems: Sequence[str]) -> str:
    namespace = (facts.question.client or "").partition("/")[0]
    gap = facts.gap(ProxyTraffic, namespace)
    return str(gap) if gap is not None else next(iter(problems), "the source of counters has none of its pods")


def _requests(
    facts: Facts, windows: Iterable[CounterWindow], wanted: Callable[[str], bool]
) -> Iterator[ClientRequests]:
    totals: Counter[tuple[ClientPath, str, str]] = Counter()
    failed: Counter[tuple[ClientPath, str, str]] = Counter()
    unanswered: Counter[tuple[ClientPath, str, str]] = Counter()
    for window in windows:
        for each in window.increases:
            key = _key(facts, each, wanted)
            if key is None:
                continue
            totals[key] += round(each.amount)
            if failure_shown_by((each.counter.code, each.counter.flags)) is not None:
                failed[key] += round(each.amount)
            elif each.metric == REQUESTS and is_unanswered((each.counter.code, each.counter.flags)):
                unanswered[key] += round(each.amount)
    for key, total in sorted(totals.items()):
        if total:
            yield ClientRequests(*key, total, failed[key], unanswered[key])


def _key(facts: Facts, grown: Increase, wanted: Callable[[str], bool]) -> tuple[ClientPath, str, str] | None:
    """The path, host and noun of a counter.

    None for traffic that is not meant to use the gateway.
    """
    if grown.metric not in (REQUESTS, OPENED):
        return None
    noun = "request" if grown.metric == REQUESTS else "connection"
    host = grown.labels.get("destination_service", "").lower().partition(":")[0]
    path = _BY_CLUSTER.get(grown.labels.get("destination_service_name", ""))
    if path is not None:
        # Of a TCP connection the sidecar knows no host.
        known = host not in ("", "unknown", path.value)
        return (path, host if known else "", noun) if not known or wanted(host) else None
    if host == facts.gateway.service_host:
        return ClientPath.GATEWAY, "", noun
    return (ClientPath.DIRECT, host, noun) if wanted(host) else None
