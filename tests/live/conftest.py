"""The real cluster of the live tests of active steps, started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.sources.live import close_sources
from tests.helm.chart import CHART, program
from tests.helm.installed import ASSETS, DEFINITIONS, NAMESPACE, InstalledChart
from tests.live.cluster import StepCluster, chart_values, write_step_config
from tests.live.node import NodeStandIn
from tests.live.scenarios import SCENARIOS
from tests.loopback.apiserver import ApiServer

OTHERS = (
    *("rights", "admission", "restarted", "probed-restarted", "last-pod", "stuck", "paused"),
    *("killed-command", "killed-worker", "killed-restart"),
    *("killed-gateway-create", "killed-gateway-wait", "killed-gateway-read"),
    *("foreign", "terminating", "deleted-job", "replaced", "denying-webhook", "same-labels", "endless"),
)
"""Namespaces of tests that are not in the table of scenarios."""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepCluster]:
    """The cluster, with the Roles of the chart in the namespaces of the tests."""
    program("helm")
    if not (Path(str(ASSETS)) / "kube-controller-manager").exists():
        pytest.skip(f"{ASSETS} has no kube-controller-manager")
    namespaces = [*SCENARIOS, *OTHERS]
    folder = tmp_path_factory.mktemp("steps")
    with ApiServer(Path(str(ASSETS)), tmp_path_factory.mktemp("cluster"), controllers=True) as server:
        server.install(DEFINITIONS)
        chart = InstalledChart(server)
        for name in (NAMESPACE, *namespaces):
            server.create([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
        with_roles = [name for name in namespaces if name not in SCENARIOS or SCENARIOS[name].roles]
        with NodeStandIn(server.kubeconfig()) as node:
            chart.helm("install", "egress-diag", str(CHART), values=chart_values(with_roles))
            found = StepCluster(chart, node, folder, write_step_config(chart, folder, namespaces))
            yield found
            close_sources()
            assert node.problems == []
