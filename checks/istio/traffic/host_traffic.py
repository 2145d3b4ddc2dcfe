"""The traffic of each host, from counters and access logs, and where it fails.

Counters come first, because every proxy counts; a log line has details that counters lack. Of both, what saw more requests
to a host is used. Source: docs/rulings.md#ruling-38.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from checks.facts.proxy_traffic import OPENED, REQUESTS, ProxyTraffic
from checks.facts.view import Facts
from checks.istio.traffic.counted_traffic import CountedHost, CountedTraffic, counted_traffic
from checks.istio.traffic.recent_access import HostRequests, recent_requests
from checks.knowledge.response_flags import FailureSide, ResponseFlag
from checks.model.durations import span
from checks.model.findings import Evidence

NO_ROUTE = ("NR", "NC")
"""Flags of requests for which the gateway has no destination."""
_SLOW = 1000.0
"""Milliseconds from which a failed connection timed out.

A refusal takes one round trip, Istio's time-out is 10 seconds.
"""
_SHOWN = 3
_TIMED_OUT = "the connection to the destination timed out"


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

    @property
    def mostly_fails(self) -> bool:
        return self.failed * 2 > self.total


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
        if each.host not in logs or each.total >= len(logs[each.host].requests)
    ]
    known = {each.host for each in found}
    found += [_logged(each) for host, each in logs.items() if host not in known]
    return GatewayTraffic(
        tuple(sorted(found, key=lambda each: (each.host, each.noun))),
        tuple(dict.fromkeys(counted.unusable)),
        configured=True,
        pods=counted.pods,
        period=_period(counted.seconds, whole=counted.from_prometheus),
        left_out=counted.left_out,
    )


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
    )


def _lines(found: HostRequests) -> tuple[Evidence, ...]:
    return tuple(Evidence(each.log, "access log", each.line) for each in found.failed[:_SHOWN])


def _of_counters(facts: Facts, host: CountedHost, counted: CountedTraffic, logged: HostRequests | None) -> HostTraffic:
    noun = "connection" if host.connections else "request"
    period = _period(host.seconds, whole=counted.from_prometheus)
    whole = HostTraffic(host.host, noun, host.total, host.failed, period, counted=True, last_failed=host.last_failed)
    if not host.failed:
        return whole
    (code, flags), _, _ = host.failures[0]
    return replace(
        whole,
        failure=_located(host, counted, logged),
        shown=" ".join(each for each in (code if code != "0" else "", flags if flags != "-" else "") if each),
        since=host.fails_since,
        evidence=(*_counters(facts, host), *(_lines(logged) if logged is not None else ())),
    )


def _period(seconds: float, *, whole: bool) -> str:
    """Minutes for a Prometheus, whose samples are a minute apart.

    Else the distance of the samples.
    """
    if whole:
        return f"in {max(1, round(seconds / 60))} min"
    return f"in {span(timedelta(seconds=max(1, round(seconds))))}"


def _counters(facts: Facts, host: CountedHost) -> Iterator[Evidence]:
    """One row for each pod and kind of failure.

    Without numbers, which differ in each run: the summary has them.
    """
    name = OPENED if host.connections else REQUESTS
    wanted = {of for of, _, _ in host.failures}
    rows = []
    for proxy in facts.readable(ProxyTraffic, facts.gateway.namespace):
        for each in proxy.series:
            labels = each.get("labels", {})
            outcome = (labels.get("response_code", "0"), labels.get("response_flags", "-"))
            same = not host.host or labels.get("destination_service", "").lower().partition(":")[0] == host.host
            if (
                each.get("metric") == name
                and outcome in wanted
                and same
                and proxy.service == facts.gateway.service_host
            ):
                rows.append(Evidence(proxy.ref, name, " ".join(outcome), "response flags -"))
    return iter(list(dict.fromkeys(rows))[:_SHOWN])


def _located(host: CountedHost, counted: CountedTraffic, logged: HostRequests | None) -> ResponseFlag:
    """The most frequent failure with its location.

    Counters of requests do not show why a connection failed (UF). That is shown, in this order, by the access log, by
    Envoy's counters of connections, by the time that the requests took, and by the other hosts.
    """
    _, flag, _ = host.failures[0]
    if flag.name not in ("UF", "URX"):
        return flag
    if logged is not None and logged.failed:
        found = Counter(each.failure for each in logged.failed if each.failure is not None)
        return replace(found.most_common(1)[0][0], name=flag.name)
    return _of_connections(flag, host, counted) or _of_duration(flag, host) or _of_other_hosts(flag, host, counted)


def _of_connections(flag: ResponseFlag, host: CountedHost, counted: CountedTraffic) -> ResponseFlag | None:
    found = counted.connection_failures.get(host.host)
    if not found:
        return None
    if any(name.startswith("envoy_cluster_ssl_") for name in found):
        return replace(flag, meaning="the TLS handshake with the destination failed", side=FailureSide.DESTINATION)
    if found["envoy_cluster_upstream_cx_connect_timeout"]:
        return replace(flag, meaning=_TIMED_OUT, side=FailureSide.NETWORK)
    if found["envoy_cluster_upstream_cx_connect_fail"]:
        return replace(flag, meaning="the destination refused the connection", side=FailureSide.DESTINATION)
    return None


def _of_duration(flag: ResponseFlag, host: CountedHost) -> ResponseFlag | None:
    if host.failed_milliseconds is None:
        return None
    if host.failed_milliseconds >= _SLOW:
        return replace(flag, meaning=_TIMED_OUT, side=FailureSide.NETWORK)
    meaning = "the destination refused the connection, or the TLS handshake with it failed"
    return replace(flag, meaning=meaning, side=FailureSide.DESTINATION)


def _of_other_hosts(flag: ResponseFlag, host: CountedHost, counted: CountedTraffic) -> ResponseFlag:
    """With other hosts that are reached, the network works.

    Without one, it stays the assumed location.
    """
    others = [each for each in counted.hosts if each.host and each.host != host.host]
    if any(not each.failed for each in others):
        return replace(flag, meaning=f"{flag.meaning}, and other hosts are reached", side=FailureSide.DESTINATION)
    return flag


def failing_together(hosts: Sequence[HostTraffic]) -> bool:
    """Whether connections to every host of several fail in the network."""
    named = [each for each in hosts if each.host]
    return len(named) > 1 and all(
        each.mostly_fails and each.failure is not None and each.failure.side is FailureSide.NETWORK for each in named
    )
