"""The time that counters of proxies add to a diagnosis, and the cost of many counters.

A first check of pods takes two samples, 2 s apart: the added time is what remains of them after the other reads.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

from checks.catalogue import catalogue
from checks.config.metrics_configuration import PrometheusMetrics
from checks.model.findings import Report
from checks.model.question import Question
from checks.sources.live import LiveSource
from checks.sources.pod_samples import ProcessMemory
from checks.sources.run import run
from checks.sources.source import Source
from tests.bench.measure import Sample, shown, table, timed
from tests.bench.runbook import AZURE, KUBERNETES, RUNS, Metrics, served
from tests.clusters.bundles import write_bundle
from tests.clusters.compose import Cluster, named
from tests.loopback.kube import Fault
from tests.loopback.prometheus import PrometheusServer

PODS = ("egw-asm-1-30-abc", "egw-asm-1-30-def")
NAME = "istio_requests_total"
_MINUTES, _HOURS = 17, 73
"""Samples of the last minutes and of the last hours."""
_LONG_ENOUGH = 5.2
"""Seconds after which a second check needs one sample only."""


def labels(host: str) -> dict[str, str]:
    """The labels of successful requests to a host."""
    return {
        "destination_service": host,
        "destination_service_name": host,
        "response_code": "200",
        "response_flags": "-",
    }


def page() -> bytes:
    """A page of counters, as a proxy serves it."""
    about = {"reporter": "source", **labels("edition.cnn.com")}
    written = ",".join(f'{name}="{value}"' for name, value in about.items())
    return f"# TYPE {NAME} counter\n{NAME}{{{written}}} 41\n".encode()


def scraped() -> list[dict[str, Any]]:
    """The series of a Prometheus that scrapes both pods."""
    about = {"__name__": NAME, "job": "istio", "source_workload": "egw-asm-1-30", **labels("edition.cnn.com")}
    about["source_workload_namespace"] = "team-egress"
    return [
        {"metric": {**about, "pod": pod, "instance": f"{pod}:15020"}, "values": list(range(1000, 1000 + _MINUTES))}
        for pod in PODS
    ]


def diagnose(source: Source, wanted: Question, *, forget: bool) -> None:
    """One diagnosis; with `forget`, no earlier samples of pods are known."""
    if forget and isinstance(source, LiveSource):
        source.keep_samples_in(ProcessMemory())
    *_, report = run(source, wanted, catalogue(), 60)
    assert isinstance(report, Report)


def with_counters(metrics: Metrics, *, first: bool) -> Sample:
    """The time of a diagnosis; `first`: no earlier samples are known."""
    with served(metrics, [Fault("/proxy/", body=page(), kind="text/plain")]) as (source, wanted):
        if not first:
            diagnose(source, wanted, forget=False)
            sleep(_LONG_ENOUGH)
        return timed(lambda: diagnose(source, wanted, forget=first), RUNS)


def added() -> Iterator[tuple[object, ...]]:
    """The rows about the added time."""
    with PrometheusServer(scraped()) as server:
        without = with_counters("none", first=True)
        yield "none", without, "–"
        for name, metrics, first in (
            ("`metrics: pods`, the first check of a gateway", "pods", True),
            ("`metrics: pods`, a later check", "pods", False),
            ("a Prometheus", PrometheusMetrics(prometheus=server.url), True),
        ):
            found = with_counters(metrics, first=first)  # type: ignore[arg-type]  # a text of the table
            yield name, found, shown(max(0.0, found.median - without.median))


def busy(hosts: int, of_hours: int) -> Cluster:
    """The base cluster, whose two gateway pods count requests to so many hosts."""
    base = named("base")
    now = datetime.fromisoformat(base.captured_at)
    entries = [_entry(pod, "gateway", hosts, now, 60, _MINUTES) for pod in PODS]
    if of_hours:
        entries += [_entry(pod, "history", of_hours, now, 300, _HOURS) for pod in PODS]
    return replace(base, metrics=tuple(entries))


def _entry(pod: str, role: str, hosts: int, now: datetime, step: int, number: int) -> dict[str, Any]:
    times = [now - timedelta(seconds=20 + step * (number - 1 - index)) for index in range(number)]
    series = [
        {
            "metric": NAME,
            "labels": labels(f"h{host}.example.com"),
            "values": [1000 + host % 7 * n for n in range(number)],
        }
        for host in range(hosts)
    ]
    return {
        "source": "prometheus",
        "role": role,
        "namespace": "team-egress",
        "pod": pod,
        "workload": "egw-asm-1-30",
        "service": "egw.team-egress.svc.cluster.local",
        "times": [each.isoformat().replace("+00:00", "Z") for each in times],
        "series": [{"metric": "istio_build", "labels": {}, "values": [1] * number}, *series],
    }


def many() -> Iterator[tuple[object, ...]]:
    """The rows about many counters: CPU time and peak memory of a whole process."""
    for hosts, of_hours in ((0, 0), (100, 100), (1000, 0), (4900, 0), (4900, 1000)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bundle"
            write_bundle(busy(hosts, of_hours), path)
            words = [sys.executable, "-m", "checks.cli.main", "diagnose", "--bundle", str(path), "--output", "json"]
            seconds, peaks = [], []
            for _ in range(RUNS):
                began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
                subprocess.run(
                    ["/usr/bin/time", "-f", "%M", "-o", f"{folder}/peak", *words, "team-egress/egw"],
                    capture_output=True,
                    check=False,
                )
                seconds.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began)
                peaks.append(int(Path(folder, "peak").read_text().split()[-1]) / 1024)
            values = 2 * (hosts * _MINUTES + of_hours * _HOURS)
            yield f"{hosts:,}", f"{of_hours:,}", f"{values:,}", Sample(tuple(seconds)), f"{max(peaks):.0f} MiB"


def measure() -> str:
    """The section of docs/benchmarks.md."""
    return "\n".join(
        [
            "## Counters of the proxies",
            "",
            (
                f"A diagnosis of the simulated cluster, with {KUBERNETES * 1000:.0f} ms of added latency per Kubernetes call "
                f"and {AZURE * 1000:.0f} ms per Azure call; two gateway pods and two of istiod. Median (range) of {RUNS} runs. "
                "The first sample begins when the gateway's pods are known, before Azure has answered; the second one 2 s "
                "later, or when the other reads have ended."
            ),
            "",
            table(("source of counters", "diagnosis", "added"), added()),
            "",
            "Counters of many hosts in a bundle, two gateway pods, user CPU time and peak memory of the whole process:",
            "",
            table(("hosts", "in the last 6 hours", "values", "CPU time", "peak memory"), many()),
        ]
    )
