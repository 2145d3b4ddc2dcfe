"""The process of a diagnosis ends at its time-out, whatever the servers do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from tests.clusters.compose import named
from tests.loopback.azure import AzureServer
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer

pytestmark = pytest.mark.slow

TIMEOUT = 8


@pytest.mark.parametrize(
    ("azure_fault", "kube_fault"),
    [
        (Fault("managedClusters", status=429, retry_after=600), None),
        (Fault("token", status=429, retry_after=600), None),
        (Fault("managedClusters", hang=600), Fault("/pods$", hang=600)),
    ],
    ids=["Azure is throttled", "the sign-in is throttled", "both hang"],
)
def test_the_process_ends_at_its_time_out(azure_fault: Fault, kube_fault: Fault | None, tmp_path: Path) -> None:
    """Before, it ended when the pause of ten minutes was over."""
    with (
        KubeServer(named("base"), faults=[kube_fault] if kube_fault else []) as kube,
        AzureServer(named("base"), faults=[azure_fault]) as azure,
    ):
        kubeconfig = kube.kubeconfig(tmp_path)
        (tmp_path / "config.yaml").write_text(
            "clusters:\n  - {name: prod, aks_name: aks1, resource_group: rg1, "
            f"subscription_id: 00000000-0000-0000-0000-000000000000, kubeconfig: '{kubeconfig}'}}\n"
        )
        environment = {"PATH": os.defpath, "HOME": str(tmp_path), **azure.environment(tmp_path)}
        command = [sys.executable, "-m", "checks.cli.main", "diagnose", "--config", str(tmp_path / "config.yaml")]
        began = time.monotonic()
        done = subprocess.run(
            [*command, "prod", "team-egress/egw", "--timeout", str(TIMEOUT), "--output", "json"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        took = time.monotonic() - began
    # Starting the program and its libraries takes up to a minute on a busy machine.
    assert took < TIMEOUT + 300, done.stderr
    findings = orjson.loads(done.stdout)["findings"]
    unknown = [each for each in findings if each["status"] == "unknown" and "managedClusters" in each["summary"]]
    assert unknown, done.stderr
