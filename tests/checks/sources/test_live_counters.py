"""Counters of a live cluster by its configuration: from pods, a Prometheus, or none."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.config.configuration_file import ConfigError, parse
from checks.facts.fact import CountersWanted, Gap, PodName, ProxyGroup, ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.model.findings import Report, Status
from checks.sources.access import kubeconfig_access
from checks.sources.kubernetes import KubernetesReader
from checks.sources.live import close_sources, open_source
from checks.sources.replies import Failure
from checks.sources.run import run
from checks.sources.source import NotCovered, Objects
from tests.checks.sources.test_prometheus import GROWING, series
from tests.clusters.compose import named
from tests.loopback.kube import Fault, KubeServer
from tests.loopback.prometheus import PrometheusServer
from tests.recordings import question

pytestmark = pytest.mark.slow

POD = PodName("team-egress", "egw-asm-1-30-abc")
SERVICE = "egw.team-egress.svc.cluster.local"
WANTED = CountersWanted((ProxyGroup(ProxyRole.GATEWAY, "team-egress", ("egw-asm-1-30",), (POD,), SERVICE),))
LABELS = 'reporter="source",destination_service="edition.cnn.com",response_code="200",response_flags="-"'
PAGE = f"# TYPE istio_requests_total counter\nistio_requests_total{{{LABELS}}} 41\n".encode()
PATH = r"/api/v1/namespaces/team-egress/pods/egw-asm-1-30-\w+:15090/proxy/stats/prometheus$"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_sources()


def entry(server: KubeServer, folder: Path, **settings: Any) -> ClusterConfig:
    folder.mkdir(exist_ok=True)
    return ClusterConfig(name="aks1", kubeconfig=str(server.kubeconfig(folder)), azure="none", **settings)


def report_of(config: ClusterConfig) -> Report:
    *_, found = run(open_source(config), question(named("base"), "team-egress/egw"), catalogue(), 60)
    assert isinstance(found, Report)
    return found


def status_of(report: Report) -> tuple[Status, str]:
    (found,) = [each for each in report.findings if each.code == "EG524"]
    return found.status, found.summary


def test_a_page_of_a_pod_is_read_through_the_api_server(tmp_path: Path) -> None:
    with KubeServer(named("base"), faults=[Fault(PATH, body=PAGE, kind="text/plain")]) as server:
        reader = KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None))
        page = reader.pod_page(POD, 15090, "/stats/prometheus", {"filter": "a|b"}, 1000, monotonic() + 10)
        assert page == PAGE
        with pytest.raises(Failure, match="more than"):
            reader.pod_page(POD, 15090, "/stats/prometheus", {}, 10, monotonic() + 10)
        reader.close()


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refused_page_is_a_gap(status: int, tmp_path: Path) -> None:
    with KubeServer(named("base"), faults=[Fault(PATH, status=status)]) as server:
        answer = open_source(entry(server, tmp_path, metrics="pods")).proxy_counters(WANTED, monotonic() + 10)
    assert answer == Gap("metrics", "get", "pods/proxy", status, "injected")


def test_each_pod_is_sampled_twice(tmp_path: Path) -> None:
    with KubeServer(named("base"), faults=[Fault(PATH, body=PAGE, kind="text/plain")]) as server:
        config = entry(server, tmp_path, metrics="pods")
        found = open_source(config).proxy_counters(WANTED, monotonic() + 20)
        assert isinstance(found, Objects)
        (proxy,) = map(ProxyTraffic, found.raw)
        assert len(proxy.times) == 2
        window = proxy.window()
        assert window is not None
        assert (window.increases, proxy.series[0]["values"]) == ((), [41, 41])


def test_the_second_sample_waits_beside_the_other_reads(tmp_path: Path) -> None:
    slow = [Fault("/apis/admissionregistration.k8s.io/", hang=3), Fault(PATH, body=PAGE, kind="text/plain")]
    seconds, reports = {}, {}
    for metrics in ("none", "pods"):
        with KubeServer(named("base"), faults=slow) as server:
            began = monotonic()
            reports[metrics] = report_of(entry(server, tmp_path / metrics, metrics=metrics))
            seconds[metrics] = monotonic() - began
    assert seconds["none"] >= 3
    assert seconds["pods"] - seconds["none"] < 2.5  # a machine that does other work
    traffic = reports["pods"].traffic
    assert traffic is not None
    seconds_of_window = int(traffic.summary.removeprefix("no requests in ").removesuffix(" s"))
    assert 2 < seconds_of_window < 7


def test_without_the_permission_the_report_says_how_to_get_it(tmp_path: Path) -> None:
    with KubeServer(named("base"), faults=[Fault("/proxy/", status=403)]) as server:
        report = report_of(entry(server, tmp_path, metrics="pods"))
    assert status_of(report)[0] is Status.UNKNOWN
    (reason,) = [each for each in report.not_checked if "traffic-failing" in each.checks]
    assert "pods/proxy, 403" in reason.reason
    assert "rbac.readProxyCounters=true" in reason.actions[0].title


def test_the_counters_of_a_prometheus_are_in_the_report(tmp_path: Path) -> None:
    pods = ["egw-asm-1-30-abc", "egw-asm-1-30-def"]
    with KubeServer(named("base")) as server, PrometheusServer([series(GROWING, pod=each) for each in pods]) as metrics:
        config = entry(server, tmp_path, metrics={"prometheus": metrics.url})
        report = report_of(config)
    assert status_of(report) == (
        Status.PASS,
        "None of 100 recent requests through egress gateway team-egress/egw failed.",
    )
    assert report.traffic is not None
    assert report.traffic.summary == "100 requests in 5 min, none failed"


def test_a_prometheus_that_refuses_the_token_makes_only_this_check_unknown(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("wrong")
    with KubeServer(named("base")) as server, PrometheusServer(require="right") as metrics:
        config = entry(server, tmp_path, metrics={"prometheus": metrics.url, "auth": {"token_file": str(token)}})
        report = report_of(config)
        without = report_of(entry(server, tmp_path))
    assert status_of(report) == (Status.UNKNOWN, "Not checked: query prometheus: not authenticated (401).")
    others = [each for each in report.findings if each.code != "EG524"]
    assert [(each.code, each.status) for each in others] == [
        (each.code, each.status) for each in without.findings if each.code != "EG524"
    ]
    (reason,) = [each for each in report.not_checked if "traffic-failing" in each.checks]
    assert reason.reason.startswith("Prometheus did not return the proxies' counters: 401")


def test_istiod_that_does_not_answer_hides_nothing_of_the_gateway(tmp_path: Path) -> None:
    faults = [Fault(PATH, body=PAGE, kind="text/plain"), Fault(":15014/proxy/", status=503)]
    with KubeServer(named("base"), faults=faults) as server:
        report = report_of(entry(server, tmp_path, metrics="pods"))
    assert status_of(report)[0] is not Status.UNKNOWN
    assert any("pods/proxy istiod" in each for each in report.gaps)


def test_none_is_the_default_and_reads_nothing(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        assert open_source(entry(server, tmp_path)).proxy_counters(WANTED, monotonic() + 10) == NotCovered()
        assert not server.requests


HEAD = "clusters:\n- {name: a, kubeconfig: k, azure: none, metrics: "
URL = "https://prometheus.example"


@pytest.mark.parametrize(
    "written",
    ["none", "pods", "{prometheus: 'http://prometheus.monitoring:9090'}", f"{{prometheus: '{URL}', auth: entra}}"],
)
def test_a_valid_source_of_counters(written: str) -> None:
    assert parse(f"{HEAD}{written}}}", Path("c.yaml")).clusters


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("all", "metrics: expected"),
        ("{prometheus: 'prometheus:9090'}", "expected a URL"),
        ("{prometheus: 'https://u:secret@x'}", "without user, password"),
        ("{prometheus: 'http://prometheus.monitoring', auth: entra}", "not sent over plain HTTP"),
        ("{prometheus: 'http://prometheus.monitoring', auth: {token_file: t}}", "not sent over plain HTTP"),
        (f"{{prometheus: '{URL}', auth: basic}}", "metrics.auth: expected"),
        (f"{{prometheus: '{URL}', token: x}}", "unknown key"),
        ("{auth: entra}", "missing"),
    ],
)
def test_an_invalid_source_is_refused_with_what_was_expected(written: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(f"{HEAD}{written}}}", Path("c.yaml"))
    assert expected in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_token_file_is_relative_to_the_configuration() -> None:
    written = f"{HEAD}{{prometheus: '{URL}', auth: {{token_file: token}}}}}}"
    (cluster,) = parse(written, Path("/etc/egress-diag/config.yaml")).clusters
    assert "token_file=PosixPath('/etc/egress-diag/token')" in repr(cluster.metrics)


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        ("https://amw-x.westeurope.prometheus.monitor.azure.com", "https://prometheus.monitor.azure.com/.default"),
        ("https://amw-x.china.prometheus.monitor.azure.cn", "https://prometheus.monitor.azure.cn/.default"),
        (URL, "https://prometheus.monitor.azure.com/.default"),
    ],
)
def test_the_scope_of_an_entra_token_is_that_of_the_cloud(url: str, scope: str) -> None:
    (cluster,) = parse(f"{HEAD}{{prometheus: '{url}', auth: entra}}}}", Path("c.yaml")).clusters
    assert getattr(cluster.metrics, "scope", "") == scope
