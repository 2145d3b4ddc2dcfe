"""An API server that does not answer.

Each command says the same cause once and first, with the same fix.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from tests.checks.doctor.test_kube_context import doctor, failed, kubeconfig, proxy
from tests.clusters.compose import compose, named
from tests.command_line import ENVIRONMENT, ask
from tests.loopback.kube import KubeServer
from tests.redis_server import find_free_port

pytestmark = pytest.mark.slow


def unreachable(barrier: str, stack: ExitStack, folder: Path) -> tuple[Path, dict[str, str]]:
    """The kubeconfig of an API server behind a barrier, and environment variables."""
    match barrier:
        case "dns":
            return kubeconfig(folder, "https://aks-prod.invalid:443"), {}
        case "refused":
            return kubeconfig(folder, f"https://127.0.0.1:{find_free_port()}"), {}
        case "tls":
            trustme.CA().cert_pem.write_to_path(str(folder / "other.pem"))
            server = stack.enter_context(KubeServer(named("base"), authority=trustme.CA()))
            return kubeconfig(folder, server.url, ca=folder / "other.pem"), {}
        case _:
            address = stack.enter_context(proxy("407 Proxy Authentication Required"))
            return kubeconfig(folder, "https://aks-prod.example:443"), {"HTTPS_PROXY": address}


@pytest.mark.parametrize("barrier", ["dns", "refused", "tls", "proxy"])
def test_each_command_names_the_cause_and_the_fix_that_doctor_names(barrier: str, tmp_path: Path) -> None:
    """Before, a diagnosis began with the managed cluster, and all causes had one fix."""
    with ExitStack() as stack:
        path, variables = unreachable(barrier, stack, tmp_path)
        line = failed(doctor(path, tmp_path, **variables))
        environment = {**ENVIRONMENT, "KUBECONFIG": str(path), **variables}
        diagnosed = ask("diagnose", "team-egress/egw", "--output", "json", cwd=tmp_path, env=environment)
        text = ask("diagnose", "team-egress/egw", cwd=tmp_path, env=environment)
        listed = ask("list", cwd=tmp_path, env=environment)
    (reason,) = diagnosed.document["not_checked"]
    assert reason["reason"] == f"The API server of cluster prod cannot be reached: {line['observed']}"
    assert f"{reason['actions'][0]['title']}." == line["remedy"]
    assert (diagnosed.code, text.code, listed.code) == (3, 3, 3)
    for said in (text.out.rpartition("\nInconclusive: ")[0], listed.err):
        words = " ".join(said.split())
        assert words.count(line["observed"]) == 1
        assert words.index(line["observed"]) < 100
        assert " ".join(line["remedy"].rstrip(".").split()) in words
        assert "not identified" not in words


def test_a_rejected_token_is_said_once(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        environment = {**ENVIRONMENT, "KUBECONFIG": str(server.kubeconfig(tmp_path, {"token": "old"}))}
        diagnosed = ask("diagnose", "team-egress/egw", "--output", "json", cwd=tmp_path, env=environment)
        listed = ask("list", cwd=tmp_path, env=environment)
    (reason,) = diagnosed.document["not_checked"]
    assert reason["reason"] == "The API server of cluster loopback rejected the token of this diagnosis (401)"
    assert listed.err.count("(401)") == 1
    assert "not identified" not in listed.err


def test_a_plugin_without_a_token_is_one_reason(tmp_path: Path) -> None:
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "false", "interactiveMode": "Never"}
    }
    environment = {**ENVIRONMENT, "KUBECONFIG": str(kubeconfig(tmp_path, "https://127.0.0.1:1", user))}
    diagnosed = ask("diagnose", "team-egress/egw", "--output", "json", cwd=tmp_path, env=environment)
    (reason,) = diagnosed.document["not_checked"]
    assert reason["reason"].startswith("No credentials for the API server: ")
    assert "not identified" not in reason["reason"]


def test_a_wrong_name_is_proved_from_the_cluster_without_a_sign_in_to_azure(tmp_path: Path) -> None:
    """Before, the run was inconclusive, and the reason was the missing sign-in."""
    with KubeServer(named("base")) as server:
        environment = {**ENVIRONMENT, "KUBECONFIG": str(server.kubeconfig(tmp_path))}
        wrong = ask("diagnose", "team-egress/eqw", cwd=tmp_path, env=environment)
        listed = ask("list", cwd=tmp_path, env=environment)
        as_json = ask("list", "--output", "json", cwd=tmp_path, env=environment)
    assert (wrong.code, wrong.out) == (2, "")
    said = " ".join(wrong.err.split())
    assert 'no egress gateway "team-egress/eqw" in the cluster: did you mean team-egress/egw?' in said
    assert "The mesh profile was not read: Not signed in to Azure" in said
    assert (listed.code, as_json.code) == (0, 0)
    assert "team-egress/egw" in listed.out
    remark = "Gateways that are only in the mesh profile in Azure are not listed. Not signed in to Azure"
    assert " ".join(listed.err.split()).startswith(remark)
    assert as_json.document["complete"] is False


def test_a_name_is_not_wrong_if_the_cluster_was_not_read(tmp_path: Path) -> None:
    error = {"source": "kubernetes", "resource": "services", "status": 403, "message": "forbidden"}
    with KubeServer(compose(named("base"), {"errors": [error]})) as server:
        environment = {**ENVIRONMENT, "KUBECONFIG": str(server.kubeconfig(tmp_path))}
        asked = ask("diagnose", "team-egress/eqw", cwd=tmp_path, env=environment)
    assert asked.code == 3
    assert asked.out.startswith("Inconclusive: ")
