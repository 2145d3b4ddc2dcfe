"""A fleet check reads each cluster once for all its gateways; no cluster delays another."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import pytest
import trustme
from click.testing import CliRunner, Result

from checks.catalogue import catalogue
from checks.cli.main import main
from checks.config.configuration import ClusterConfig
from checks.engine.sweep import ClusterSweep, evaluate_each, worst_verdict
from checks.facts.fact import PodName
from checks.facts.logs import CniManagerLog, ProxyLog
from checks.model.findings import Effect, Report, Status, Verdict
from checks.model.question import ClusterIdentity, Question
from checks.reports.document import REPORT
from checks.sources.live import close_sources, open_source
from checks.sources.recorded import RecordedSource
from checks.sources.run import run
from checks.sources.source import SourceError
from checks.sources.sweep_reads import sweep_cluster, sweep_clusters
from tests.bench.fleet import big_cluster
from tests.checks.conftest import UseAzure
from tests.clusters.bundles import read_bundle, write_bundle
from tests.clusters.compose import Cluster, named
from tests.incidents.incidents import incidents
from tests.loopback.azure import LOGIN, AzureServer
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer
from tests.recordings import diagnosed as evidence_of
from tests.recordings import question, recording

pytestmark = pytest.mark.slow


def in_memory(cluster: Cluster, *, recipes: bool = False) -> ClusterSweep:
    source = RecordedSource(recording(cluster))
    return sweep_cluster(source, ClusterIdentity(cluster.name), catalogue(), 30, recipes=recipes)


def diagnosed(cluster: Cluster, gateway: str) -> Report:
    namespace, _, name = gateway.partition("/")
    wanted = Question(ClusterIdentity(cluster.name), name, namespace)
    *_, report = run(RecordedSource(recording(cluster)), wanted, catalogue(), 30)
    assert isinstance(report, Report)
    return report


@pytest.mark.parametrize("name", ["base", "two-gateways-one-configuration", "upgrade-two-revisions"])
def test_a_sweep_gives_each_gateway_the_findings_of_a_diagnosis(name: str) -> None:
    cluster = named(name)
    swept = in_memory(cluster, recipes=True)
    assert swept.reports
    for report in swept.reports:
        alone = diagnosed(cluster, f"{report.namespace}/{report.gateway}")
        assert report.findings == alone.findings
        assert report.verdict == alone.verdict


def calls(cluster: Cluster, use_azure: UseAzure) -> tuple[ClusterSweep, Counter[str]]:
    with KubeServer(cluster, authority=trustme.CA()) as kube, AzureServer(cluster, kube=kube) as azure:
        use_azure(azure)
        entry = ClusterConfig(name="fleet", **azure.entry)
        (swept,) = sweep_clusters([entry], open_source, catalogue(), 60)
        counted = kube.requests + azure.requests
        close_sources()
    # The number of token requests depends on the order of the threads.
    return swept, Counter({path: count for path, count in counted.items() if not path.startswith(LOGIN)})


def test_the_number_of_requests_does_not_grow_with_the_gateways(use_azure: UseAzure) -> None:
    few, few_calls = calls(big_cluster(10, 0), use_azure)
    many, many_calls = calls(big_cluster(60, 0), use_azure)
    assert (len(few.reports), len(many.reports)) == (10, 60)
    # Logs of at most 20 proxies are read; the two lists with more than 500 objects need a second page.
    assert 0 <= many_calls.total() - few_calls.total() <= 3
    assert many.unread_logs > 0


def test_a_check_without_logs_does_not_pass(use_azure: UseAzure) -> None:
    swept, _ = calls(big_cluster(30, 0), use_azure)
    statuses = {
        (report.gateway, finding.status): finding.summary
        for report in swept.reports
        for finding in report.findings
        if finding.check == "workload-certificate-failing"
    }
    skipped = [words for (_, status), words in statuses.items() if status is Status.SKIPPED]
    assert skipped
    assert all(words.startswith("Does not apply: a fleet check does not read ") for words in skipped)
    assert any(status is Status.PASS for _, status in statuses)


def test_a_sweep_that_skips_logs_keeps_every_other_finding() -> None:
    """Of the checks of logs only a pass does not apply.

    Failures in logs that were read, and all other checks, stay.
    """
    cluster = next(each.cluster for each in incidents() if each.name == "003-pod-subnet")
    done = evidence_of(cluster, question(cluster, "team-egress/egw"))
    assert done.target is not None
    pods = frozenset(PodName(pod.namespace, pod.name) for pod in done.store.gateway_pods(done.target))
    identity = ClusterIdentity(cluster.name)
    (complete,) = evaluate_each(done.store, identity, catalogue(), [done.target])
    (without,) = evaluate_each(done.store, identity, catalogue(), [done.target], pods)
    of_logs = {check.slug for check in catalogue() if {ProxyLog, CniManagerLog} & {*check.reads}}
    reason = f"a fleet check does not read {len(pods)} logs of ready pods (diagnose does)"
    expected = tuple(
        replace(each, status=Status.SKIPPED, summary=f"Does not apply: {reason}.", evidence=(), reason=reason)
        if each.check in of_logs and each.status is Status.PASS
        else each
        for each in complete.findings
    )
    assert without == replace(complete, findings=expected)
    assert {each.status for each in expected if each.check in of_logs} == {Status.FAIL, Status.SKIPPED}
    assert any(each.status is Status.PASS for each in expected)


@pytest.mark.parametrize(
    ("errors", "azure", "complete"),
    [((), True, True), (("azure",), True, False), ((), False, True), (("kubernetes",), False, False)],
    ids=["Azure read", "Azure refused", "Azure excluded", "Azure excluded and Services refused"],
)
def test_a_sweep_knows_whether_it_covers_every_gateway(errors: tuple[str, ...], azure: bool, complete: bool) -> None:
    refused = tuple({"source": each, "resource": "*", "status": 403, "message": "forbidden"} for each in errors)
    cluster = replace(named("base"), errors=refused)
    if not azure:
        cluster = replace(cluster, managed_cluster=None, agent_pools=None, resources=None)
    assert in_memory(cluster).complete is complete


def test_a_cluster_that_hangs_does_not_delay_the_others(tmp_path: Path) -> None:
    healthy = replace(named("base"), managed_cluster=None, agent_pools=None, resources=None)
    hanging = KubeServer(healthy, faults=[Fault(".*", hang=30)])
    quick = [KubeServer(healthy) for _ in range(3)]
    entries = []
    with hanging:
        for number, server in enumerate([hanging, *quick]):
            if server is not hanging:
                server.__enter__()
            folder = tmp_path / str(number)
            folder.mkdir()
            entries.append(ClusterConfig(name=f"c{number}", azure="none", kubeconfig=str(server.kubeconfig(folder))))
        began = perf_counter()
        order = [
            (each, perf_counter() - began) for each in sweep_clusters(entries, open_source, catalogue(), 10, at_once=2)
        ]
        for server in quick:
            server.__exit__()
        close_sources()
    assert [each.cluster for each, _ in order[:3]] == ["c1", "c2", "c3"]
    assert all(len(each.reports) == 1 and not each.problem for each, _ in order[:3])
    last, seconds = order[3]
    assert last.cluster == "c0"
    assert last.verdict is Verdict.INCONCLUSIVE
    assert last.late
    assert last.problem == "The API server did not answer in time"
    assert seconds < 28


def test_without_access_to_azure_the_gateways_come_from_the_cluster(use_azure: UseAzure) -> None:
    cluster = named("base")
    refused = [Fault("managedClusters/[^/]+$", status=403, message="AuthorizationFailed")]
    with KubeServer(cluster, authority=trustme.CA()) as kube, AzureServer(cluster, kube=kube, faults=refused) as azure:
        use_azure(azure)
        (swept,) = sweep_clusters([ClusterConfig(name="x", **azure.entry)], open_source, catalogue(), 30)
        close_sources()
    assert [f"{r.namespace}/{r.gateway}" for r in swept.reports] == ["team-egress/egw"]
    (report,) = swept.reports
    assert report.of(Status.UNKNOWN)
    assert any("managedClusters" in gap for gap in report.gaps)


def test_a_cluster_that_cannot_be_opened_is_reported_and_delays_no_other() -> None:
    def opened(entry: ClusterConfig) -> RecordedSource:
        if entry.name == "gone":
            raise SourceError("kubeconfig /nowhere: cannot be read")
        return RecordedSource(recording(named("base")))

    entries = [ClusterConfig(name=name, bundle=Path(name)) for name in ("gone", "here")]
    found = {each.cluster: each for each in sweep_clusters(entries, opened, catalogue(), 30)}
    assert found["gone"].problem == "kubeconfig /nowhere: cannot be read"
    assert not found["gone"].opened
    assert found["here"].verdict is Verdict.HEALTHY


def test_the_worst_verdict() -> None:
    assert worst_verdict([Verdict.HEALTHY, Verdict.DEGRADED]) is Verdict.DEGRADED
    assert worst_verdict([Verdict.HEALTHY], missing=True) is Verdict.INCONCLUSIVE
    assert worst_verdict([Verdict.INCONCLUSIVE, Verdict.BROKEN], missing=True) is Verdict.BROKEN
    assert worst_verdict([]) is Verdict.HEALTHY
    nothing = ClusterSweep("x", datetime(2026, 11, 24, tzinfo=UTC))
    assert nothing.verdict is Verdict.HEALTHY


@pytest.fixture
def configured(tmp_path: Path) -> Any:
    """Runs `sweep` over bundles by cluster name, with further arguments."""

    def command(clusters: dict[str, Cluster | None], *words: str) -> Result:
        rows = ""
        for name, cluster in clusters.items():
            if cluster is not None and not (tmp_path / name).exists():
                write_bundle(cluster, tmp_path / name)
            rows += f"  - {{name: {name}, bundle: {name}}}\n"
        config = tmp_path / "egress-diag.yaml"
        config.write_text(f"clusters:\n{rows}" if rows else "clusters: []\n")
        return CliRunner().invoke(main, ["sweep", "--config", str(config), *words])

    return command


def test_the_command_prints_a_line_for_each_gateway_and_a_summary(configured: Any) -> None:
    done = configured({"good": named("base"), "bad": read_bundle(Path("examples/bundles/gateway-pool-missing"))})
    assert done.exit_code == 1
    assert "healthy       good  team-egress/egw\n" in done.stdout
    assert "broken        bad   team-egress/egw\n              StaticGatewayConfiguration " in done.stdout
    assert done.stdout.index("broken ") < done.stdout.index("healthy "), "the worst is first"
    summary = " ".join(done.stdout.split())
    assert "2 gateways in 2 clusters: 1 broken, 0 inconclusive, 0 starting, 0 degraded, 1 healthy" in summary
    assert done.stderr == ""


def test_json_output_is_one_document_per_line(configured: Any) -> None:
    done = configured({"good": named("base"), "gone": None}, "--output", "json")
    assert done.exit_code == 3
    documents = {(each := orjson.loads(line))["cluster"]: each for line in done.stdout.splitlines()}
    assert REPORT.validate_python(documents["good"]).verdict is Verdict.HEALTHY
    assert documents["gone"]["gateway"] is None
    assert documents["gone"]["verdict"] == "inconclusive"
    assert "there is no such bundle" in documents["gone"]["gaps"][0]


def test_documents_of_a_sweep_have_the_way_back_of_each_change(configured: Any) -> None:
    """Fleet checks that keep no actions do without; a document is read by people and programs."""
    broken = next(each.cluster for each in incidents() if each.name == "003-pod-subnet")
    done = configured({"broken": broken}, "--output", "json")
    (report,) = [REPORT.validate_python(orjson.loads(line)) for line in done.stdout.splitlines()]
    changes = [each for f in report.findings for each in f.actions if each.effect is not Effect.READS]
    assert changes
    assert all(each.undo and each.verify and each.expect for each in changes)
    (swept,) = in_memory(broken).reports
    assert not all(each.undo for f in swept.findings for each in f.actions if each.effect is not Effect.READS)


@pytest.mark.parametrize(
    ("clusters", "words", "message"),
    [
        ({}, (), "has no clusters"),
        ({"good": named("base")}, ("goood",), "did you mean good?"),
        ({"good": named("base")}, ("--only", "EG999"), "EG999"),
        ({"gone": None}, (), "no such bundle"),
    ],
    ids=["no clusters", "unknown cluster", "unknown check", "nothing can be opened"],
)
def test_a_usage_error_exits_2(
    configured: Any, clusters: dict[str, Cluster], words: tuple[str, ...], message: str
) -> None:
    done = configured(clusters, *words)
    assert done.exit_code == 2
    assert message in done.output


def test_only_the_named_clusters_are_swept_and_each_once(configured: Any) -> None:
    done = configured({"good": named("base"), "other": named("base")}, "good", "GOOD", "--only", "EG101")
    assert done.exit_code == 0
    assert "1 gateway in 1 cluster" in done.stdout
    assert "other" not in done.stdout
