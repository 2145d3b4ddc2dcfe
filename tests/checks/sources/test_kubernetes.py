"""The official Kubernetes client against an API server's wire format.

The tests read pages, versions, errors and time-outs.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import orjson
import pytest
import trustme

from checks.facts.barrier import Barrier
from checks.facts.fact import Gap, Listed, PodName
from checks.facts.gateway_api import HTTPRoute
from checks.facts.istio_networking import VirtualService
from checks.facts.namespaces import ConfigMap, Secret
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.workloads import ControllerRevision, Deployment, HorizontalPodAutoscaler
from checks.sources.access import kubeconfig_access
from checks.sources.kubernetes import KubernetesReader
from checks.sources.source import Answer, NotInstalled, Objects
from tests.clusters.compose import Cluster, compose, named
from tests.loopback.kube import VERSION, Fault, KubeServer

pytestmark = pytest.mark.slow

GATEWAY_POD = PodName("team-egress", "egw-asm-1-30-abc")

Reader = Callable[[KubeServer], KubernetesReader]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Readers of loopback servers, closed after the test."""
    opened: list[KubernetesReader] = []

    def read(server: KubeServer) -> KubernetesReader:
        opened.append(KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None)))
        return opened[-1]

    yield read
    for each in opened:
        each.close()


def soon(seconds: float = 10) -> float:
    return monotonic() + seconds


def names(answer: Answer) -> list[str]:
    assert isinstance(answer, Objects), answer
    return [f"{each['metadata'].get('namespace', '')}/{each['metadata']['name']}" for each in answer.raw]


def pods_of(count: int) -> Cluster:
    base = named("base")
    pod = next(each for each in base.objects if each["kind"] == "Pod")
    many = [{**pod, "metadata": {**pod["metadata"], "name": f"pod-{number:05}"}} for number in range(count)]
    return replace(base, objects=(*(each for each in base.objects if each["kind"] != "Pod"), *many))


def with_error(resource: str, status: int, message: str = "no", source: str = "kubernetes") -> Cluster:
    error = {"source": source, "resource": resource, "namespace": None, "status": status, "message": message}
    return replace(named("base"), errors=(error,))


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_every_pod_has_kind_and_apiversion(tls: bool, reader: Reader) -> None:
    with KubeServer(named("base"), authority=trustme.CA() if tls else None) as server:
        answer = reader(server).list_objects(Pod.origin, soon())
    assert "team-egress/egw-asm-1-30-abc" in names(answer)
    assert isinstance(answer, Objects)
    assert {(each["apiVersion"], each["kind"]) for each in answer.raw} == {("v1", "Pod")}


def test_a_long_list_is_read_in_pages_over_one_connection(reader: Reader) -> None:
    with KubeServer(pods_of(1201)) as server:
        found = names(reader(server).list_objects(Pod.origin, soon()))
        assert server.requests["/api/v1/pods"] == 3
        assert server.connections == 1
    assert len(found) == len(set(found)) == 1201


def test_a_kind_of_one_namespace_is_read_there_only(reader: Reader) -> None:
    revisions = [
        {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"namespace": namespace, "name": "r1", "creationTimestamp": "2026-11-01T08:00:00Z"},
            "revision": 1,
            "data": {"spec": {"template": {"spec": {"containers": [{"name": "cnimanager", "args": ["serve"]}]}}}},
        }
        for namespace in ("aks-static-egress-gateway", "team-a")
    ]
    with KubeServer(compose(named("base"), {"add": revisions})) as server:
        answer = reader(server).list_objects(ControllerRevision.origin, soon())
        path = "/apis/apps/v1/namespaces/aks-static-egress-gateway/controllerrevisions"
        assert server.requests == {path: 1}
    assert names(answer) == ["aks-static-egress-gateway/r1"]
    assert isinstance(answer, Objects)
    assert ControllerRevision(answer.raw[0]).template_containers[0]["args"] == ["serve"]


