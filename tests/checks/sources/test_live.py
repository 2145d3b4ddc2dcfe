"""A cluster gives the same findings from every source.

It is read live, recorded while live, replayed from its bundle, and held in memory.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.facts.egress_gateway import AmbiguousGateway
from checks.facts.fact import AzureCall, CountersWanted, Listed, PodName
from checks.model.findings import Report
from checks.model.question import Question
from checks.reports.document import REPORT
from checks.sources.live import open_source
from checks.sources.recorded import RecordedSource
from checks.sources.recording import RecordingSource
from checks.sources.run import run
from checks.sources.source import Answer, OtherReads, Source
from tests.checks.conftest import UseAzure
from tests.clusters.compose import Cluster, compose, named, names
from tests.incidents.incidents import Incident, incidents
from tests.loopback.azure import AzureServer
from tests.loopback.faults import Fault
from tests.loopback.kube import VERSION, KubeServer
from tests.recordings import question, recording

pytestmark = pytest.mark.slow

INCIDENTS = {
    each.name: each
    for each in incidents()
    if "ambiguous" not in each.expect and not any(error["source"] == "metrics" for error in each.cluster.errors)
}
"""Those with failed reads of counters are in test_live_counters.py.

The servers here have no Prometheus.
"""
TYPICAL = ("001-", "008-", "011-", "017-", "019-", "031-", "054-", "103-")
OTHERS = {
    name
    for number, (name, each) in enumerate(INCIDENTS.items())
    if (each.has_failed_reads or number % 10 == 0) and not name.startswith((*TYPICAL, "4"))
}
"""Every incident with a failed read, and a tenth of the rest.

Those in which only one read is denied are below.
"""


def _denied() -> dict[tuple[str, ...], list[Incident]]:
    """The incidents in which only one read is denied, by cluster and API.

    The reads of an API are denied together, except those that others depend on: without pods no log is read.
    """
    found: dict[tuple[str, ...], list[Incident]] = {}
    for each in INCIDENTS.values():
        if each.name.startswith("4"):
            read = str(each.cluster.errors[-1]["resource"])
            api = "network" if read.startswith("/") else read.partition(".")[2] or "core"
            first = read if read in ("managedClusters", "agentPools", "pods") else api
            found.setdefault((each.base, first), []).append(each)
    return found


DENIED = _denied()


class AtTheTimeOf:
    """A live source with the time of the composed cluster.

    Ages are therefore those of the incident.
    """

    def __init__(self, source: Source, now: datetime) -> None:
        self._source = source
        self._now = now

    def now(self) -> datetime:
        return self._now

    def kubectl_context(self) -> str:
        return self._source.kubectl_context()

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        return self._source.list_objects(what, deadline)

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        return self._source.azure(what, deadline)

    def arm(self, resource_id: str, deadline: float) -> Answer:
        return self._source.arm(resource_id, deadline)

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        return self._source.pod_log(pod, container, tail, deadline)

    def server_version(self, deadline: float) -> Answer:
        return self._source.server_version(deadline)

    def probe_results(self) -> Answer:
        return self._source.probe_results()

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        return self._source.proxy_counters(wanted, deadline, others)


def report(source: Source, wanted: Question, timeout: float = 30) -> Report:
    *_, found = run(source, wanted, catalogue(), timeout)
    assert isinstance(found, Report)
    return found


def findings_of(found: Report) -> list[str]:
    """The report's JSON without its duration, as lines."""
    whole: dict[str, Any] = {**REPORT.dump_python(found, mode="json"), "duration_seconds": 0}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode().splitlines()


def live(cluster: Cluster, entry: ClusterConfig) -> AtTheTimeOf:
    return AtTheTimeOf(open_source(entry), recording(cluster).captured_at)


