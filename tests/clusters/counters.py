"""Counters of proxies as a test writes them: what was counted, instead of samples.

.. code-block:: yaml

    metrics:
      - pod: team-egress/egw-asm-1-30-abc     # the default; the other pods of the gateway are idle
        source: prometheus           # the default: 16 samples a minute apart; `pods`: two samples 6 s apart
        http: {edition.cnn.com: {200 -: 97, "503 UF,URX": 3}}     # increases by host ("" without a destination) and outcome
        tcp: {edition.cnn.com: {0 -: 4}}
        milliseconds: {edition.cnn.com: 10000}      # the mean duration of failed requests
        connections: {edition.cnn.com: {upstream_cx_connect_timeout: 3}}      # Envoy's own counters, off by default
        denied: 3                    # requests that an AuthorizationPolicy denied; `denied_connections` for TCP
        counted: {pilot_total_xds_rejects: 2}       # other counters without labels
        past: {edition.cnn.com: {PassthroughCluster: 40}}       # of a client: requests to the host, by cluster
        minutes: 5                   # the increase is in the last so many minutes; more: it was before
        ended: 0                     # minutes before now at which it ended
        role: history                # a pod over the last 6 hours, in steps of 5 minutes
        age: 20                      # seconds since the newest sample
      - {idle: team-egress/egw-asm-1-30-def}        # a pod with samples, without traffic
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.clusters.merging import only

_KEYS = {
    *("pod", "idle", "source", "http", "tcp", "milliseconds", "connections", "minutes", "ended", "age"),
    *("role", "service", "workload", "raw", "denied", "denied_connections", "counted", "past"),
}
_ENVOY = "envoy_cluster_"
_STEPS = 16
BEFORE = 1000
"""The value of each counter before the increase."""

Entry = dict[str, Any]


def counters(written: Iterable[Mapping[str, Any]], now: str) -> tuple[Entry, ...]:
    """The entries of metrics.json. Raises PatchError for an unknown key."""
    return tuple(_entry(each, now) for each in written)


def _entry(written: Mapping[str, Any], now: str) -> Entry:
    only(written, _KEYS, "metrics")
    if "raw" in written:
        return dict(written["raw"])
    namespace, _, pod = str(written.get("idle") or written.get("pod") or "team-egress/egw-asm-1-30-abc").partition("/")
    source = str(written.get("source", "prometheus"))
    times = _times(
        source,
        now,
        float(written.get("age", 20 if source == "prometheus" else 0)),
        hours=written.get("role") == "history",
    )
    series = [_constant("istio_build", {}, 1, len(times))]
    for host, outcomes in (written.get("http") or {}).items():
        slow = (written.get("milliseconds") or {}).get(host)
        for outcome, count in outcomes.items():
            labels = _labels(host, outcome, "http")
            series.append(_growing("istio_requests_total", labels, count, written, times))
            if slow is not None:
                name = "istio_request_duration_milliseconds"
                series.append(_growing(f"{name}_count", labels, count, written, times))
                series.append(_growing(f"{name}_sum", labels, count * slow, written, times))
    for host, outcomes in (written.get("tcp") or {}).items():
        for outcome, count in outcomes.items():
            labels = _labels(host, outcome, "tcp")
            labels.pop("response_code")
            names = ("istio_tcp_connections_opened_total", "istio_tcp_connections_closed_total")
            series += [_growing(name, labels, count, written, times) for name in names]
    for host, failed in (written.get("connections") or {}).items():
        for name, count in failed.items():
            labels = {"cluster_name": f"outbound|443||{host}"}
            series.append(_growing(f"{_ENVOY}{name}", labels, count, written, times))
    series += _others(written, times)
    return {
        "source": source,
        "role": written.get("role", "gateway"),
        "namespace": namespace,
        "pod": pod,
        "workload": written.get("workload", pod.rpartition("-")[0]),
        "service": written.get("service", "egw.team-egress.svc.cluster.local"),
        "times": [each.isoformat(timespec="milliseconds").replace("+00:00", "Z") for each in times],
        "series": series,
    }


def _others(written: Mapping[str, Any], times: list[datetime]) -> Iterator[Entry]:
    plain = {
        "envoy_http_rbac_denied": written.get("denied"),
        "envoy_tcp_denied": written.get("denied_connections"),
        **(written.get("counted") or {}),
    }
    for name, count in plain.items():
        if count is not None:
            yield _growing(name, {}, count, written, times)
    for host, by_cluster in (written.get("past") or {}).items():
        for name, count in by_cluster.items():
            labels = {**_labels(host, "200 -", "http"), "destination_service_name": name}
            yield _growing("istio_requests_total", labels, count, written, times)


def _times(source: str, now: str, age: float, *, hours: bool) -> list[datetime]:
    last = datetime.fromisoformat(now) - timedelta(seconds=age)
    step = timedelta(minutes=1) if source == "prometheus" else timedelta(seconds=6)
    number = _STEPS if source == "prometheus" else 2
    if hours:
        step, number = timedelta(minutes=5), 6 * 12 + 1
    return [last - step * (number - 1 - index) for index in range(number)]


def _labels(host: str, outcome: str, protocol: str) -> dict[str, str]:
    code, _, flags = outcome.partition(" ")
    name = host or "unknown"
    return {
        "destination_service": name,
        "destination_service_name": name,
        "response_code": code,
        "response_flags": flags or "-",
        "request_protocol": protocol,
    }


def _constant(metric: str, labels: Mapping[str, str], value: float, length: int) -> Entry:
    return {"metric": metric, "labels": dict(labels), "values": [value] * length}


def _growing(
    metric: str, labels: Mapping[str, str], count: float, written: Mapping[str, Any], times: list[datetime]
) -> Entry:
    """A counter that grows evenly in its minutes, in whole numbers."""
    if len(times) == 2:
        values = [BEFORE, BEFORE + count]
    else:
        step = (times[1] - times[0]).seconds // 60
        minutes, ended = int(written.get("minutes", 5)) // step, int(written.get("ended", 0)) // step
        first = len(times) - 1 - ended - minutes
        shares = [min(max(index - first, 0), minutes) for index in range(len(times))]
        values = [BEFORE + count * share // minutes for share in shares]
    return {"metric": metric, "labels": dict(labels), "values": values}
