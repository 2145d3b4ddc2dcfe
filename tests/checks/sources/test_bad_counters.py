"""Unusable counters: not checked with the reason, never healthy, never a failure.

Each is read from a live cluster, as a whole diagnosis.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.model.findings import Report, Status, Verdict
from checks.sources.live import close_sources, open_source
from checks.sources.run import run
from tests.checks.sources.test_prometheus import GROWING, series
from tests.clusters.compose import named
from tests.loopback.kube import Fault, KubeServer
from tests.loopback.prometheus import PrometheusServer
from tests.recordings import question

pytestmark = pytest.mark.slow

PAGE = r"/api/v1/namespaces/team-egress/pods/egw-asm-1-30-\w+:15090/proxy/stats/prometheus$"
TYPE = "# TYPE istio_requests_total counter\n"
LABELS = 'reporter="source",destination_service="edition.cnn.com",response_code="200",response_flags="-"'
PODS = ("egw-asm-1-30-abc", "egw-asm-1-30-def")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_sources()


def report_of(folder: Path, metrics: Any, faults: tuple[Fault, ...] = ()) -> Report:
    with KubeServer(named("base"), faults=list(faults)) as server:
        folder.mkdir(exist_ok=True)
        entry = ClusterConfig(name="aks1", kubeconfig=str(server.kubeconfig(folder)), azure="none", metrics=metrics)
        *_, found = run(open_source(entry), question(named("base"), "team-egress/egw"), catalogue(), 60)
    assert isinstance(found, Report)
    return found


@cache
def without_counters(folder: Path) -> Report:
    return report_of(folder, "none")


def of_prometheus(values: list[Any], **labels: str) -> list[Any]:
    return [series(values, pod=each, **labels) for each in PODS]


def judge(report: Report, reason: str, folder: Path) -> None:
    (found,) = [each for each in report.findings if each.code == "EG524"]
    assert found.status is Status.UNKNOWN, found.summary
    assert reason in found.summary, found.summary
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.traffic is not None
    assert report.traffic.problem
    assert not any(each.failed for each in report.traffic.hosts)
    plain = without_counters(folder / "plain")
    assert [(each.code, each.status) for each in report.findings if each.code != "EG524"] == [
        (each.code, each.status) for each in plain.findings if each.code != "EG524"
    ]
    assert not any(each.doubt for each in report.findings)


def body(**found: Any) -> bytes:
    return json.dumps(found).encode()


ANSWERS = {
    "401": ((401, {}, b""), "401"),
    "403 of a wrong tenant": ((403, {}, body(error={"code": "Forbidden", "message": "tenant mismatch"})), "403"),
    "429": ((429, {"Retry-After": "60"}, b""), "429"),
    "500": ((500, {}, b"oops"), "500"),
    "another shape": ((200, {}, b'{"status":"success","data":[1]}'), "does not have the form"),
    "a page to sign in": ((200, {}, b"<html>sign in</html>"), "does not have the form"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_a_prometheus_that_is_none(name: str, tmp_path: Path) -> None:
    answer, reason = ANSWERS[name]
    with PrometheusServer(answer=answer) as server:
        judge(report_of(tmp_path / "it", {"prometheus": server.url}), reason, tmp_path)


SERIES: dict[str, tuple[Callable[[], list[Any]], dict[str, float], str]] = {
    "NaN": (lambda: of_prometheus([*GROWING[:-1], "NaN"]), {}, "not a count"),
    "stale samples": (lambda: of_prometheus(GROWING), {"age": 900.0}, "15 min old"),
    "a reset before the newest sample": (
        lambda: of_prometheus([*GROWING[:-1], 3]),
        {},
        "restarted between the samples",
    ),
    "one sample": (lambda: of_prometheus([None] * 16 + [9]), {}, "only one sample"),
    "no label of the code": (lambda: of_prometheus(GROWING, response_code=""), {}, "no label response_code"),
    "no label of the flags": (lambda: of_prometheus(GROWING, response_flags=""), {}, "no label response_flags"),
    "no pod of the gateway": (list, {}, "may not scrape the pod"),
    "too many series": (
        lambda: [series(GROWING, destination_service=f"h{number}.example") for number in range(5_001)],
        {},
        "more than 5,000 counters",
    ),
}


@pytest.mark.parametrize("name", SERIES)
def test_series_of_a_prometheus_that_show_nothing(name: str, tmp_path: Path) -> None:
    made, settings, reason = SERIES[name]
    with PrometheusServer(made(), age=settings.get("age", 10.0)) as server:
        judge(report_of(tmp_path / "it", {"prometheus": server.url}), reason, tmp_path)


def test_a_clock_that_differs_is_no_problem(tmp_path: Path) -> None:
    with PrometheusServer(of_prometheus(GROWING), skew=7200.0) as server:
        report = report_of(tmp_path, {"prometheus": server.url})
    (found,) = [each for each in report.findings if each.code == "EG524"]
    assert found.status is Status.PASS


def test_a_reset_before_older_samples_leaves_the_newer_ones(tmp_path: Path) -> None:
    with PrometheusServer(of_prometheus([*[1000] * 12, 1, 2, 3, 4, 5])) as server:
        report = report_of(tmp_path, {"prometheus": server.url})
    assert report.traffic is not None
    assert (report.traffic.summary, report.traffic.problem) == ("8 requests in 4 min, none failed", "")


def page(*lines: str) -> bytes:
    return (TYPE + "\n".join(lines) + "\n").encode()


def counter(value: object, labels: str = LABELS) -> str:
    return f"istio_requests_total{{{labels}}} {value}"


PAGES: dict[str, tuple[Callable[[], tuple[Fault, ...]], str]] = {
    "403": (lambda: (Fault(PAGE, status=403),), "403"),
    "429": (lambda: (Fault(PAGE, status=429),), "429"),
    "NaN": (lambda: (Fault(PAGE, body=page(counter("NaN")), kind="text/plain"),), "not a count"),
    "no page": (lambda: (Fault(PAGE, body=b"upstream connect error", kind="text/plain"),), "not a page of metrics"),
    "100,000 series": (
        lambda: (
            Fault(
                PAGE,
                body=page(*(counter(1, LABELS.replace("edition", f"h{number}")) for number in range(100_000))),
                kind="text/plain",
            ),
        ),
        "more than 5,000 counters",
    ),
    "17 MiB": (lambda: (Fault(PAGE, body=b"# " * (17 * 2**19), kind="text/plain"),), "more than 16 MiB"),
    "100,000 short series": (
        lambda: (
            Fault(PAGE, body=page(*(f'istio_requests_total{{a="{n}"}} 1' for n in range(100_000))), kind="text/plain"),
        ),
        "more than 50,000 counters",
    ),
    "a restart between the samples": (
        lambda: (
            Fault(PAGE, body=page(counter(900)), kind="text/plain", times=2),
            Fault(PAGE, body=page(counter(3)), kind="text/plain"),
        ),
        "restarted between the samples",
    ),
    "a connection that is closed": (lambda: (Fault(PAGE, close=True),), "closed the connection"),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_pods_that_show_nothing(name: str, tmp_path: Path) -> None:
    made, reason = PAGES[name]
    judge(report_of(tmp_path / "it", "pods", made()), reason, tmp_path)


def test_ten_megabytes_of_other_counters_are_read(tmp_path: Path) -> None:
    other = counter(1).replace("requests_total", "request_bytes_bucket")
    big = page(counter(5), *[other] * (10_000_000 // len(other)))
    report = report_of(tmp_path, "pods", (Fault(PAGE, body=big, kind="text/plain"),))
    assert report.traffic is not None
    assert report.traffic.problem == ""