def in_memory(cluster: Cluster) -> RecordedSource:
    return RecordedSource(replace(recording(cluster), server_version=VERSION))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The certificate authority of these API servers."""
    return trustme.CA()


@pytest.fixture
def anywhere(use_azure: UseAzure, authority: trustme.CA, tmp_path: Path) -> Iterator[Any]:
    """Serve a cluster on loopback until the end of the test.

    Returns its configuration entry.
    """
    opened: list[Any] = []

    def serve(cluster: Cluster, faults: Sequence[Fault] = (), latency: float = 0.0) -> ClusterConfig:
        kube = KubeServer(cluster, authority=authority, faults=faults, latency=latency)
        opened.append(kube.__enter__())
        if cluster.managed_cluster is None:
            return ClusterConfig(name=cluster.name, azure="none", kubeconfig=str(kube.kubeconfig(tmp_path)))
        azure = AzureServer(cluster, kube=kube, faults=faults, latency=5 * latency)
        opened.append(azure.__enter__())
        use_azure(azure)
        return ClusterConfig(name=cluster.name, **azure.entry)

    yield serve
    for each in reversed(opened):
        each.__exit__(None, None, None)


def agree(cluster: Cluster, wanted: Question, entry: ClusterConfig, folder: Path) -> None:
    expected = findings_of(report(in_memory(cluster), wanted))
    assert findings_of(report(live(cluster, entry), wanted)) == expected
    recorder = RecordingSource(live(cluster, entry), cluster.name)
    assert findings_of(report(recorder, wanted)) == expected
    for name in ("bundle", "bundle.tar.gz"):
        recorder.write(folder / name)
        replayed = open_source(ClusterConfig(name=cluster.name, bundle=folder / name))
        assert findings_of(report(replayed, wanted)) == expected


@pytest.mark.parametrize("name", names())
def test_a_healthy_cluster(name: str, anywhere: Any, tmp_path: Path) -> None:
    cluster = named(name)
    profile = (cluster.managed_cluster or {})["properties"]["serviceMeshProfile"]["istio"]["components"]
    gateway = next(each for each in profile["egressGateways"] if each["enabled"])
    wanted = question(cluster, f"{gateway.get('namespace') or 'aks-istio-egress'}/{gateway['name']}")
    agree(cluster, wanted, anywhere(cluster), tmp_path)


def agree_recorded(cluster: Cluster, wanted: Question, entry: ClusterConfig, folder: Path) -> None:
    """A recorded live run and the replay of its bundle give the same report.

    Each is read once.
    """
    expected = findings_of(report(in_memory(cluster), wanted))
    recorder = RecordingSource(live(cluster, entry), cluster.name)
    assert findings_of(report(recorder, wanted)) == expected
    recorder.write(folder / "bundle.tar.gz")
    replayed = open_source(ClusterConfig(name=cluster.name, bundle=folder / "bundle.tar.gz"))
    assert findings_of(report(replayed, wanted)) == expected


def incident_agrees(name: str, anywhere: Any, folder: Path, how: Callable[..., None] = agree) -> None:
    incident = INCIDENTS[name]
    cluster = incident.cluster
    if cluster.managed_cluster is not None and cluster.resources is None:
        pytest.skip("this incident's bundle has no network resources, but a live Azure always has a network")
    expect = incident.expect
    wanted = question(cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    try:
        how(cluster, wanted, anywhere(cluster), folder)
    except AmbiguousGateway as several:
        pytest.fail(f"{several}")


@pytest.mark.slow
@pytest.mark.parametrize("name", [each for each in INCIDENTS if each.startswith(TYPICAL)])
def test_a_typical_incident(name: str, anywhere: Any, tmp_path: Path) -> None:
    incident_agrees(name, anywhere, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OTHERS))
def test_another_incident(name: str, anywhere: Any, tmp_path: Path) -> None:
    incident_agrees(name, anywhere, tmp_path, agree_recorded)


@pytest.mark.parametrize("which", DENIED, ids="-".join)
def test_reads_that_are_denied(which: tuple[str, ...], anywhere: Any, tmp_path: Path) -> None:
    cluster = compose(named(which[0]), {"errors": [each.cluster.errors[-1] for each in DENIED[which]]})
    wanted = question(cluster, DENIED[which][0].expect["gateway"])
    agree_recorded(cluster, wanted, anywhere(cluster), tmp_path)


@pytest.mark.matrix
@pytest.mark.parametrize("name", [each for each in INCIDENTS if each not in OTHERS])
def test_every_incident(name: str, anywhere: Any, tmp_path: Path) -> None:
    incident_agrees(name, anywhere, tmp_path)


def test_a_cluster_without_azure(anywhere: Any, tmp_path: Path) -> None:
    cluster = compose(named("base"), {"azure": None})
    agree(cluster, question(cluster, "team-egress/egw"), anywhere(cluster), tmp_path)


def test_a_read_that_timed_out_is_unknown_in_the_replay_too(anywhere: Any, tmp_path: Path) -> None:
    cluster = named("base")
    wanted = question(cluster, "team-egress/egw")
    hanging = [Fault(r"/apis/apps/v1/deployments$", hang=15), Fault("/cnimanager|kube-egress.*/log$", hang=15)]
    recorder = RecordingSource(live(cluster, anywhere(cluster, hanging)), cluster.name)
    found = report(recorder, wanted, timeout=6)
    assert found.verdict == "inconclusive"
    recorder.write(tmp_path / "bundle")
    replayed = report(open_source(ClusterConfig(name="x", bundle=tmp_path / "bundle")), wanted)
    assert findings_of(replace(replayed, cluster=found.cluster)) == findings_of(found)
    assert replayed.gaps == found.gaps


def test_a_secret_in_a_log_reaches_neither_the_bundle_nor_a_finding(anywhere: Any, tmp_path: Path) -> None:
    line = "2026-11-16T10:19:00.000000Z\terror\txds\tPassword=hunter2; Authorization: Bearer abc123def456ghi789"
    cluster = compose(named("base"), {"logs": {"team-egress/egw-asm-1-30-abc/istio-proxy": line}})
    wanted = question(cluster, "team-egress/egw")
    recorder = RecordingSource(live(cluster, anywhere(cluster)), cluster.name)
    found = findings_of(report(recorder, wanted))
    recorder.write(tmp_path / "bundle")
    found_bytes = "".join(found).encode()
    written = b"".join(path.read_bytes() for path in sorted((tmp_path / "bundle").rglob("*")) if path.is_file())
    assert b"[redacted]" in written
    for secret in (b"hunter2", b"abc123def456ghi789"):
        assert secret not in written + found_bytes
    assert found == findings_of(
        report(open_source(ClusterConfig(name=cluster.name, bundle=tmp_path / "bundle")), wanted)
    )


def test_slow_reads_run_in_parallel(anywhere: Any) -> None:
    cluster = named("base")
    entry = anywhere(cluster, latency=0.2)
    wanted = question(cluster, "team-egress/egw")
    report(live(cluster, entry), wanted)  # loads the libraries and signs in
    found = report(live(cluster, entry), wanted)
    # In sequence, about 35 lists and logs would take 200 ms each, and 6 reads of Azure at least as long.
    assert found.duration_seconds < (35 + 6) * 0.2