def test_fields_that_no_check_reads_are_removed(reader: Reader) -> None:
    cluster = compose(
        named("base"),
        {
            "change": [
                {
                    "kind": "Pod",
                    "metadata": {
                        "namespace": "team-egress",
                        "name": "egw-asm-1-30-abc",
                        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
                        "managedFields": [
                            {
                                "manager": "kubelet",
                                "time": "2026-11-16T10:00:00Z",
                                "fieldsV1": {"f:status": {"f:x": {}}},
                            }
                        ],
                    },
                    "spec": {
                        "volumes": [{"name": "v"}],
                        "containers": [{"name": "istio-proxy", "env": [{"name": "A"}]}],
                    },
                }
            ]
        },
    )
    with KubeServer(cluster) as server:
        answer = reader(server).list_objects(Pod.origin, soon())
    assert isinstance(answer, Objects)
    pod = next(each for each in answer.raw if each["metadata"]["name"] == "egw-asm-1-30-abc")
    assert "volumes" not in pod["spec"]
    assert pod["spec"]["containers"] == [{"name": "istio-proxy"}]
    assert "kubectl.kubernetes.io/last-applied-configuration" not in pod["metadata"]["annotations"]
    assert pod["metadata"]["managedFields"] == [
        {"manager": "kubelet", "time": "2026-11-16T10:00:00Z", "fieldsV1": {"f:status": {}}}
    ]
    assert Pod(pod).proxy is not None
    assert Pod(pod).static_gateway_configuration == "sgc"


def test_a_secret_shows_its_keys_and_never_its_values(reader: Reader) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "client-credential", "namespace": "team-egress"},
        "data": {"tls.key": "c2VjcmV0", "tls.crt": "Y2VydA=="},
    }
    with KubeServer(compose(named("base"), {"add": [secret]})) as server:
        answer = reader(server).list_objects(Secret.origin, soon())
    assert isinstance(answer, Objects)
    found = Secret(next(each for each in answer.raw if each["metadata"]["name"] == "client-credential"))
    assert (found.raw["kind"], found.raw["apiVersion"]) == ("Secret", "v1")
    assert found.keys == ("tls.crt", "tls.key")
    assert "c2VjcmV0" not in str(answer.raw)


def test_only_config_maps_of_the_mesh_keep_their_data(reader: Reader) -> None:
    own = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "app", "namespace": "team-a"},
        "data": {"a": "b"},
    }
    with KubeServer(compose(named("base"), {"add": [own]})) as server:
        answer = reader(server).list_objects(ConfigMap.origin, soon())
    assert isinstance(answer, Objects)
    with_data = {each["metadata"]["namespace"] for each in answer.raw if each.get("data")}
    assert "aks-istio-system" in with_data
    assert "team-a" not in with_data


def test_an_older_version_is_read_if_the_newest_is_not_served(reader: Reader) -> None:
    old = {"virtualservices.networking.istio.io": ("v1beta1",), "horizontalpodautoscalers.autoscaling": ("v1",)}
    with KubeServer(named("base"), versions=old) as server:
        found = reader(server)
        routes = found.list_objects(VirtualService.origin, soon())
        scalers = found.list_objects(HorizontalPodAutoscaler.origin, soon())
        assert server.requests["/apis/networking.istio.io/v1/virtualservices"] == 1
    assert isinstance(routes, Objects)
    assert {each["apiVersion"] for each in routes.raw} == {"networking.istio.io/v1beta1"}
    assert isinstance(scalers, Objects)
    assert {each["apiVersion"] for each in scalers.raw} == {"autoscaling/v1"}


def test_a_kind_that_is_not_installed(reader: Reader) -> None:
    with KubeServer(compose(named("base"), {"absent_kinds": [StaticGatewayConfiguration.origin.resource]})) as server:
        found = reader(server)
        assert found.list_objects(StaticGatewayConfiguration.origin, soon()) == NotInstalled()
    assert HTTPRoute.origin.may_be_absent


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503, 504])
def test_an_error_is_a_gap_with_the_servers_message(status: int, reader: Reader) -> None:
    message = 'deployments.apps is forbidden: User "diag" cannot list resource "deployments"'
    with KubeServer(with_error("deployments.apps", status, message)) as server:
        answer = reader(server).list_objects(Deployment.origin, soon())
    assert answer == Gap("kubernetes", "list", "deployments.apps", status, message)


def test_a_token_in_an_error_message_is_redacted(reader: Reader) -> None:
    with KubeServer(with_error("pods", 403, "bad Authorization: Bearer abc123def456ghi789")) as server:
        answer = reader(server).list_objects(Pod.origin, soon())
    assert isinstance(answer, Gap)
    assert "abc123" not in answer.message


def test_a_throttled_request_is_repeated_after_retry_after(reader: Reader) -> None:
    fault = Fault("/pods$", status=429, message="too many requests", retry_after=1, times=1)
    with KubeServer(named("base"), faults=[fault]) as server:
        began = monotonic()
        assert names(reader(server).list_objects(Pod.origin, soon()))
    assert monotonic() - began >= 1


