"""The chart, installed by helm in a real API server, and requests as each of its accounts."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.chart import Json, program
from tests.loopback.apiserver import ADMIN, ApiServer

ASSETS = os.environ.get("KUBEBUILDER_ASSETS")  # noqa: TID251 - the ecosystem's convention for tests
DEFINITIONS = Path(__file__).parents[3] / "shared" / "crds"
NAMESPACE = "egress-diag"

LIVE = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not ASSETS, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"),
    pytest.mark.skipif(not DEFINITIONS.is_dir(), reason=f"no definitions in {DEFINITIONS}"),
]
"""The marks of tests that need a real API server."""


def create_classes(server: ApiServer) -> None:
    """Create the PriorityClasses and RuntimeClasses that pods of the matrix need."""
    for name in ("platform", "low", "high"):
        group = "scheduling.k8s.io/v1"
        body = {"apiVersion": group, "kind": "PriorityClass", "metadata": {"name": name}, "value": 1000}
        server.ask("POST", f"/apis/{group}/priorityclasses", body)
    for name in ("gvisor", "runc"):
        group = "node.k8s.io/v1"
        body = {"apiVersion": group, "kind": "RuntimeClass", "metadata": {"name": name}, "handler": name}
        server.ask("POST", f"/apis/{group}/runtimeclasses", body)


@dataclass
class InstalledChart:
    """A server with a release of the chart in the namespace `egress-diag`."""

    server: ApiServer

    def ask(
        self, verb: str, path: str, body: Any = None, token: str = ADMIN, kind: str = "application/json"
    ) -> tuple[int, Any]:
        """Status and body of one request with a token."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        data = json.dumps(body) if body is not None else None
        answer = self.server.http.request(verb, self.server.url + path, body=data, headers=headers, retries=False)
        return answer.status, json.loads(answer.data) if answer.data[:1] == b"{" else answer.data

    def token(self, account: str) -> str:
        """A token of a service account, like that of its pods."""
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        status, found = self.ask("POST", path, body)
        assert status == 201, found
        return str(found["status"]["token"])

    def kubeconfig(self, folder: Path, account: str) -> Path:
        """A kubeconfig with a token of a service account."""
        config = yaml.safe_load(self.server.kubeconfig().read_text())
        config["users"][0]["user"] = {"token": self.token(account)}
        path = folder / f"kubeconfig-{account}"
        path.write_text(yaml.safe_dump(config))
        return path

    def helm(self, *arguments: str, values: Json) -> str:
        """The output of helm, which must succeed."""
        place = ["--namespace", NAMESPACE, "--kubeconfig", str(self.server.kubeconfig()), "--values", "-"]
        done = subprocess.run(
            [program("helm"), *arguments, *place],
            input=json.dumps(values),
            env={"PATH": os.defpath, "HOME": str(self.server.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def password(self) -> str:
        """The password of Redis that the chart has created."""
        _, found = self.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/egress-diag-redis")
        return base64.b64decode(found["data"]["redis-password"]).decode()
