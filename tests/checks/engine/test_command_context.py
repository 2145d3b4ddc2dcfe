"""Every kubectl command of every report names the cluster.

Source: docs/contract.md#kubectl-context.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.engine.diagnosis import Diagnosis
from checks.model.findings import Report
from checks.model.question import ClusterIdentity
from checks.reports.document import REPORT
from checks.sources.bundle import read_bundle
from checks.sources.recorded import RecordedSource
from checks.sources.recording import RecordingSource
from checks.sources.run import run
from checks.sources.sweep_reads import sweep_cluster
from tests.clusters.compose import Cluster, compose, named
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question, recording

COMMAND = re.compile(r"(?:^|[`\n|;&] ?)kubectl (?!--context )[a-z]")
SUBSCRIPTION = {"subscription_id": "00000000-0000-0000-0000-000000000000", "resource_group": "rg-prod-weu"}


def entry(**given: Any) -> ClusterConfig:
    return ClusterConfig.model_validate({"name": "prod-weu", **given})


@pytest.mark.parametrize(
    ("configured", "context"),
    [
        (entry(**SUBSCRIPTION), "prod-weu"),
        (entry(**SUBSCRIPTION, aks_name="aks-weu"), "aks-weu"),
        (entry(**SUBSCRIPTION, aks_name="aks-weu", kubectl_context="weu-admin"), "weu-admin"),
        (entry(kubeconfig="/k", azure="none", context="weu", kubectl_context="weu-admin"), "weu"),
        (entry(kubeconfig="in-cluster", azure="none"), "prod-weu"),
        (entry(bundle="/b"), ""),
        (entry(bundle="/b", kubectl_context="weu"), "weu"),
    ],
)
def test_the_context_of_an_entry(configured: ClusterConfig, context: str) -> None:
    assert configured.identity.context == context


def texts(value: Any) -> Iterator[str]:
    """Every text of a JSON document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)


def commands_without_context(report: Report) -> list[str]:
    return [each for each in texts(REPORT.dump_python(report, mode="json")) if COMMAND.search(each)]


def reported(cluster: Cluster, expect: dict[str, Any], context: str = "") -> Report:
    wanted = question(cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    run: Diagnosis = diagnosed(cluster, replace(wanted, cluster=ClusterIdentity(cluster.name, context=context)))
    return run.finish(0.0)


def test_every_command_of_every_incident_names_the_cluster() -> None:
    found = 0
    for incident in incidents():
        if "ambiguous" in incident.expect:
            continue
        report = reported(incident.cluster, dict(incident.expect), "prod-weu")
        assert commands_without_context(report) == [], incident.name
        found += sum("kubectl --context prod-weu " in each for each in texts(REPORT.dump_python(report, mode="json")))
    assert found > 500


BROKEN = {"remove": ["Namespace team-egress"]}


def test_a_bundle_names_the_recorded_context(tmp_path: Path) -> None:
    cluster = compose(named("base"), BROKEN)
    wanted = question(cluster, "team-egress/egw")
    recorder = RecordingSource(RecordedSource(recording(cluster)), cluster.name, "weu-admin")
    *_, first = run(recorder, wanted, catalogue(), 60)
    recorder.write(tmp_path / "bundle")
    source = RecordedSource(read_bundle(tmp_path / "bundle"))
    *_, replayed = run(source, wanted, catalogue(), 60)
    assert isinstance(first, Report)
    assert isinstance(replayed, Report)
    assert replayed.findings == first.findings
    assert commands_without_context(replayed) == []
    assert "kubectl --context weu-admin " in str(replayed.findings)
    swept = sweep_cluster(source, ClusterIdentity("weu"), catalogue(), 60, recipes=True)
    assert "kubectl --context weu-admin " in str(swept.reports)
    # The configuration knows better than the bundle where the cluster is now.
    *_, configured = run(source, replace(wanted, cluster=ClusterIdentity("weu", context="weu2")), catalogue(), 60)
    assert isinstance(configured, Report)
    assert "kubectl --context weu2 " in str(configured.findings)


def test_a_bundle_without_context_names_the_managed_cluster() -> None:
    cluster = compose(named("base"), BROKEN)
    assert cluster.managed_cluster is not None
    report = reported(cluster, {"gateway": "team-egress/egw"})
    assert f"kubectl --context {cluster.managed_cluster['name']} " in str(report.findings)


def test_a_bundle_that_names_no_cluster_has_commands_without_context() -> None:
    cluster = replace(compose(named("base"), BROKEN), managed_cluster=None, agent_pools=None)
    report = reported(cluster, {"gateway": "team-egress/egw"})
    assert "--context" not in str(report.findings)
    assert commands_without_context(report)