def test_continued_throttling_is_a_gap_before_the_deadline(reader: Reader) -> None:
    with KubeServer(named("base"), faults=[Fault("/pods$", status=429, retry_after=4)]) as server:
        began = monotonic()
        answer = reader(server).list_objects(Pod.origin, soon(7))
        assert monotonic() - began < 7
    assert isinstance(answer, Gap)
    assert answer.status == 429


def test_a_list_whose_pages_repeat_is_a_gap(reader: Reader) -> None:
    """Before, such a list was read until the deadline, into 700 MB."""
    pods = [{"metadata": {"namespace": "shop", "name": f"web-{number}"}} for number in range(500)]
    page = orjson.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "again"}, "items": pods})
    with KubeServer(named("base"), faults=[Fault("/pods$", body=page)]) as server:
        answer = reader(server).list_objects(Pod.origin, soon(20))
        assert server.requests["/api/v1/pods"] == 2
    assert isinstance(answer, Gap)
    assert (answer.status, answer.message) == (502, "the API server repeats a page of the list")


def test_a_list_without_end_is_read_up_to_its_largest_size(tmp_path: Path) -> None:
    with KubeServer(pods_of(6000)) as server:
        reader = KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None), max_list=2**20)
        answer = reader.list_objects(Pod.origin, soon(20))
        reader.close()
        assert 1 < server.requests["/api/v1/pods"] < 12
    assert isinstance(answer, Gap)
    assert (answer.status, answer.message) == (502, "the list has more than 1 MiB")


def test_a_list_that_expires_is_read_again(reader: Reader) -> None:
    expired = Fault("/pods$", status=410, message="The provided continue parameter is too old", after=1, times=1)
    with KubeServer(pods_of(1100), faults=[expired]) as server:
        found = names(reader(server).list_objects(Pod.origin, soon()))
        assert server.requests["/api/v1/pods"] == 5
    assert len(found) == len(set(found)) == 1100


def test_a_list_that_keeps_expiring_is_a_gap(reader: Reader) -> None:
    with KubeServer(pods_of(1100), faults=[Fault("/pods$", status=410, message="too old", after=1)]) as server:
        answer = reader(server).list_objects(Pod.origin, soon())
    assert isinstance(answer, Gap)
    assert answer.status == 410


def test_a_server_that_does_not_answer_is_a_gap_at_the_deadline(reader: Reader) -> None:
    with KubeServer(named("base"), faults=[Fault("/pods$", hang=30)]) as server:
        began = monotonic()
        answer = reader(server).list_objects(Pod.origin, soon(0.7))
        assert 0.6 < monotonic() - began < 20
    assert isinstance(answer, Gap)
    assert (answer.status, answer.message) == (504, f"{server.url} does not answer in time")


def test_a_closed_connection_is_retried_once(reader: Reader) -> None:
    with KubeServer(named("base"), faults=[Fault("/pods$", close=True, times=1)]) as server:
        assert names(reader(server).list_objects(Pod.origin, soon()))


def test_a_server_that_closes_every_connection(reader: Reader) -> None:
    with KubeServer(named("base"), faults=[Fault("/pods$", close=True)]) as server:
        answer = reader(server).list_objects(Pod.origin, soon())
        assert server.requests["/api/v1/pods"] == 2
    assert answer == Gap("kubernetes", "list", "pods", 0, f"{server.url} closed the connection", barrier=Barrier.CLOSED)


def test_a_refused_connection(reader: Reader) -> None:
    with KubeServer(named("base")) as server:
        found = reader(server)
    began = monotonic()
    assert found.list_objects(Pod.origin, soon()) == Gap(
        "kubernetes", "list", "pods", 0, f"{server.url} refuses the connection", barrier=Barrier.REFUSED
    )
    assert monotonic() - began < 15


def test_a_connection_that_times_out(reader: Reader, tmp_path: Path) -> None:
    # A listener with a full backlog accepts no connection, like a firewall that drops packets.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        path = tmp_path / "kubeconfig"
        with KubeServer(named("base")) as server:
            written = server.kubeconfig(tmp_path).read_text()
        path.write_text(written.replace(server.url, f"http://127.0.0.1:{full.getsockname()[1]}"))
        found = KubernetesReader(kubeconfig_access(path, None))
        began = monotonic()
        answer = found.list_objects(Pod.origin, soon(1))
        took = monotonic() - began
        found.close()
        for each in fillers:
            each.close()
    assert isinstance(answer, Gap)
    assert answer.status == 504
    assert took < 30


