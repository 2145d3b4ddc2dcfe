"""`egress-diag probe` and `restart` as a user runs them.

They use a loopback API server with a kubelet.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clusters.compose import compose, named
from tests.command_line import ask, refused
from tests.loopback.active import ActiveKubeServer, Kubelet

GATEWAY = ("x", "team-egress/egw")


def ready(pods: int) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"namespace": "team-egress", "name": "egw-asm-1-30"},
        "spec": {"replicas": pods},
        "status": {"replicas": pods, "readyReplicas": pods, "updatedReplicas": pods, "availableReplicas": pods},
    }


@pytest.fixture
def server() -> Iterator[ActiveKubeServer]:
    with ActiveKubeServer(compose(named("base"), {"change": [ready(2)]})) as running:
        yield running


def configured(server: ActiveKubeServer, folder: Path, probe: dict[str, Any] | None) -> Path:
    path = folder / "egress-diag.yaml"
    entry = {"name": "x", "kubeconfig": str(server.kubeconfig(folder)), "azure": "none"}
    path.write_text(yaml.safe_dump({"clusters": [entry], **({} if probe is None else {"probe": probe})}))
    return path


@pytest.fixture
def config(server: ActiveKubeServer, tmp_path: Path) -> Path:
    return configured(server, tmp_path, {"namespaces": ["team-egress"]})


def test_a_probe_shows_its_plan_then_its_result_and_deletes_its_job(server: ActiveKubeServer, config: Path) -> None:
    answer = ask("probe", *GATEWAY, "--config", config, "--yes")
    assert answer.code == 0
    assert "POST /apis/batch/v1/namespaces/team-egress/jobs" in answer.err
    assert "image: docker.io/curlimages/curl:8.11.1" in answer.err
    assert answer.out.startswith("As expected: Traffic from pod team-egress/egress-diag-probe-")
    assert server.jobs == {}
    assert server.changes == {"POST Job": 1, "DELETE Job": 1}


def test_another_address_is_exit_code_1_and_changes_the_verdict(server: ActiveKubeServer, config: Path) -> None:
    server.kubelet = Kubelet(log="52.1.2.3\n{id} 0 200 0.42 \n")
    answer = ask("probe", *GATEWAY, "--config", config, "--yes", "--output", "json")
    assert answer.code == 1
    found = answer.document
    assert found["schema"] == "egress-diag/action/v1"
    assert found["plan"]["kind"] == "probe-pod"
    assert found["result"]["outcome"] == "not-as-expected"
    assert found["result"]["probe"]["addresses"] == ["52.1.2.3"]
    assert (found["verdict"], found["root_causes"]) == ("broken", ["uninjected-pod-fails"])


def test_a_probe_from_the_gateway_announces_what_stays(server: ActiveKubeServer, config: Path) -> None:
    answer = ask("probe", *GATEWAY, "--from", "gateway", "--config", config, "--yes")
    assert answer.code == 0
    assert "an ephemeral container cannot be removed" in answer.err
    assert "stays until the pod restarts" in answer.out
    assert server.changes == {"PATCH Pod": 1}


def test_a_restart_is_executed_and_diagnosed_again(server: ActiveKubeServer, config: Path) -> None:
    answer = ask("restart", *GATEWAY, "--config", config, "--yes", "--output", "json")
    assert answer.code == 0
    assert answer.document["result"]["summary"].endswith("2 of 2 new pods are available.")
    assert "verdict" in answer.document
    assert server.changes == {"PATCH Deployment": 1}


def test_the_last_ready_pod_is_restarted_only_with_the_name(tmp_path: Path) -> None:
    with ActiveKubeServer(compose(named("base"), {"change": [ready(1)]})) as server:
        config = configured(server, tmp_path, {"namespaces": ["team-egress"]})
        for given in ((), ("--confirm", "another")):
            answer = ask("restart", *GATEWAY, "--config", config, "--yes", *given)
            assert (answer.code, answer.out) == (2, "Refused: Confirm this restart with --confirm egw-asm-1-30.\n")
        assert not server.changes
        assert ask("restart", *GATEWAY, "--config", config, "--yes", "--confirm", "egw-asm-1-30").code == 0
        assert server.changes == {"PATCH Deployment": 1}


def test_nothing_is_changed_without_a_confirmation(server: ActiveKubeServer, config: Path) -> None:
    answer = ask("probe", *GATEWAY, "--config", config)
    assert answer.code == 2
    assert "was not confirmed" in answer.out
    assert not server.changes


def test_active_steps_are_off_unless_the_configuration_lists_the_namespace(
    server: ActiveKubeServer, tmp_path: Path
) -> None:
    off = configured(server, tmp_path, None)
    assert "the configuration has no section probe" in refused("probe", *GATEWAY, "--config", off)
    elsewhere = configured(server, tmp_path, {"namespaces": ["payments"]})
    answer = ask("restart", *GATEWAY, "--config", elsewhere, "--yes")
    assert answer.code == 2
    assert "probe.namespaces of the configuration lists payments" in answer.out
    assert not server.changes


def test_a_step_that_cannot_be_completed_is_exit_code_3(server: ActiveKubeServer, config: Path) -> None:
    server.kubelet = Kubelet(refusal=(403, 'jobs.batch is forbidden: User "u" cannot create resource "jobs"'))
    answer = ask("probe", *GATEWAY, "--config", config, "--yes")
    assert answer.code == 3
    assert "lacks a permission" in answer.out


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"urls": ["ftp://x"]}, "probe.urls: 'ftp://x': expected a URL"),
        ({"urls": []}, "probe.urls:"),
        ({"urls": ["https://u:p@x.example"]}, "expected one without credentials"),
        ({"namespaces": ["team-*"]}, "expected the name of a namespace, without wildcards"),
        ({"approvals": 3}, "probe.approvals:"),
        ({"image": "a b"}, "probe.image:"),
        ({"canary": "1m"}, "probe.canary: expected off, or an interval of at least 5m"),
        ({"canary": "often"}, "probe.canary: expected a duration such as 30d, 8h or 90s"),
        ({"canary": "1h"}, "expected namespaces, too"),
        ({"url": "https://x"}, "unknown key"),
    ],
)
def test_wrong_settings_are_named(
    server: ActiveKubeServer, tmp_path: Path, probe: dict[str, Any], expected: str
) -> None:
    assert expected in refused("probe", *GATEWAY, "--config", configured(server, tmp_path, probe))
