"""Connecting to an API server, and the errors without credentials.

Anonymous requests are never sent.
"""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from checks.config.configuration import ClusterConfig
from checks.facts.fact import Credentials, Gap
from checks.facts.pods import Pod
from checks.sources.live import SourceError, close_sources, open_source
from checks.sources.source import Answer, Objects
from tests.clusters.compose import named
from tests.loopback.kube import KubeServer


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    close_sources()


def pods(kubeconfig: Path | str, context: str | None = None, seconds: float = 10) -> Answer:
    entry = ClusterConfig(name="weu", kubeconfig=str(kubeconfig), context=context, azure="none")
    return open_source(entry).list_objects(Pod.origin, monotonic() + seconds)


def plugin(folder: Path, body: str) -> dict[str, object]:
    """A user whose credentials come from a program."""
    path = folder / "login"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "interactiveMode": "Never"}}


def refusal(kubeconfig: Path | str, context: str | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        pods(kubeconfig, context)
    return str(caught.value)


def test_a_token_of_the_kubeconfig(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        assert isinstance(pods(server.kubeconfig(tmp_path)), Objects)


def test_a_token_in_a_file_beside_the_kubeconfig(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        (tmp_path / "token").write_text(f"{server.token}\n")
        assert isinstance(pods(server.kubeconfig(tmp_path, {"tokenFile": "token"})), Objects)


def test_a_plugin_that_logs_in(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        status = f'"status":{{"token":"{server.token}"}}'
        message = f'{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",{status}}}'
        assert isinstance(pods(server.kubeconfig(tmp_path, plugin(tmp_path, f"echo '{message}'"))), Objects)


def test_a_plugin_that_fails_is_a_gap_and_no_request_is_sent(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        answer = pods(server.kubeconfig(tmp_path, plugin(tmp_path, "echo no login >&2; exit 1")))
        assert not server.requests
    assert isinstance(answer, Gap)
    assert answer.status == 401
    assert answer.credentials is Credentials.KUBECONFIG
    assert answer.message.endswith("its plugin returned no token: exec: process returned 1. no login")


def test_a_plugin_that_waits_for_input_ends_at_the_deadline(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        began = monotonic()
        answer = pods(server.kubeconfig(tmp_path, plugin(tmp_path, "exec sleep 20")), seconds=0.5)
        assert monotonic() - began < 15
        assert not server.requests
    assert isinstance(answer, Gap)
    assert answer.status == 504


def test_a_plugin_that_is_not_installed(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "kubelogin-that-is-not-here"}}
    with KubeServer(named("base")) as server:
        message = refusal(server.kubeconfig(tmp_path, user))
        assert not server.requests
    assert "user someone signs in with the plugin kubelogin-that-is-not-here, which is not installed here" in message
    assert "or remove kubeconfig to connect through Azure" in message


def test_a_user_without_credentials(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        message = refusal(server.kubeconfig(tmp_path, {}))
        assert not server.requests
    assert "user someone has no credentials; anonymous requests are not sent" in message


def test_a_password_is_no_credential_of_an_api_server(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        message = refusal(server.kubeconfig(tmp_path, {"username": "admin", "password": "hunter2"}))
        assert not server.requests
    assert "user someone has no credentials; anonymous requests are not sent" in message


@pytest.mark.parametrize(("key", "value"), [("as", "viewer"), ("as-groups", ["viewers"])])
def test_a_user_that_acts_as_another_one_is_refused(key: str, value: object, tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        message = refusal(server.kubeconfig(tmp_path, {"token": server.token, key: value}))
        assert not server.requests
    assert f"user someone acts as {value if key == 'as' else 'others'} (impersonation)" in message


def test_the_retired_azure_login(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        message = refusal(server.kubeconfig(tmp_path, {"auth-provider": {"name": "azure", "config": {}}}))
    assert "kubelogin convert-kubeconfig" in message


def test_a_context_that_does_not_exist(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        message = refusal(server.kubeconfig(tmp_path), "prod")
    assert message == f'kubeconfig {tmp_path}/kubeconfig: no context "prod"; it has: loopback'


def test_a_kubeconfig_that_does_not_exist(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == f"kubeconfig {tmp_path}/none: cannot be read: No such file or directory"


@pytest.mark.parametrize("content", ["a: [", "- a", "", "contexts: [1]"])
def test_a_file_that_is_not_a_kubeconfig(content: str, tmp_path: Path) -> None:
    (tmp_path / "k").write_text(content)
    assert refusal(tmp_path / "k").startswith(f"kubeconfig {tmp_path}/k: ")


def test_in_cluster_outside_a_cluster() -> None:
    assert refusal("in-cluster").startswith("kubeconfig: in-cluster: this process does not run in a pod")


def test_a_context_without_its_cluster(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        path = server.kubeconfig(tmp_path)
    path.write_text(path.read_text().replace("cluster: loopback", "cluster: other"))
    assert 'names cluster "other", which has no server in this file' in refusal(path)


def test_connections_are_kept_until_the_kubeconfig_changes(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        path = server.kubeconfig(tmp_path)
        entry = ClusterConfig(name="weu", kubeconfig=str(path), azure="none")
        first = open_source(entry)
        assert open_source(ClusterConfig(name="weu", kubeconfig=str(path), azure="none")) is first
        for _ in range(3):
            first.list_objects(Pod.origin, monotonic() + 10)
        assert server.connections == 1
        path.write_text(path.read_text() + "\n")
        assert open_source(entry) is not first
