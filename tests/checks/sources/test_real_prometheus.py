"""A real Prometheus and the pods' own pages agree on the same traffic.

An exporter counts as istio-proxy does, and a real Envoy counts connections that fail.
"""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from urllib.parse import urlencode

import pytest

from checks.facts.fact import CountersWanted, PodName, ProxyGroup, ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.sources.pod_counters import PodCounters
from checks.sources.prometheus import Prometheus
from checks.sources.prometheus_counters import PrometheusCounters
from checks.sources.source import Answer, Objects
from tests.loopback.real_prometheus import Exporter, RealEnvoy, RealPrometheus, envoy_program, wait_until
from tests.programs import program

pytestmark = pytest.mark.slow

HOST = "edition.cnn.com"
COUNTING, FAILING = "egw-asm-1-30-abc", "egw-asm-1-30-def"
PODS = tuple(PodName("team-egress", each) for each in (COUNTING, FAILING))
WANTED = CountersWanted(
    (ProxyGroup(ProxyRole.GATEWAY, "team-egress", ("egw-asm-1-30",), PODS, "egw.team-egress.svc.cluster.local"),)
)
Counted = dict[tuple[str, str, str, str], float]


class Ports:
    """The pages of pods on loopback, in place of the API server's proxy."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports

    def pod_page(self, pod: PodName, port: int, path: str, query: dict[str, str], most: int, deadline: float) -> bytes:
        del port, deadline
        address = f"http://127.0.0.1:{self.ports[pod.name]}{path}?{urlencode(query)}"
        with urllib.request.urlopen(address, timeout=5) as answer:
            found: bytes = answer.read(most)
            return found


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    opened = Exporter()
    yield opened
    opened.stop()


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[RealEnvoy]:
    opened = RealEnvoy(envoy_program(), tmp_path, HOST)
    yield opened
    opened.stop()


def counted(answer: Answer) -> dict[str, Counted]:
    """The increases by pod."""
    assert isinstance(answer, Objects), answer
    found: dict[str, Counted] = {}
    for proxy in map(ProxyTraffic, answer.raw):
        if proxy.role == ProxyRole.HISTORY:
            continue
        window = proxy.window()
        assert window is not None, proxy.raw
        assert not window.reset
        found[proxy.key[1]] = {
            (each.metric, each.labels.get("destination_service", ""), each.labels.get("response_code", ""),
             each.labels.get("response_flags", each.labels.get("cluster_name", ""))): each.amount
            for each in window.increases
        }  # fmt: skip
    return found


def test_a_prometheus_and_the_pods_agree(exporter: Exporter, envoy: RealEnvoy, tmp_path: Path) -> None:
    server = program("prometheus")
    exporter.request(HOST, "200", "-", 500)
    envoy.connect(2)
    envoy.denied(1)
    ports = {COUNTING: exporter.port, FAILING: envoy.admin}
    targets = {exporter.port: ("/metrics", COUNTING), envoy.admin: ("/stats/prometheus", FAILING)}
    pods = PodCounters(Ports(ports), shortest=0.0)
    with RealPrometheus(server, tmp_path, targets) as prometheus:
        reader = PrometheusCounters(Prometheus(prometheus.url, str), (), step=1, span=60)
        wait_until(lambda: prometheus.value("istio_requests_total") == 500)
        wait_until(lambda: prometheus.value("envoy_cluster_upstream_cx_connect_fail") == 2)
        wait_until(lambda: prometheus.value("envoy_http_rbac_denied") == 1)
        (first, *_) = (pods.proxy_counters(WANTED, monotonic() + 10),)
        _send(exporter, envoy)
        wait_until(lambda: prometheus.value("istio_requests_total") == 620)
        wait_until(lambda: prometheus.value("envoy_cluster_upstream_cx_connect_fail") == 11)
        wait_until(lambda: prometheus.value("envoy_http_rbac_denied") == 7)
        again = _with_samples(pods, first)
        by_pod, by_prometheus = counted(again), counted(reader.proxy_counters(WANTED, monotonic() + 20))
        wait_until(lambda: _past_requests(reader) >= {77, 40, 3})
        reader.close()
    requests = "istio_requests_total"
    assert (
        by_pod[COUNTING]
        == by_prometheus[COUNTING]
        == {
            (requests, HOST, "200", "-"): 77,
            (requests, HOST, "503", "UF,URX"): 40,
            (requests, "unknown", "404", "NR"): 3,
            ("istio_tcp_connections_opened_total", "www.example.com", "0", "-"): 5,
        }
    )
    failed = ("envoy_cluster_upstream_cx_connect_fail", "", "", f"outbound|443||{HOST}")
    assert by_pod[FAILING][failed] == by_prometheus[FAILING][failed] == 9
    denied = ("envoy_http_rbac_denied", "", "", "")
    assert by_pod[FAILING][denied] == by_prometheus[FAILING][denied] == 6


def _send(exporter: Exporter, envoy: RealEnvoy) -> None:
    exporter.request(HOST, "200", "-", 70)
    exporter.request(HOST, "200", "-", 7, policy="mutual_tls")
    exporter.request(HOST, "503", "UF,URX", 40)
    exporter.request("unknown", "404", "NR", 3)
    exporter.connection("www.example.com", "-", 5)
    envoy.connect(9)
    envoy.denied(6)


def _past_requests(reader: PrometheusCounters) -> set[float]:
    """The increases of requests over the last hours, here with a sample every 5 seconds."""
    answer = reader.proxy_counters(WANTED, monotonic() + 20)
    assert isinstance(answer, Objects)
    windows = [each.window() for each in map(ProxyTraffic, answer.raw) if each.role == ProxyRole.HISTORY]
    return {each.amount for found in windows if found is not None for each in found.increases}


def _with_samples(pods: PodCounters, first: Answer) -> Answer:
    """The newest samples after those of an earlier read, which is too young to be used again."""
    assert isinstance(first, Objects)
    now = pods.proxy_counters(WANTED, monotonic() + 10)
    assert isinstance(now, Objects)
    joined = []
    for before, after in zip(first.raw, now.raw, strict=True):
        old = {_key(each): each["values"][0] for each in before["series"]}
        series = [{**each, "values": [old.get(_key(each)), each["values"][-1]]} for each in after["series"]]
        joined.append({**after, "times": [before["times"][0], after["times"][-1]], "series": series})
    return Objects(tuple(joined))


def _key(series: dict[str, object]) -> str:
    return f"{series['metric']} {series['labels']}"


def test_a_prometheus_that_does_not_scrape_the_gateway_has_no_counters(exporter: Exporter, tmp_path: Path) -> None:
    server = program("prometheus")
    with RealPrometheus(server, tmp_path, {exporter.port: ("/metrics", "another-pod")}) as prometheus:
        wait_until(lambda: prometheus.value("istio_build") == 1)
        reader = PrometheusCounters(Prometheus(prometheus.url, str), (), step=1, span=60)
        assert reader.proxy_counters(WANTED, monotonic() + 20) == Objects(())
        reader.close()
