"""The traffic of each host, from counters and access logs, and where it fails.

Counters come first, because every proxy counts; a log line has details that counters lack. Of both, what saw more requests
to a host is used. Source: docs/rulings.md#ruling-38.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from checks.facts.counter_names import DENIED_CONNECTIONS, DENIED_REQUESTS, OPENED, REQUESTS
from checks.facts.proxy_traffic import ProxyTraffic, counters_of
from checks.facts.view import Facts
from checks.istio.traffic.counted_traffic import CountedHost, CountedTraffic, counted_traffic
from checks.istio.traffic.failed_connections import located_failure
from checks.istio.traffic.failing_pods import FailingPod, failing_pods
from checks.istio.traffic.recent_access import HostRequests, recent_requests
from checks.knowledge.response_flags import DENIAL, DENIED, FailureSide, ResponseFlag
from checks.model.durations import span
from checks.model.findings import Evidence

NO_ROUTE = ("NR", "NC")
"""Flags of requests for which the gateway has no destination."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class HostTraffic:
    """The recent requests, or connections, to a host.

    `host` is "" if the counters do not name it.
    """

    host: str
    noun: str
    """`request` or `connection`."""
    total: int
    failed: int
    period: str
    """When they were, as the end of a sentence: `in 5 min`."""
    counted: bool
    """Whether counters show it, not the access log."""
    failure: ResponseFlag | None = None
    """The most frequent failure; None if none failed."""
    shown: str = ""
    """Its code and flags: `503 UF,URX`."""
    since: datetime | None = None
    last_failed: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    pods: tuple[FailingPod, ...] = ()
    """The pods with nearly all failures, if nearly all requests of the others succeed."""
    unanswered: int = 0
    """The requests that clients closed before an answer: neither successes nor failures."""
    waited: timedelta | None = None
    """For how long the clients of unanswered requests waited, on average; None if unknown."""
    recovered: datetime | None = None
    """Since when none failed, if requests failed before and succeeded since then."""
    stopped: datetime | None = None
    """When the last request was, if there is none in the newest samples."""
    last_succeeded: datetime | None = None
    """A time shortly before the newest request that succeeded; None if none is known."""

    @property
    def mostly_fails(self) -> bool:
        """Whether most of the requests with an outcome failed, and they did not recover since."""
        return self.recovered is None and self.failed * 2 > self.total - self.unanswered

    @property
    def mostly_unanswered(self) -> bool:
        return self.unanswered * 2 > self.total


@dataclass(frozen=True, slots=True)
class GatewayTraffic:
    """The traffic of all hosts; `unusable` are reasons why counters could not be used."""

    hosts: tuple[HostTraffic, ...]
    unusable: tuple[str, ...] = ()
    configured: bool = False
    """Whether counters are read at all."""
    pods: int = 0
    """The pods with usable counters."""
    period: str = ""
    """The time for which counters are known."""
    left_out: int = 0
    """The pods that a fleet check does not read."""
    counts_requests: bool = False
    """Whether the counters have one of requests or connections, also of older ones."""


def gateway_traffic(facts: Facts) -> GatewayTraffic:
    """The traffic of the gateway.

    Reads ProxyTraffic and ProxyLog; failed reads of pods' logs raise nothing.
    """
    return facts.once("gateway traffic", _traffic, str(facts.gateway))


def _traffic(facts: Facts) -> GatewayTraffic:
    logs = {each.host: each for each in recent_requests(facts)}
    if not facts.configured(ProxyTraffic):
        return GatewayTraffic(tuple(_logged(each) for each in logs.values()))
    counted = counted_traffic(facts)
    found = [
        each
        for each in (_of_counters(facts, host, counted, logs.get(host.host)) for host in counted.hosts)
        if each.host not in logs or _decides(each, logs[each.host])
    ]
    known = {each.host for each in found}
    found += [_logged(each) for host, each in logs.items() if host not in known]
    return GatewayTraffic(
        tuple(sorted(found, key=lambda each: (each.host, each.noun))),
        tuple(dict.fromkeys(counted.unusable)),
        configured=True,
        pods=counted.pods,
        period=period_of(counted.seconds, whole=counted.from_prometheus),
        left_out=counted.left_out,
        counts_requests=counted.counts_requests,
    )


