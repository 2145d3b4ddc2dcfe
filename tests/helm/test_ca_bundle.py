"""Corporate certificate authorities: the clients of the processes and a real TLS server."""

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import certifi
import pytest
import trustme

from tests.helm.chart import Json, pod, pods, rendered
from tests.helm.matrix import MATRIX

pytestmark = pytest.mark.slow  # make check runs only fast tests

VALUES = MATRIX["a corporate certificate authority in a ConfigMap"]
CLIENTS = {
    # Slack's Web API and Socket Mode: urllib and OpenSSL's default context.
    "slack": "from slack_sdk import WebClient; print(WebClient(token='xoxb-1', base_url='{url}/api/').api_test()['ok'])",
    # Azure's SDK and the exporter of traces.
    "requests": "import requests; print(requests.get('{url}/').json()['ok'])",
    "azure": (
        "from azure.core.pipeline.transport import RequestsTransport; from azure.core.rest import HttpRequest\n"
        "with RequestsTransport() as it: print(it.send(HttpRequest('GET', '{url}/')).status_code == 200)"
    ),
    # A Prometheus.
    "prometheus": (
        "import time; from checks.sources.prometheus import Prometheus\n"
        "print(Prometheus('{url}', lambda: '').vector('up', time.monotonic() + 20) == [])"
    ),
    # Redis over TLS: the context of its client.
    "default context": (
        "import socket, ssl; host, port = '{url}'.removeprefix('https://').split(':')\n"
        "plain = socket.create_connection((host, int(port)))\n"
        "with ssl.create_default_context().wrap_socket(plain, server_hostname=host): print(True)"
    ),
}


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"ok": true, "status": "success", "data": {"resultType": "vector", "result": []}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def url(authority: trustme.CA) -> Iterator[str]:
    """The address of a server whose certificate the corporate authority signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = HTTPServer(("127.0.0.1", 0), _Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def environment(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the worker after its init container, with the paths in a folder."""
    folder = tmp_path_factory.mktemp("ca")
    (folder / "source").mkdir()
    (folder / "made").mkdir()
    # Without the line break at its end, as `kubectl create configmap --from-literal` stores it.
    (folder / "source/ca.crt").write_bytes(authority.cert_pem.bytes().rstrip())

    def here(text: str) -> str:
        return text.replace("/etc/egress-diag-ca-source", str(folder / "source")).replace(
            "/etc/egress-diag-ca", str(folder / "made")
        )

    spec = pod(rendered(VALUES), "worker")["spec"]
    (container,) = spec["initContainers"]
    path = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}"}
    subprocess.run([here(part) for part in container["command"]], env=path, check=True)
    variables = {each["name"]: each.get("value", "") for each in spec["containers"][0]["env"]}
    return path | {name: here(variables[name]) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_trusts_the_corporate_authority(client: str, url: str, environment: dict[str, str]) -> None:
    program = [sys.executable, "-c", CLIENTS[client].format(url=url)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
    without = subprocess.run(program, env={"PATH": environment["PATH"]}, capture_output=True, text=True, check=False)
    assert without.returncode == 1
    assert "True" not in without.stdout


def test_the_public_authorities_stay(environment: dict[str, str]) -> None:
    found = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"]).get_ca_certs()
    public = ssl.create_default_context(cafile=certifi.where()).get_ca_certs()
    assert len(found) == len(public) + 1


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_every_pod_but_redis_has_the_bundle(kind: str) -> None:
    values = MATRIX[f"a corporate certificate authority in a {kind}"]
    for component, each in pods(rendered(values)):
        names = {volume["name"] for volume in each["spec"]["volumes"]}
        assert ({"ca", "ca-source"} <= names) == (component != "redis"), component
        source: Json = next((v for v in each["spec"]["volumes"] if v["name"] == "ca-source"), {})
        if component != "redis":
            assert ("configMap" if kind == "ConfigMap" else "secret") in source
            assert each["spec"]["initContainers"][0]["name"] == "ca-bundle"
