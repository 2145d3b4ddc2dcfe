"""Doctor at a terminal with a kubeconfig only: each failure has one line and its own fix."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tests.clusters.compose import compose, named
from tests.command_line import ENVIRONMENT, Answer, ask, refused
from tests.docs.namespaces_only import NAMESPACES
from tests.loopback.azure import AzureServer
from tests.loopback.kube import KubeServer
from tests.redis_server import find_free_port

pytestmark = pytest.mark.slow

Line = dict[str, Any]


def kubeconfig(folder: Path, server: str, user: Mapping[str, Any] | None = None, ca: Path | None = None) -> Path:
    cluster = {"server": server, **({"certificate-authority": str(ca)} if ca else {})}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prod",
        "clusters": [{"name": "prod", "cluster": cluster}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "me"}}],
        "users": [{"name": "me", "user": dict(user or {"token": "t"})}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return path


def doctor(path: Path, folder: Path, *words: str, **variables: str) -> Answer:
    environment = {**ENVIRONMENT, "KUBECONFIG": str(path), **variables}
    return ask("doctor", "--output", "json", *words, cwd=folder, env=environment)


def failed(answer: Answer) -> Line:
    """The only requirement that is not met."""
    assert answer.code == 1, answer
    (line,) = [each for each in answer.document["lines"] if each["state"] == "wrong"]
    return dict(line)


def fixes(answer: Answer) -> list[str]:
    return [each["remedy"] for each in answer.document["lines"] if each["remedy"]]


@contextmanager
def proxy(answer: str) -> Iterator[str]:
    """A proxy that opens no tunnel."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(65536)
                    client.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def plugin(folder: Path, message: str) -> str:
    """A folder with a kubelogin that fails with this message."""
    program = folder / "bin/kubelogin"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{message}' >&2\nexit 1\n")
    program.chmod(0o755)
    return str(program.parent)


KUBELOGIN = {
    "exec": {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "kubelogin",
        "args": ["get-token"],
        "interactiveMode": "Never",
    }
}