def _decides(counted: HostTraffic, logged: HostRequests) -> bool:
    """Whether the counters of a host are used, not its lines in the log.

    Without counters of denials, which a Prometheus may leave out, a denied request looks like an answer of the
    destination: then only the log shows it.
    """
    denied = any(each.failure is not None and each.failure.meaning == DENIAL for each in logged.failed)
    return counted.total >= len(logged.requests) and (bool(counted.failed) or not denied)


def _logged(found: HostRequests) -> HostTraffic:
    failed = found.failed
    counted = Counter(each.failure for each in failed if each.failure is not None)
    main = counted.most_common(1)[0][0] if counted else None
    return HostTraffic(
        found.host,
        "request",
        len(found.requests),
        len(failed),
        "",
        counted=False,
        failure=main,
        shown=main.name if main is not None else "",
        last_failed=max((each.at for each in failed), default=None),
        evidence=_lines(found),
        unanswered=found.unanswered,
        last_succeeded=max(
            (each.at for each in found.requests if each.failure is None and not each.unanswered), default=None
        ),
    )


def _lines(found: HostRequests) -> tuple[Evidence, ...]:
    return tuple(Evidence(each.log, "access log", each.line) for each in found.failed[:_SHOWN])


def _of_counters(facts: Facts, host: CountedHost, counted: CountedTraffic, logged: HostRequests | None) -> HostTraffic:
    noun = "connection" if host.connections else "request"
    period = period_of(host.seconds, whole=counted.from_prometheus)
    waited = host.unanswered_milliseconds
    whole = HostTraffic(
        host.host,
        noun,
        host.total,
        host.failed,
        period,
        counted=True,
        last_failed=host.last_failed,
        unanswered=host.unanswered,
        waited=timedelta(milliseconds=round(waited)) if waited is not None else None,
        recovered=host.recovered if host.failed else None,
        stopped=host.stopped,
        last_succeeded=host.last_succeeded,
    )
    if not host.failed:
        return whole
    (code, flags), _, _ = host.failures[0]
    pods = failing_pods(facts, host)
    failure = located_failure(host, counted, logged)
    if pods and failure.side is not FailureSide.CLUSTER:
        failure = replace(failure, side=FailureSide.POD)
    return replace(
        whole,
        failure=failure,
        pods=pods,
        shown=" ".join(each for each in (code if code != "0" else "", flags if flags != "-" else "") if each),
        since=min((each.since for each in pods if each.since is not None), default=None) if pods else host.fails_since,
        evidence=(*_counters(host), *(_lines(logged) if logged is not None else ())),
    )


def period_of(seconds: float, *, whole: bool) -> str:
    """Minutes for a Prometheus, whose samples are a minute apart.

    Else the distance of the samples.
    """
    if whole:
        return f"in {max(1, round(seconds / 60))} min"
    return f"in {span(timedelta(seconds=max(1, round(seconds))))}"


def _counters(host: CountedHost) -> tuple[Evidence, ...]:
    """One row for each kind of failure and pod that counted it in the window.

    Without numbers, which differ in each run: the summary has them.
    """
    name = OPENED if host.connections else REQUESTS
    denials = DENIED_CONNECTIONS if host.connections else DENIED_REQUESTS
    rows = []
    for pod in host.pods:
        about = counters_of(pod.key)
        for outcome in sorted(pod.outcomes):
            if outcome[1] == DENIED:
                rows += [Evidence(about, each, "requests denied", "none") for each in denials]
            else:
                rows.append(Evidence(about, name, " ".join(outcome), "response flags -"))
    return tuple(rows[:_SHOWN])


def failing_together(hosts: Sequence[HostTraffic]) -> bool:
    """Whether connections to every host of several fail in the network."""
    named = [each for each in hosts if each.host]
    return len({each.host for each in named}) > 1 and all(
        each.mostly_fails and each.failure is not None and each.failure.side is FailureSide.NETWORK for each in named
    )