def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        path = server.kubeconfig(tmp_path)
    path.write_text(path.read_text().replace(server.url, "https://aks1.does-not-exist.invalid"))
    found = KubernetesReader(kubeconfig_access(path, None))
    answer = found.list_objects(Pod.origin, soon())
    found.close()
    assert isinstance(answer, Gap)
    assert (answer.status, answer.message) == (0, "the name of https://aks1.does-not-exist.invalid cannot be resolved")


def test_a_certificate_of_another_authority(tmp_path: Path) -> None:
    with KubeServer(named("base"), authority=trustme.CA()) as server:
        path = server.kubeconfig(tmp_path)
        (tmp_path / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
        found = KubernetesReader(kubeconfig_access(path, None))
        answer = found.list_objects(Pod.origin, soon())
        found.close()
    assert isinstance(answer, Gap)
    assert answer.status == 0
    assert answer.message.startswith(f"TLS with {server.url} failed: its certificate is not trusted: ")


def test_an_html_page_of_a_proxy(reader: Reader) -> None:
    with KubeServer(named("base"), faults=[Fault("/pods$", body=b"<html>Log in</html>")]) as server:
        answer = reader(server).list_objects(Pod.origin, soon())
    assert answer == Gap("kubernetes", "list", "pods", 502, "the answer is not JSON from an API server")


def test_the_version(reader: Reader) -> None:
    with KubeServer(named("base")) as server:
        assert reader(server).server_version(soon()) == Objects(({"major": "1", "minor": "33", "gitVersion": VERSION},))


def test_the_newest_lines_of_a_log(reader: Reader) -> None:
    cluster = compose(named("base"), {"logs": {f"{GATEWAY_POD}/istio-proxy": "one\ntwo\nthree\n"}})
    with KubeServer(cluster) as server:
        answer = reader(server).pod_log(GATEWAY_POD, "istio-proxy", 2, soon())
    assert isinstance(answer, Objects)
    assert answer.raw == (
        {"namespace": "team-egress", "pod": "egw-asm-1-30-abc", "container": "istio-proxy", "text": "two\nthree"},
    )


def test_a_container_that_waits_to_start_has_no_log(reader: Reader) -> None:
    cluster = compose(
        named("base"),
        {
            "logs": {f"{GATEWAY_POD}/istio-proxy": None},
            "change": [
                {
                    "kind": "Pod",
                    "metadata": {"namespace": "team-egress", "name": "egw-asm-1-30-abc"},
                    "status": {
                        "containerStatuses": [
                            {"name": "istio-proxy", "state": {"waiting": {"reason": "ContainerCreating"}}}
                        ]
                    },
                }
            ],
        },
    )
    with KubeServer(cluster) as server:
        answer = reader(server).pod_log(GATEWAY_POD, "istio-proxy", 100, soon())
    assert isinstance(answer, Objects)
    assert answer.raw[0]["text"] == ""


def test_a_log_that_may_not_be_read(reader: Reader) -> None:
    with KubeServer(with_error("pods/log", 403, "no", source="logs")) as server:
        answer = reader(server).pod_log(GATEWAY_POD, "istio-proxy", 100, soon())
    assert answer == Gap("logs", "get", "pods/log", 403, "no", "team-egress", "egw-asm-1-30-abc")


def test_the_log_of_a_deleted_pod(reader: Reader) -> None:
    with KubeServer(named("base")) as server:
        answer = reader(server).pod_log(PodName("team-egress", "gone"), "istio-proxy", 100, soon())
    assert isinstance(answer, Gap)
    assert answer.status == 404


def test_no_request_is_sent_after_the_deadline(reader: Reader) -> None:
    with KubeServer(named("base")) as server:
        answer = reader(server).list_objects(Pod.origin, monotonic() - 1)
        assert not server.requests
    assert isinstance(answer, Gap)
    assert answer.status == 504


def test_special_characters_in_names_are_escaped(reader: Reader) -> None:
    with KubeServer(named("base")) as server:
        reader(server).pod_log(PodName("../../version?x=", "a/../b"), "c", 1, soon())
        assert all(path.startswith("/api/v1/namespaces/..%2F..%2Fversion%3Fx%3D/pods/") for path in server.requests)


def test_the_versions_of_a_kind_are_tried_in_order(reader: Reader) -> None:
    nowhere = Listed("example.test", "things", ("v2", "v1"))
    with KubeServer(named("base")) as server:
        assert reader(server).list_objects(nowhere, soon()) == NotInstalled()
        assert list(server.requests) == ["/apis/example.test/v2/things", "/apis/example.test/v1/things"]
