"""A recorded bundle is complete, contains no secrets, and replays to the same answers."""

import stat
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest
import yaml

from checks.facts.agent_pools import AgentPool
from checks.facts.fact import AzureCall, Gap, Listed, PodName
from checks.facts.gateway_api import KubernetesGateway
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import ConfigMap, Secret
from checks.facts.pods import Pod
from checks.facts.workloads import Deployment
from checks.sources.bundle import read_bundle
from checks.sources.recorded import RecordedSource, Recording
from checks.sources.recording import RecordingSource
from checks.sources.source import Answer, NotCovered, NotInstalled, Objects

NOW = datetime(2026, 11, 16, 10, 20, tzinfo=UTC)
POD = PodName("team-egress", "egw-1")
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/gw"
NETWORK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/n"


def soon() -> float:
    return monotonic() + 10


def pod(name: str = "egw-1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "team-egress"}, **more}


def recorder(**content: Any) -> RecordingSource:
    return RecordingSource(RecordedSource(Recording("weu", NOW, **{"objects": (), **content})), "weu")


def error(source: str, resource: str, status: int = 403, namespace: str | None = None) -> dict[str, Any]:
    return {"source": source, "resource": resource, "namespace": namespace, "status": status, "message": "no"}


def written(recording: RecordingSource, folder: Path) -> dict[str, str]:
    recording.write(folder / "bundle")
    files = sorted(path for path in (folder / "bundle").rglob("*") if path.is_file())
    return {path.relative_to(folder / "bundle").as_posix(): path.read_text() for path in files}


def test_only_objects_that_were_read_are_recorded(tmp_path: Path) -> None:
    source = recorder(objects=(pod(), {**pod("d"), "apiVersion": "apps/v1", "kind": "Deployment"}))
    source.list_objects(Pod.origin, soon())
    assert written(source, tmp_path) == {
        "bundle.yaml": 'apiVersion: egress-diag/v1\nkind: Bundle\ncluster: weu\ncaptured_at: "2026-11-16T10:20:00Z"\n',
        "objects/team-egress/pods.yaml": (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: egw-1\n  namespace: team-egress\n"
        ),
    }


def test_failed_reads_fail_again_in_the_replay(tmp_path: Path) -> None:
    source = recorder(
        errors=(
            error("kubernetes", "deployments.apps"),
            error("azure", "managedClusters", 504),
            error("azure", NETWORK, 429),
            error("logs", "pods/log", 403, "team-egress"),
        ),
        resources=({"id": SUBNET, "name": "gw"},),
        agent_pools=({"name": "gw", "mode": "Gateway"},),
        absent_kinds=(KubernetesGateway.origin.resource,),
        server_version="v1.33.5",
    )

    def answers(read: Any) -> list[Answer]:
        return [
            read.list_objects(Deployment.origin, soon()),
            read.list_objects(KubernetesGateway.origin, soon()),
            read.list_objects(Pod.origin, soon()),
            read.azure(ManagedCluster.origin, soon()),
            read.azure(AgentPool.origin, soon()),
            read.arm(SUBNET, soon()),
            read.arm(NETWORK, soon()),
            read.pod_log(POD, "istio-proxy", 10, soon()),
            read.pod_log(PodName("other", "p"), "discovery", 10, soon()),
            read.server_version(soon()),
        ]

    recorded = answers(source)
    source.write(tmp_path / "bundle.tar.gz")
    replayed = answers(RecordedSource(read_bundle(tmp_path / "bundle.tar.gz")))
    without_name = [replace(each, name=None) if isinstance(each, Gap) else each for each in replayed]
    assert without_name == [replace(each, name=None) if isinstance(each, Gap) else each for each in recorded]
    assert recorded[1] == NotInstalled()
    assert isinstance(recorded[6], Gap)


def test_a_failed_read_of_one_log_does_not_affect_other_pods(tmp_path: Path) -> None:
    class OneForbidden(RecordedSource):
        def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
            if pod == POD:
                return Gap("logs", "get", "pods/log", 404, "gone", pod.namespace, pod.name)
            return super().pod_log(pod, container, tail, deadline)

    other = PodName("team-egress", "egw-2")
    recording = Recording("weu", NOW, (), logs={f"{other}/istio-proxy": "one\ntwo\n"})
    source = RecordingSource(OneForbidden(recording), "weu")
    expected = [source.pod_log(each, "istio-proxy", 10, soon()) for each in (POD, other)]
    source.write(tmp_path / "bundle")
    replay = RecordedSource(read_bundle(tmp_path / "bundle"))
    first, second = (replay.pod_log(each, "istio-proxy", 10, soon()) for each in (POD, other))
    assert isinstance(first, Gap)
    assert (first.status, first.namespace) == (404, "team-egress")
    assert second == expected[1]


def test_a_read_in_flight_is_recorded_as_timed_out(tmp_path: Path) -> None:
    begun, go_on = Event(), Event()

    class Slow(RecordedSource):
        def list_objects(self, what: Listed, deadline: float) -> Answer:
            begun.set()
            go_on.wait(60)
            return super().list_objects(what, deadline)

    source = RecordingSource(Slow(Recording("weu", NOW, (pod(),))), "weu")
    reading = Thread(target=source.list_objects, args=(Pod.origin, soon()))
    reading.start()
    assert begun.wait(60)
    source.write(tmp_path / "bundle")
    go_on.set()
    reading.join()
    answer = RecordedSource(read_bundle(tmp_path / "bundle")).list_objects(Pod.origin, soon())
    assert answer == Gap("kubernetes", "list", "pods", 504, "no answer before the run's deadline")


def test_an_answer_after_the_deadline_is_a_time_out(tmp_path: Path) -> None:
    source = recorder(objects=(pod(),))
    late = Gap("kubernetes", "list", "pods", 504, "no answer before the run's deadline")
    assert source.list_objects(Pod.origin, monotonic() - 1) == late
    source.write(tmp_path / "bundle")
    assert RecordedSource(read_bundle(tmp_path / "bundle")).list_objects(Pod.origin, soon()) == late


def test_a_library_that_raises_is_recorded_as_a_gap(tmp_path: Path) -> None:
    class Broken(RecordedSource):
        def azure(self, what: AzureCall, deadline: float) -> Answer:
            raise LookupError(f"password=hunter2 {what} {deadline}")

    source = RecordingSource(Broken(Recording("weu", NOW, ())), "weu")
    failed = Gap("azure", "get", "managedClusters", 0, "LookupError")
    assert source.azure(ManagedCluster.origin, soon()) == failed
    assert "hunter2" not in str(written(source, tmp_path))
    assert RecordedSource(read_bundle(tmp_path / "bundle")).azure(ManagedCluster.origin, soon()) == failed


def test_secrets_are_redacted_before_they_are_written(tmp_path: Path) -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"tls.key":"c2VjcmV0"}}'}
    source = recorder(
        objects=(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "s", "namespace": "n", "annotations": applied},
                "data": {"tls.key": "c2VjcmV0"},
            },
            pod(spec={"containers": [{"name": "c", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]}),
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "c", "namespace": "n"},
                "data": {"url": "postgres://app:hunter2@db/x", "mesh": "accessLogFile: /dev/stdout\n"},
            },
        ),
        logs={f"{POD}/istio-proxy": "Authorization: Bearer abc123def456ghi789\nplain line\n"},
        managed_cluster={"name": "a", "windowsProfile": {"adminPassword": "hunter2"}},
    )
    answers = [
        *(source.list_objects(kind.origin, soon()) for kind in (Secret, Pod, ConfigMap)),
        source.pod_log(POD, "istio-proxy", 10, soon()),
        source.azure(ManagedCluster.origin, soon()),
    ]
    files = written(source, tmp_path)
    for secret in ("c2VjcmV0", "hunter2", "abc123def456"):
        assert secret not in str(files)
        assert secret not in str(answers)
    assert yaml.safe_load(files["objects/n/secrets.yaml"])["data"] == {"tls.key": "REDACTED"}
    assert yaml.safe_load(files["objects/n/configmaps.yaml"])["data"]["mesh"] == "accessLogFile: /dev/stdout\n"
    assert files["logs/team-egress/egw-1/istio-proxy.log"] == "Authorization: [redacted]\nplain line\n"


