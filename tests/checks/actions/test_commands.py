"""`egress-diag probe` and `restart` as a user runs them.

They use a loopback API server with a kubelet.
"""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from checks.config.probe_configuration import ProbeConfig
from tests.clusters.compose import compose, named
from tests.command_line import ENVIRONMENT, PROGRAM, ask, refused
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


def test_a_wrong_name_is_refused_also_where_none_is_needed(server: ActiveKubeServer, config: Path) -> None:
    answer = ask("restart", *GATEWAY, "--config", config, "--yes", "--confirm", "egw-asm-1-29")
    assert answer.code == 2
    assert answer.out == "Refused: --confirm names egw-asm-1-29, but the plan restarts egw-asm-1-30.\n"
    assert not server.changes
    assert ask("restart", *GATEWAY, "--config", config, "--yes", "--confirm", "egw-asm-1-30").code == 0


def test_a_refusal_before_the_plan_is_a_document_too(server: ActiveKubeServer, config: Path, tmp_path: Path) -> None:
    as_json = ("--yes", "--output", "json")
    (folder := tmp_path / "off").mkdir()
    off = ask("probe", *GATEWAY, "--config", configured(server, folder, None), *as_json)
    unknown = ask("probe", "x", "team-egress/egw2", "--config", config, *as_json)
    for answer, kind in ((off, "not-configured"), (unknown, "unknown-gateway")):
        assert answer.code == 2
        assert answer.document["plan"] is None
        assert answer.document["result"]["outcome"] == "refused"
        assert answer.document["result"]["refusal"]["kind"] == kind
    assert unknown.document["result"]["refusal"]["choices"] == ["team-egress/egw"]


def test_a_gateway_that_the_cluster_does_not_have_is_unknown_also_while_azure_cannot_be_read(
    server: ActiveKubeServer, tmp_path: Path
) -> None:
    entry = {"name": "x", "kubeconfig": str(server.kubeconfig(tmp_path)), "azure": "live", "subscription_id": "0-1"}
    config = tmp_path / "egress-diag.yaml"
    entry |= {"resource_group": "rg", "aks_name": "aks"}
    config.write_text(yaml.safe_dump({"clusters": [entry], "probe": {"namespaces": ["team-egress"]}}))
    said = refused("restart", "x", "team-egress/egv", "--config", config, "--timeout", "20")
    assert 'no egress gateway "team-egress/egv" in the cluster: did you mean team-egress/egw?' in said
    assert "The mesh profile was not read: " in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_deletes_the_probe_and_is_reported_in_the_document(
    server: ActiveKubeServer, config: Path, number: signal.Signals
) -> None:
    server.kubelet = Kubelet(seconds=60)
    words = ["probe", *GATEWAY, "--config", str(config), "--yes", "--output", "json"]
    command = subprocess.Popen(
        [PROGRAM, *words], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while not server.jobs and time.monotonic() < until:
        time.sleep(0.05)
    assert server.jobs, "the probe has begun"
    command.send_signal(number)
    out, err = command.communicate(timeout=60)
    assert (command.returncode, server.jobs) == (3, {}), err
    found = orjson.loads(out)
    assert found["result"]["outcome"] == "not-completed"
    assert found["result"]["summary"] == f"{number.name} interrupted the step."
    assert found["result"]["left_over"] == ""
    assert "Aborted" not in err


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
    assert "probe.namespaces of the configuration lists payments" in " ".join(answer.out.split())
    assert not server.changes


def test_a_step_that_cannot_be_completed_is_exit_code_3(server: ActiveKubeServer, config: Path) -> None:
    server.kubelet = Kubelet(refusal=(403, 'jobs.batch is forbidden: User "u" cannot create resource "jobs"'))
    answer = ask("probe", *GATEWAY, "--config", config, "--yes")
    assert answer.code == 3
    assert "lacks a permission" in answer.out


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"urls": ["ftp://x"]}, "probe.urls: 'ftp://x': it is not http or https; expected a URL such as"),
        ({"urls": []}, "probe.urls:"),
        ({"urls": ["https://u:p@x.example"]}, "expected one without credentials"),
        ({"namespaces": ["team-*"]}, "expected the name of a namespace, without wildcards"),
        ({"approvals": 3}, "probe.approvals:"),
        ({"urls": ["https://x.example/[1-3]"]}, "it contains [ or ] outside of an IPv6 address"),
        ({"urls": ["https://[1-3].example/ip"]}, "probe.urls: 'https://[1-3].example/ip':"),
        ({"urls": ["https://{a,b}.example/ip"]}, "it contains a character that URLs may not contain"),
        ({"urls": ["https://x.example:99999/ip"]}, "Port out of range 0-65535"),
        ({"urls": ["https://x.example:0/ip"]}, "its port is not a number from 1 to 65535"),
        ({"urls": ["https://x.example:/ip"]}, "its port is not a number from 1 to 65535"),
        ({"urls": ["https://x.example:http/ip"]}, "probe.urls: 'https://x.example:http/ip':"),
        ({"urls": ["https://-x.example/ip"]}, "its host is no name or IP address"),
        ({"urls": ["https://x..example/ip"]}, "its host is no name or IP address"),
        ({"urls": ["https://x.example/a b"]}, "it contains a character that URLs may not contain"),
        ({"image": "a b"}, "probe.image:"),
        ({"image": "docker.io/curlimages/curl:"}, "probe.image:"),
        ({"image": "docker.io//curl:8"}, "probe.image:"),
        ({"image": "docker.io/Curl/curl:8"}, "probe.image:"),
        ({"image": "docker.io/curl@sha256:abc"}, "probe.image:"),
        ({"image": "curl:8:9"}, "probe.image:"),
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


@pytest.mark.parametrize(
    "probe",
    [
        {"urls": ["https://ifconfig.me/ip", "http://[2001:db8::1]:8080/ip", "https://20.50.60.9/?a=1&b=%5B1%5D"]},
        {"urls": ["https://echo_service.payments.svc.cluster.local.:8443/ip"]},
        {"image": "curl"},
        {"image": "Registry.internal:5000/tools/curl_x/curl-8__a:V8.11_1-x"},
        {"image": f"docker.io/curlimages/curl:8.11.1@sha256:{'0a' * 32}"},
    ],
)
def test_valid_settings_are_accepted(probe: dict[str, Any]) -> None:
    assert ProbeConfig(**probe).model_dump(include=set(probe), mode="json") == probe
