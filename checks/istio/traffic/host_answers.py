"""Answers that are no failure, but can be about the gateway.

They are refusals, silence and slowness.

Proxies count these as successes. The report says each in a sentence; they decide nothing, because an application can expect
them. Source: docs/rulings.md#ruling-38.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from checks.facts.counter_growth import GRPC, CounterWindow
from checks.facts.view import Facts
from checks.istio.traffic.counted_denials import CountedOutcome
from checks.istio.traffic.counted_outcomes import failure_shown_by, is_unanswered
from checks.istio.traffic.counted_traffic import CountedHost, counted_traffic, gateway_proxies
from checks.istio.traffic.host_traffic import period_of
from checks.istio.traffic.requested_traffic import requested_names
from checks.model.durations import span

_SENT, _RECEIVED, _CLOSED = (
    "istio_tcp_sent_bytes_total",
    "istio_tcp_received_bytes_total",
    "istio_tcp_connections_closed_total",
)
"""Bytes to the client (the answer), bytes from it, and closed connections.

Source: Istio documentation, "Istio Standard Metrics": sent bytes are those of the response.
"""
_DURATION = "istio_request_duration_milliseconds"
_REFUSALS: Mapping[str, str] = {
    "403": "its allow-list can lack the egress IP prefix",
    "407": "a proxy before it requires credentials",
    "421": "the TLS name (SNI) and the Host header can differ",
    "429": "its rate limit can count all clients of the egress IP prefix as one",
    f"{GRPC}7": "its allow-list can lack the egress IP prefix",
    f"{GRPC}8": "its rate limit can count all clients of the egress IP prefix as one",
}
"""Answers that can be about the source IP address or the proxy, and what each can mean."""
_FEWEST = 5
_SLOW = timedelta(seconds=5)
"""The mean duration from which successful requests are slow."""


@dataclass(frozen=True, slots=True)
class _Sums:
    """The bytes, closed connections and durations of a host."""

    sent: float
    received: float
    closed: float
    milliseconds: float
    answered: float


def answer_notes(facts: Facts) -> Iterator[str]:
    """Sentences about the hosts of the question, without a full stop. Reads ProxyTraffic."""
    counted = counted_traffic(facts)
    names = requested_names(facts, {each.host for each in counted.hosts})
    sums = _sums(counted.windows)
    seconds = max((each.seconds for each in counted.windows), default=0.0)
    counts_answers = any(proxy.has(_SENT) for proxy in gateway_proxies(facts))
    for host in counted.hosts:
        if not host.host or host.host not in names:
            continue
        period = period_of(host.seconds, whole=counted.from_prometheus)
        found = sums.get((host.host, host.connections))
        if not host.connections:
            yield from _refused(host, period)
        if found is None or host.seconds > seconds:
            continue  # its requests are older than these windows
        if host.connections and counts_answers and found.closed >= _FEWEST and found.received and not found.sent:
            yield (
                f"{host.host} sent no byte back on {round(found.closed):,} closed connections {period}: the destination, or a "
                "firewall that allows the connection and not this name, ended them"
            )
        if found.answered >= _FEWEST and found.milliseconds / found.answered >= _SLOW.total_seconds() * 1000:
            mean = span(timedelta(seconds=round(found.milliseconds / found.answered / 1000)))
            yield f"Successful requests to {host.host} took {mean} on average {period}"


def _refused(host: CountedHost, period: str) -> Iterator[str]:
    for (code, flags), count in host.counts:
        if code in _REFUSALS and flags == "-" and count >= _FEWEST and count * 2 >= host.total:
            yield f"{host.host} answered {code} to {count:,} of {host.total:,} requests {period}: {_REFUSALS[code]}"


def _is_success(outcome: CountedOutcome) -> bool:
    return failure_shown_by(outcome) is None and not is_unanswered(outcome)


def _sums(windows: tuple[CounterWindow, ...]) -> dict[tuple[str, bool], _Sums]:
    found: dict[tuple[str, bool], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for window in windows:
        for counter, amount in window.increases:
            if counter.metric in (_SENT, _RECEIVED, _CLOSED):
                found[counter.host, True][counter.metric] += amount
            elif counter.metric.startswith(_DURATION) and _is_success((counter.code, counter.flags)):
                found[counter.host, False][counter.metric.removeprefix(_DURATION)] += amount
    return {
        key: _Sums(each[_SENT], each[_RECEIVED], each[_CLOSED], each["_sum"], each["_count"])
        for key, each in found.items()
    }
