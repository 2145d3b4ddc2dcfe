"""Counters of a real Envoy through the pod proxy of a real API server.

No kubelet is needed: the API server connects to the address and port of the pod itself. It refuses loopback addresses, so the
Envoy listens at another address of this machine.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml

from checks.facts.fact import CountersWanted, Gap, PodName, ProxyGroup, ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.sources.access import kubeconfig_access
from checks.sources.kubernetes import KubernetesReader
from checks.sources.pod_counters import PodCounters
from checks.sources.source import Answer, Objects, OtherReads
from tests.loopback.apiserver import UNPRIVILEGED, ApiServer
from tests.loopback.real_prometheus import RealEnvoy, envoy_program

ASSETS = os.environ.get("KUBEBUILDER_ASSETS")  # noqa: TID251 - the ecosystem's convention for tests
RIGHTS = Path(__file__).parents[2] / "helm/egress-diag/files/proxy-counters.yaml"
STATS = 15090

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not ASSETS, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"),
]


def own_address() -> str:
    """An IPv4 address of this machine that is not loopback; skips the test without one."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as found:
        try:
            found.connect(("203.0.113.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has only loopback addresses")
        return str(found.getsockname()[0])


def pod(name: str, address: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "team-egress"},
        "spec": {"nodeName": "aks-apps-0", "containers": [{"name": "istio-proxy", "image": "x"}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    }


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealEnvoy]:
    folder = tmp_path_factory.mktemp("envoy")
    opened = RealEnvoy(envoy_program(), folder, "edition.cnn.com", own_address(), STATS)
    yield opened
    opened.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(Path(str(ASSETS)), tmp_path_factory.mktemp("apiserver")) as opened:
        address = own_address()
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-egress"}}
        pods = [pod("counting", address), pod("loopback", "127.0.0.1")]
        opened.create([namespace, *pods])
        yield opened


def counters(server: ApiServer, *names: str, token: str | None = None, during: OtherReads | None = None) -> Answer:
    pods = tuple(PodName("team-egress", each) for each in names)
    wanted = CountersWanted(
        (ProxyGroup(ProxyRole.GATEWAY, "team-egress", (), pods, "egw.team-egress.svc.cluster.local"),)
    )
    path = server.kubeconfig(token) if token is not None else server.kubeconfig()
    reader = KubernetesReader(kubeconfig_access(path, None))
    try:
        return PodCounters(reader, shortest=0.2).proxy_counters(wanted, monotonic() + 20, during)
    finally:
        reader.close()


class Traffic:
    """The other reads of a run, during which requests are denied and connections fail."""

    def __init__(self, envoy: RealEnvoy) -> None:
        self.envoy = envoy

    def wait(self, timeout: float) -> bool:
        del timeout
        self.envoy.denied(4)
        self.envoy.connect(3)
        return True


def increases(answer: Answer) -> dict[str, float]:
    assert isinstance(answer, Objects), answer
    window = ProxyTraffic(answer.raw[0]).window()
    assert window is not None
    return {each.metric: each.amount for each in window.increases}


def test_the_counters_of_a_pod_are_read_through_the_api_server(server: ApiServer, envoy: RealEnvoy) -> None:
    found = increases(counters(server, "counting", during=Traffic(envoy)))
    assert (found["envoy_http_rbac_denied"], found["envoy_cluster_upstream_cx_connect_fail"]) == (4, 3)


def test_the_api_server_refuses_a_loopback_address(server: ApiServer, envoy: RealEnvoy) -> None:
    del envoy
    answer = counters(server, "counting", "loopback")
    assert isinstance(answer, Objects)
    assert [each["pod"] for each in answer.raw] == ["counting"]
    (gap,) = answer.missing
    assert (gap.resource, gap.name) == ("pods/proxy", "loopback")
    assert "address not allowed" in gap.message


def test_a_pod_that_does_not_listen_is_a_failed_read(server: ApiServer) -> None:
    server.create([pod("closed", own_address())])
    reader = KubernetesReader(kubeconfig_access(server.kubeconfig(), None))
    wanted = CountersWanted((ProxyGroup(ProxyRole.ISTIOD, "", (), (PodName("team-egress", "closed"),)),))
    answer = PodCounters(reader, shortest=0.1).proxy_counters(wanted, monotonic() + 20)
    reader.close()
    assert isinstance(answer, Gap)
    assert answer.status == 503
    assert "connection refused" in answer.message


def test_the_role_of_the_chart_is_needed_and_enough(server: ApiServer, envoy: RealEnvoy) -> None:
    refused = counters(server, "counting", token=UNPRIVILEGED)
    assert isinstance(refused, Gap)
    assert (refused.status, refused.resource) == (403, "pods/proxy")
    api = "/apis/rbac.authorization.k8s.io/v1"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "counters"}}
    server.ask("POST", f"{api}/clusterroles", {**role, "rules": yaml.safe_load(RIGHTS.read_text())})
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "counters"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "counters"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "unprivileged"}],
    }
    server.ask("POST", f"{api}/clusterrolebindings", binding)
    found = increases(counters(server, "counting", token=UNPRIVILEGED, during=Traffic(envoy)))
    assert found["envoy_http_rbac_denied"] == 4
