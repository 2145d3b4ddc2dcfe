"""The reason and location of failed connections, from other counts of the proxies.

The counters of requests do not show why a connection failed (UF).
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime

from checks.facts.counter_names import LOOKUP_FAILED, REFUSED, TIMED_OUT, TLS_FAILED, UNVERIFIED
from checks.istio.traffic.counted_traffic import CountedHost, CountedTraffic
from checks.istio.traffic.recent_access import HostRequests
from checks.knowledge.response_flags import FailureSide, ResponseFlag

_SLOW = 1000.0
"""Milliseconds from which a failed connection timed out.

A refusal takes one round trip, Istio's time-out is 10 seconds.
"""
_SMALL_SHARE = 100
"""One failure in so many requests does not show that a host is not reached."""
_TIMED_OUT = "the connection to the destination timed out"
_WITHOUT_ADDRESS = ("UH", "NC", "DF")
"""Flags of requests to a host without an address."""
_OF_CONNECTIONS = ("UF", "URX", *_WITHOUT_ADDRESS)


def located_failure(host: CountedHost, counted: CountedTraffic, logged: HostRequests | None) -> ResponseFlag:
    """The most frequent failure with its location.

    Counters of requests do not show why a connection failed (UF). That is shown, in this order, by the access log, by
    Envoy's counters of connections, by the time that the requests took, and by the other hosts.
    """
    return _of_other_hosts(_of_one_host(host, counted, logged), host, counted)


def _of_one_host(host: CountedHost, counted: CountedTraffic, logged: HostRequests | None) -> ResponseFlag:
    """The location as the counts of the host alone show it."""
    _, flag, _ = host.failures[0]
    if flag.name == "UT" and counted.connection_failures.get(host.host, Counter())[TIMED_OUT]:
        # A time-out of the route that is shorter than that of the connection.
        return replace(flag, meaning=_TIMED_OUT, side=FailureSide.NETWORK)
    if flag.name not in ("UF", "URX"):
        return _of_names(flag, host, counted)
    return _of_log(flag, logged) or _of_connections(flag, host, counted) or _of_duration(flag, host) or flag


def _of_log(flag: ResponseFlag, logged: HostRequests | None) -> ResponseFlag | None:
    """The reason in most of the log lines with this failure."""
    failed = logged.failed if logged is not None else ()
    found = Counter(each.failure for each in failed if each.failure is not None and each.failure.name == flag.name)
    return found.most_common(1)[0][0] if found else None


def _of_names(flag: ResponseFlag, host: CountedHost, counted: CountedTraffic) -> ResponseFlag:
    """A host without an address whose lookups fail has none because of DNS."""
    if flag.name in _WITHOUT_ADDRESS and counted.connection_failures.get(host.host, Counter())[LOOKUP_FAILED]:
        return replace(flag, meaning="the gateway could not resolve the host's name", side=FailureSide.CLUSTER)
    return flag


def _of_connections(flag: ResponseFlag, host: CountedHost, counted: CountedTraffic) -> ResponseFlag | None:
    found = counted.connection_failures.get(host.host)
    if not found:
        return None
    unverified, tls, timed_out = sum(found[name] for name in UNVERIFIED), found[TLS_FAILED], found[TIMED_OUT]
    # Envoy counts time-outs and failed handshakes among all failed connections too.
    refused = found[REFUSED] - timed_out - max(unverified, tls)
    most, meaning, side = max(
        (unverified, "the proxy rejected the certificate of the destination", FailureSide.DESTINATION),
        (tls, "the TLS handshake with the destination failed", FailureSide.DESTINATION),
        (timed_out, _TIMED_OUT, FailureSide.NETWORK),
        (refused, "the destination refused the connection", FailureSide.DESTINATION),
        key=lambda each: each[0],
    )
    return replace(flag, meaning=meaning, side=side) if most > 0 else None


def _of_duration(flag: ResponseFlag, host: CountedHost) -> ResponseFlag | None:
    if host.failed_milliseconds is None:
        return None
    if host.failed_milliseconds >= _SLOW:
        return replace(flag, meaning=_TIMED_OUT, side=FailureSide.NETWORK)
    meaning = "the destination refused the connection, or the TLS handshake with it failed"
    return replace(flag, meaning=meaning, side=FailureSide.DESTINATION)


def _of_other_hosts(flag: ResponseFlag, host: CountedHost, counted: CountedTraffic) -> ResponseFlag:
    """A failure in the network is one of this host if other hosts are reached since it began.

    If no other host fails there too, the counts do not separate the destination from the network.
    """
    if flag.side is not FailureSide.NETWORK:
        return flag
    others = [each for each in counted.hosts if each.host and each.host != host.host]
    if any(_is_reached(each, host.fails_since) for each in others):
        return replace(flag, meaning=f"{flag.meaning}, and other hosts are reached", side=FailureSide.BEYOND)
    together = any(each.failed and _of_one_host(each, counted, None).side is FailureSide.NETWORK for each in others)
    return flag if together else replace(flag, side=FailureSide.UNCLEAR)


def _is_reached(host: CountedHost, since: datetime | None) -> bool:
    """Whether nearly all requests to a host succeed, also after a time.

    Those without an answer show nothing.
    """
    answered = host.total - host.unanswered
    if host.stopped is not None or host.last_succeeded is None or (since is not None and host.last_succeeded < since):
        return False
    return answered > 0 and host.failed * _SMALL_SHARE <= answered


def unread_reason(counted: CountedTraffic) -> str:
    """The sentence that the counters of connections are off.

    "" if they are on, or if no connection failed.
    """
    failing = [flag.name for host in counted.hosts for _, flag, _ in host.failures]
    if counted.counts_connections or not any(each in _OF_CONNECTIONS for each in failing):
        return ""
    return (
        "TLS and DNS failures are not counted: the proxies' counters of connections are off (proxyStatsMatcher), or "
        "not scraped"
    )
