"""Samples of counters from any source, in the form of metrics.json.

A sample holds the metrics and labels that checks use; counters that differ only in others are added.
Source: docs/contract.md#metrics.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from checks.facts.counter_names import CONNECTION_FAILURES, DENIED_CONNECTIONS, DENIED_REQUESTS, ISTIOD
from checks.facts.fact import ProxyRole
from checks.model.raw_values import Raw
from checks.sources.expected_answers import WRONG_ANSWER
from checks.sources.replies import Failure

STANDARD_METRICS = (
    "istio_requests_total",
    "istio_request_duration_milliseconds_sum",
    "istio_request_duration_milliseconds_count",
    "istio_tcp_connections_opened_total",
    "istio_tcp_connections_closed_total",
    "istio_tcp_sent_bytes_total",
    "istio_tcp_received_bytes_total",
)
"""Istio's standard metrics, which are on by default.

Source: istio/proxy, `source/extensions/filters/http/istio_stats/istio_stats.cc` (names, labels, and when each is written).
"""
PRESENCE = ("istio_build", "envoy_server_uptime")
"""Gauges that every istio-proxy has, also without traffic."""
KEPT_LABELS = (
    "destination_service",
    "destination_service_name",
    "response_code",
    "grpc_response_status",
    "response_flags",
    "request_protocol",
    "cluster_name",
    "source_workload",
    "source_workload_namespace",
)
"""The labels that are kept. "reporter" decides before: only what a proxy sends counts."""
MOST_SERIES = 5_000
"""Series of one pod, after adding."""

LARGEST_COUNT = 2.0**63
"""The largest value of a counter: those of Envoy have 64 bits."""

Key = tuple[str, tuple[tuple[str, str], ...]]
"""The metric and the kept labels of a series."""
Sample = dict[Key, float]
"""The counters of a pod at one time."""


def metrics_of(role: ProxyRole) -> frozenset[str]:
    """The metrics that are read of a process."""
    if role is ProxyRole.ISTIOD:
        return frozenset(ISTIOD)
    # Denials at a client's sidecar are of requests that it receives.
    denials = (*DENIED_REQUESTS, *DENIED_CONNECTIONS) if role is ProxyRole.GATEWAY else ()
    return frozenset((*STANDARD_METRICS, *CONNECTION_FAILURES, *PRESENCE, *denials))


def key_of(metric: str, labels: Mapping[str, str]) -> Key:
    """The key of a counter: series that differ only in other labels are added."""
    return (metric, tuple((name, labels[name]) for name in KEPT_LABELS if labels.get(name)))


def add(sample: Sample, key: Key, value: float) -> None:
    """Add a counter to a sample.

    Raises Failure (502) for no number, and for more series than are kept.
    """
    total = sample.get(key, 0.0) + value
    if not 0 <= value <= total <= LARGEST_COUNT:
        raise Failure(WRONG_ANSWER, f"{key[0]} is not a count: {value}")
    sample[key] = total
    if len(sample) > MOST_SERIES:
        raise Failure(WRONG_ANSWER, f"a proxy has more than {MOST_SERIES:,} counters of its traffic")


def entry(about: Raw, samples: Iterable[tuple[datetime, Sample]]) -> dict[str, Any]:
    """The entry of metrics.json with these samples; `about` are its other keys."""
    ordered = sorted(samples, key=lambda each: each[0])
    keys = sorted({key for _, sample in ordered for key in sample})
    return {
        **about,
        "times": [precise_stamp(at) for at, _ in ordered],
        "series": [
            {
                "metric": key[0],
                "labels": dict(key[1]),
                "values": [_written(sample.get(key)) for _, sample in ordered],
            }
            for key in keys
        ],
    }


def precise_stamp(at: datetime) -> str:
    """A time with milliseconds: samples of pods are seconds apart."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _written(value: float | None) -> float | int | None:
    return int(value) if value is not None and value == int(value) else value