def test_neither_redis_nor_slack_nor_a_configuration_is_asked_for(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        answer = doctor(server.kubeconfig(tmp_path), tmp_path, "--azure", "none")
        assert (answer.code, answer.document["result"]) == (0, "well")
        assert {each["part"] for each in answer.document["lines"]} == {"clusters"}
        text = ask("doctor", "--kubeconfig", server.kubeconfig(tmp_path), "--azure", "none", cwd=tmp_path)
    assert max(len(line) for line in text.out.splitlines() if str(tmp_path) not in line) <= 80
    assert "EGRESS_DIAG_CONFIG" not in text.out


def test_redis_is_checked_if_the_environment_names_it(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        url = f"redis://127.0.0.1:{find_free_port()}/0"
        answer = doctor(server.kubeconfig(tmp_path), tmp_path, "--azure", "none", REDIS_URL=url)
    assert failed(answer)["requirement"] == "redis-reachable"


def test_a_closed_port(tmp_path: Path) -> None:
    answer = doctor(kubeconfig(tmp_path, f"https://127.0.0.1:{find_free_port()}"), tmp_path)
    line = failed(answer)
    assert line["requirement"] == "kubernetes-reachable"
    assert line["observed"].endswith("refuses the connection")
    assert "check that the cluster runs" in line["remedy"]
    assert fixes(answer) == [line["remedy"]]


def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    answer = doctor(kubeconfig(tmp_path, "https://aks-prod.invalid:443"), tmp_path)
    line = failed(answer)
    assert line["observed"] == "the name of https://aks-prod.invalid:443 cannot be resolved"
    assert "private DNS zone" in line["remedy"]
    assert fixes(answer) == [line["remedy"]]


def test_a_certificate_of_another_authority(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with KubeServer(named("base"), authority=trustme.CA()) as server:
        answer = doctor(kubeconfig(tmp_path, server.url, ca=tmp_path / "other.pem"), tmp_path)
    line = failed(answer)
    assert "its certificate is not trusted" in line["observed"]
    assert "az aks get-credentials --overwrite-existing" in line["remedy"]
    assert fixes(answer) == [line["remedy"]]


@pytest.mark.parametrize("reply", ["407 Proxy Authentication Required", "502 Bad Gateway"])
def test_a_proxy_that_opens_no_tunnel(reply: str, tmp_path: Path) -> None:
    with proxy(reply) as address:
        answer = doctor(kubeconfig(tmp_path, "https://aks-prod.example:443"), tmp_path, HTTPS_PROXY=address)
    line = failed(answer)
    assert line["observed"] == f"the proxy between here and https://aks-prod.example:443 failed: {reply}"
    assert line["remedy"].startswith("Correct HTTPS_PROXY")
    assert fixes(answer) == [line["remedy"]]


def test_kubelogin_is_missing(tmp_path: Path) -> None:
    answer = doctor(kubeconfig(tmp_path, "https://127.0.0.1:1", KUBELOGIN), tmp_path)
    line = failed(answer)
    assert line["requirement"] == "cluster-source"
    assert "which is not installed here" in line["observed"]
    assert line["remedy"].startswith("Install kubelogin (az aks install-cli")


def test_the_sign_in_of_kubelogin_has_expired(tmp_path: Path) -> None:
    path = plugin(tmp_path, "AADSTS700082: The refresh token has expired due to inactivity.")
    config = kubeconfig(tmp_path, "https://127.0.0.1:1", KUBELOGIN)
    answer = doctor(config, tmp_path, PATH=f"{path}:{ENVIRONMENT['PATH']}")
    line = failed(answer)
    assert line["requirement"] == "kubernetes-login"
    assert "AADSTS700082" in line["observed"]
    assert line["remedy"].startswith("Sign in again: az login")
    assert fixes(answer) == [line["remedy"]]


def test_a_plugin_that_fails_for_another_reason(tmp_path: Path) -> None:
    path = plugin(tmp_path, "cannot open the token cache")
    config = kubeconfig(tmp_path, "https://127.0.0.1:1", KUBELOGIN)
    line = failed(doctor(config, tmp_path, PATH=f"{path}:{ENVIRONMENT['PATH']}"))
    assert "cannot open the token cache" in line["observed"]
    assert line["remedy"].startswith("Run kubectl get namespaces")


def test_a_token_that_the_api_server_rejects(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        answer = doctor(server.kubeconfig(tmp_path, {"token": "old"}), tmp_path)
    line = failed(answer)
    assert line["requirement"] == "kubernetes-login"
    assert line["remedy"].startswith("Renew the kubeconfig")
    assert fixes(answer) == [line["remedy"]]


def az(folder: Path, message: str) -> str:
    """A folder with an `az` that fails with this message."""
    program = folder / "az-bin/az"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "{message}" >&2\nexit 1\n')
    program.chmod(0o755)
    return f"{program.parent}:{ENVIRONMENT['PATH']}"


@pytest.mark.parametrize(
    ("message", "observed", "fix"),
    [
        ("", "azure-cli is not installed, and no other identity is available", "Install azure-cli"),
        (
            "run 'az login' to setup account.",
            "azure-cli is not signed in, and no other identity is available",
            "Sign in: az login.",
        ),
        (
            "ERROR: AADSTS700082: The refresh token has expired due to inactivity.",
            "AADSTS700082: The refresh token has expired due to inactivity.",
            "Sign in again: az login.",
        ),
    ],
    ids=["azure-cli missing", "not signed in", "expired"],
)
def test_the_sign_in_to_azure(message: str, observed: str, fix: str, tmp_path: Path) -> None:
    path = az(tmp_path, message) if message else ENVIRONMENT["PATH"]
    with KubeServer(named("base")) as server:
        answer = doctor(server.kubeconfig(tmp_path), tmp_path, PATH=path)
    line = failed(answer)
    assert (line["requirement"], line["observed"]) == ("azure-credential", observed)
    assert line["remedy"].startswith(fix)
    assert fixes(answer) == [line["remedy"]]


def test_a_cluster_that_is_found_in_azure_passes(tmp_path: Path) -> None:
    with KubeServer(named("base")) as kube, AzureServer(named("base"), kube=kube) as azure:
        answer = doctor(kube.kubeconfig(tmp_path), tmp_path, **azure.environment(tmp_path))
    assert [each for each in answer.document["lines"] if each["state"] == "wrong"] == []
    assert "azure-cluster" in {each["requirement"] for each in answer.document["lines"]}


def test_permissions_in_single_namespaces_are_a_warning_and_missing_ones_a_failure(tmp_path: Path) -> None:
    denied = [f"list pods in {each}" for each in ("", "aks-istio-egress", "kube-system")]
    denied += ["nodes"]
    with KubeServer(named("base"), denied=denied) as server:
        answer = doctor(server.kubeconfig(tmp_path), tmp_path, "--azure", "none")
    line = failed(answer)
    assert line["subject"] == "loopback list nodes"
    (warned,) = [each for each in answer.document["lines"] if each["state"] == "risk"]
    assert warned["observed"].startswith(f"only in {NAMESPACES[0]} and {NAMESPACES[1]}; ")


def test_without_a_kubeconfig_the_fix_is_to_create_one(tmp_path: Path) -> None:
    line = failed(doctor(tmp_path / "absent", tmp_path))
    assert line["observed"].startswith("there is no configuration, and the kubeconfig ")
    assert line["remedy"].startswith("Create it: az aks get-credentials ")


def test_nodes_that_may_not_be_read_leave_the_managed_cluster_unidentified(tmp_path: Path) -> None:
    error = {"source": "kubernetes", "resource": "nodes", "status": 403, "message": "forbidden"}
    with KubeServer(compose(named("base"), {"errors": [error]})) as server:
        line = failed(doctor(server.kubeconfig(tmp_path), tmp_path))
    assert line["requirement"] == "azure-cluster"
    assert line["observed"].startswith("the managed cluster is not identified: ")
    assert line["remedy"].startswith("Give the commands --managed-cluster")


def test_a_configuration_that_is_named_is_used(tmp_path: Path) -> None:
    answer = ask("doctor", "--config", "absent.yaml", "--only", "configuration", "--output", "json", cwd=tmp_path)
    assert failed(answer)["remedy"] == "Create the file, or name it with --config or EGRESS_DIAG_CONFIG."
    assert "give only one" in refused("doctor", "--config", "absent.yaml", "--context", "prod", cwd=tmp_path)


def test_permissions_in_three_namespaces_are_one_block_for_each_cause(tmp_path: Path) -> None:
    """Before, a Role in each namespace led to 44 blocks, none of which mentioned `--namespace`."""
    kinds = ("pods", "services", "configmaps", "events", "resourcequotas")
    denied = [f"list {kind} in {place}" for kind in kinds for place in ("", "aks-istio-egress", "kube-system")]
    with KubeServer(named("base"), denied=[*denied, "nodes", "namespaces"]) as server:
        environment = {**ENVIRONMENT, "KUBECONFIG": str(server.kubeconfig(tmp_path))}
        words = ("doctor", "--azure", "none")
        text = ask(*words, cwd=tmp_path, env=environment).out
        of_gateway = ask(*words, "-n", "team-egress", cwd=tmp_path, env=environment).out
        lines = ask(*words, "--output", "json", cwd=tmp_path, env=environment).document["lines"]
    blocks = [line for line in text.splitlines() if line.startswith(("  warning", "  fail"))]
    assert len(blocks) == 2
    assert text.count("fix: ") == len(blocks)
    assert "--namespace" in text
    assert len([each for each in lines if each["state"] in ("risk", "wrong")]) == 7, "JSON has each permission"
    assert "only in aks-istio-system and aks-static-egress-gateway: 5 (loopback list " in " ".join(text.split())
    assert "only in team-egress, aks-istio-system" in " ".join(of_gateway.split())
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 80


def test_a_certificate_that_is_not_verified_is_one_sentence(tmp_path: Path) -> None:
    """Before, the library printed a warning for every connection."""
    with KubeServer(named("base"), authority=trustme.CA()) as server:
        path = server.kubeconfig(tmp_path)
        content = yaml.safe_load(path.read_text())
        content["clusters"][0]["cluster"] = {"server": server.url, "insecure-skip-tls-verify": True}
        path.write_text(yaml.safe_dump(content))
        environment = {**ENVIRONMENT, "KUBECONFIG": str(path)}
        listed = ask("list", "--azure", "none", cwd=tmp_path, env=environment)
        text = ask("doctor", "--azure", "none", cwd=tmp_path, env=environment)
    assert "Warning" not in listed.err + text.err
    said = " ".join(listed.err.split())
    assert said == "The certificate of the API server is not verified: insecure-skip-tls-verify in the kubeconfig."
    assert (text.code, text.err) == (0, "")
    assert " ".join(text.out.split()).count("is not verified: insecure-skip-tls-verify") == 1


def test_a_server_without_encryption_is_refused_except_on_this_machine(tmp_path: Path) -> None:
    line = failed(doctor(kubeconfig(tmp_path, "http://aks-prod.example:80"), tmp_path))
    assert line["observed"].endswith("http://aks-prod.example:80: credentials would be sent without encryption")
    assert line["remedy"].startswith("Correct the server's address")
    here = doctor(kubeconfig(tmp_path, f"http://127.0.0.1:{find_free_port()}"), tmp_path)
    assert failed(here)["observed"].endswith("refuses the connection")