def test_recording_a_bundle_again_gives_the_same_bundle(tmp_path: Path) -> None:
    source = recorder(objects=(pod(status={"message": "password=hunter2"}),), logs={f"{POD}/c": "sig=1\n?sig=abc\n"})
    source.list_objects(Pod.origin, soon())
    source.pod_log(POD, "c", 10, soon())
    first = written(source, tmp_path)
    again = RecordingSource(RecordedSource(read_bundle(tmp_path / "bundle")), "weu")
    again.list_objects(Pod.origin, soon())
    again.pod_log(POD, "c", 10, soon())
    (tmp_path / "again").mkdir()
    assert written(again, tmp_path / "again") == first


def test_names_with_relative_paths_do_not_leave_the_bundle(tmp_path: Path) -> None:
    escaping = {**pod(), "metadata": {"name": "x", "namespace": "../../../tmp/evil"}}
    source = recorder(objects=(escaping,), logs={"../../x/../../y/c": "line"})
    source.list_objects(Pod.origin, soon())
    source.pod_log(PodName("../../x", "../../y"), "c", 10, soon())
    files = written(source, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert all(".." not in Path(name).parts for name in files)


def test_existing_paths_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle.tar.gz").write_text("mine")
    for name in ("bundle", "bundle.tar.gz"):
        with pytest.raises(FileExistsError):
            recorder().write(tmp_path / name)
    assert (tmp_path / "bundle.tar.gz").read_text() == "mine"


def test_a_failed_write_leaves_no_files(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        recorder().write(tmp_path / "nowhere" / "bundle")
    source = recorder(objects=(pod("x" * 10),))
    source.list_objects(Pod.origin, soon())
    long = tmp_path / ("x" * 250)
    with pytest.raises(OSError, match="name too long"):
        source.write(long)
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read_a_bundle(tmp_path: Path) -> None:
    source = recorder(objects=(pod(),))
    source.list_objects(Pod.origin, soon())
    source.write(tmp_path / "bundle")
    source.write(tmp_path / "bundle.tar.gz")
    assert stat.S_IMODE((tmp_path / "bundle").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "bundle.tar.gz").stat().st_mode) == 0o600
    with tarfile.open(tmp_path / "bundle.tar.gz") as archive:
        assert sorted(archive.getnames()) == ["bundle/bundle.yaml", "bundle/objects/team-egress/pods.yaml"]


def test_the_same_reads_give_the_same_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        source = recorder(objects=(pod(),))
        source.list_objects(Pod.origin, soon())
        source.write(tmp_path / name / "bundle.tar.gz")
    assert (tmp_path / "one/bundle.tar.gz").read_bytes() == (tmp_path / "two/bundle.tar.gz").read_bytes()


def test_a_source_without_azure_replays_without_azure(tmp_path: Path) -> None:
    source = recorder()
    assert source.azure(ManagedCluster.origin, soon()) == NotCovered()
    assert source.arm(SUBNET, soon()) == NotCovered()
    source.list_objects(Pod.origin, soon())
    assert list(written(source, tmp_path)) == ["bundle.yaml"]
    replay = RecordedSource(read_bundle(tmp_path / "bundle"))
    assert replay.azure(ManagedCluster.origin, soon()) == NotCovered()
    assert replay.list_objects(Pod.origin, soon()) == Objects(())
