"""The live source against a real API server, with the real definitions.

`KUBEBUILDER_ASSETS=… pytest -m live`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import pytest

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig, SavedAzure
from checks.facts.fact import Gap, Listed
from checks.facts.logs import LogText
from checks.facts.namespaces import ConfigMap, Secret
from checks.facts.pods import Pod
from checks.facts.workloads import Deployment
from checks.model.findings import Finding, Report, Status
from checks.sources.live import close_sources, open_source
from checks.sources.recorded import RecordedSource
from checks.sources.recording import RecordingSource
from checks.sources.run import run
from checks.sources.source import NotInstalled, Objects
from tests.clusters.bundles import write_bundle
from tests.clusters.compose import Cluster, Manifest, compose, named
from tests.loopback.apiserver import UNPRIVILEGED, ApiServer
from tests.recordings import question, recording

DEFINITIONS = Path(__file__).parents[4] / "shared" / "crds"
ASSETS = os.environ.get("KUBEBUILDER_ASSETS")  # noqa: TID251 - the ecosystem's convention for tests

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not ASSETS, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"),
    pytest.mark.skipif(not DEFINITIONS.is_dir(), reason=f"no definitions in {DEFINITIONS}"),
]

CREDENTIAL = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "client-credential", "namespace": "team-egress"},
    "type": "kubernetes.io/tls",
    "data": {"tls.crt": "Y2VydA==", "tls.key": "a2V5"},
}
# There are no kubelets here. For a node without addresses, the API server immediately reports that it has no logs.
NO_KUBELETS = {"kind": "Node", "metadata": {"name": "*"}, "status": {"addresses": None}}


@dataclass(frozen=True)
class World:
    """A running server, the composed cluster, and the same objects from the server.

    The server returns them one by one.
    """

    server: ApiServer
    composed: Cluster
    shown: Cluster
    entry: ClusterConfig


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    composed = compose(named("base"), {"add": [CREDENTIAL], "change": [NO_KUBELETS]})
    folder = tmp_path_factory.mktemp("apiserver")
    write_bundle(composed, folder / "saved")
    azure = SavedAzure(
        managed_cluster=folder / "saved/azure/managed-cluster.json",
        agent_pools=folder / "saved/azure/agent-pools.json",
        resources=folder / "saved/azure/resources.json",
    )
    with ApiServer(Path(str(ASSETS)), folder) as server:
        server.install(DEFINITIONS)
        existing = {"default", "kube-system", "kube-public", "kube-node-lease"}
        wanted = [o for o in composed.objects if not (o["kind"] == "Namespace" and o["metadata"]["name"] in existing)]
        shown = server.create(wanted)
        shown += [server.ask("GET", f"/api/v1/namespaces/{name}") for name in sorted(existing)]
        entry = ClusterConfig(name="aks1", kubeconfig=str(server.kubeconfig()), azure=azure)
        yield World(server, composed, replace(composed, objects=tuple(shown)), entry)
        close_sources()


def without_logs(report: Report) -> list[Finding]:
    readers = {each.slug for each in catalogue() if any(issubclass(kind, LogText) for kind in each.reads)}
    return [finding for finding in report.findings if finding.check not in readers]


def diagnosed(source: object, cluster: Cluster) -> Report:
    *_, found = run(source, question(cluster, "team-egress/egw"), catalogue(), 60)  # type: ignore[arg-type]
    assert isinstance(found, Report)
    return found


def soon() -> float:
    return monotonic() + 20


def test_paging_and_reduction_keep_every_field_that_a_check_reads(world: World) -> None:
    recorder = RecordingSource(open_source(world.entry), "aks1")
    live = diagnosed(recorder, world.shown)
    version = Objects(({"gitVersion": world.server.ask("GET", "/version")["gitVersion"]},))
    shown = replace(
        recording(world.shown), captured_at=recorder.now(), server_version=str(version.raw[0]["gitVersion"])
    )
    assert without_logs(live) == without_logs(diagnosed(RecordedSource(shown), world.shown))


def test_the_healthy_cluster_has_no_failures(world: World) -> None:
    live = diagnosed(open_source(world.entry), world.shown)
    assert [each.summary for each in without_logs(live) if each.status in (Status.FAIL, Status.UNKNOWN)] == []


def test_logs_that_no_kubelet_serves_are_unknown(world: World) -> None:
    live = diagnosed(open_source(world.entry), world.shown)
    assert any("pods/log" in gap for gap in live.gaps)
    assert all("pods/log" in gap for gap in live.gaps)


def test_its_bundle_replays_to_the_same_findings(world: World, tmp_path: Path) -> None:
    recorder = RecordingSource(open_source(world.entry), "aks1")
    live = diagnosed(recorder, world.shown)
    recorder.write(tmp_path / "bundle.tar.gz")
    replayed = diagnosed(open_source(ClusterConfig(name="aks1", bundle=tmp_path / "bundle.tar.gz")), world.shown)
    assert replayed.findings == live.findings
    assert (replayed.gaps, replayed.verdict) == (live.gaps, live.verdict)


def test_a_secrets_keys_are_known_without_its_data(world: World) -> None:
    answer = open_source(world.entry).list_objects(Secret.origin, soon())
    assert isinstance(answer, Objects)
    found = {Secret(each).name: Secret(each).keys for each in answer.raw}
    assert found["client-credential"] == ("tls.crt", "tls.key")
    assert "a2V5" not in str(answer.raw)


def test_a_list_of_many_pages(world: World) -> None:
    many: list[Manifest] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{number:04}", "namespace": "team-a"}}
        for number in range(1100)
    ]
    world.server.create(many)
    answer = open_source(world.entry).list_objects(ConfigMap.origin, soon())
    assert isinstance(answer, Objects)
    names = [each["metadata"]["name"] for each in answer.raw if each["metadata"]["namespace"] == "team-a"]
    assert len(names) == len(set(names)) >= 1100


def test_a_user_without_permissions(world: World) -> None:
    entry = ClusterConfig(name="aks1", kubeconfig=str(world.server.kubeconfig(UNPRIVILEGED)), azure="none")
    answer = open_source(entry).list_objects(Deployment.origin, soon())
    assert isinstance(answer, Gap)
    assert (answer.status, answer.verb, answer.resource) == (403, "list", "deployments.apps")
    assert 'User "unprivileged" cannot list resource "deployments" in API group "apps"' in answer.message


def test_an_invalid_token(world: World) -> None:
    entry = ClusterConfig(name="aks1", kubeconfig=str(world.server.kubeconfig("wrong")), azure="none")
    answer = open_source(entry).list_objects(Pod.origin, soon())
    assert isinstance(answer, Gap)
    assert answer.status == 401


def test_every_kind_that_checks_read_is_served_unless_its_definition_is_missing(world: World) -> None:
    defined = {path.stem for path in DEFINITIONS.glob("*.yaml")}
    custom = {name.partition(".")[2] for name in defined}
    source = open_source(world.entry)
    for kind in {kind for check in catalogue() for kind in check.reads}:
        origin = vars(kind).get("origin")
        if isinstance(origin, Listed):
            answer = source.list_objects(origin, soon())
            assert isinstance(answer, Objects | NotInstalled), (kind, answer)
            installed = origin.group not in custom or f"{origin.plural}.{origin.group}" in defined
            assert (answer != NotInstalled()) == installed, kind
