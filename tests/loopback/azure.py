"""Azure Resource Manager and Entra on loopback, for the unmodified official libraries.

The libraries use TLS with Azure's own names. The environment configures a proxy that answers instead of Azure,
with certificates of an authority that the environment trusts:

    with AzureServer(named("base"), kube=server) as azure, monkeypatch.context() as patch:
        for name, value in azure.environment(tmp_path).items():
            patch.setenv(name, value)
"""

from __future__ import annotations

import base64
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import orjson
import trustme
import yaml

from tests.clusters.compose import Cluster, Manifest
from tests.loopback.faults import Fault, Faults
from tests.loopback.kube import KubeServer
from tests.loopback.server import LoopbackHandler, LoopbackServer

LOGIN = "login.microsoftonline.com"
ARM = "management.azure.com"
GOVERNMENT = ("login.microsoftonline.us", "management.usgovcloudapi.net")
"""The host names in Azure Government."""
ARM_TOKEN = "arm-token-0123456789"
AKS_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
TENANT = "11111111-1111-1111-1111-111111111111"


class AzureServer:
    """Azure with one cluster, until it is closed.

    `kube` is the API server in the cluster's credentials; `latency` is in seconds per request; `local_account` makes it
    a cluster without Entra integration.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        kube: KubeServer | None = None,
        latency: float = 0.0,
        faults: Sequence[Fault] = (),
        local_account: bool = False,
        token_seconds: int = 3600,
        tokens: Mapping[str, Callable[[], str]] | None = None,
    ) -> None:
        self.cluster = cluster
        self.kube = kube
        self.latency = latency
        self.faults = Faults(faults)
        self.local_account = local_account
        self.token_seconds = token_seconds
        self.tokens = tokens or {}
        """How the token of a scope is made."""
        self.requests: Counter[str] = Counter()
        self.stopped = Event()
        self.authority = trustme.CA()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(LOGIN, ARM, *GOVERNMENT).configure_cert(self.tls)
        self._lock = Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.stop()
        self._thread.join(10)

    @property
    def id(self) -> str:
        """The managed cluster's ARM ID."""
        return str((self.cluster.managed_cluster or {})["id"])

    @property
    def entry(self) -> dict[str, str]:
        """The cluster's Azure names, for a configuration entry."""
        parts = self.id.split("/")
        return {"subscription_id": parts[2], "resource_group": parts[4], "aks_name": parts[8]}

    def environment(self, folder: Path) -> dict[str, str]:
        """The environment variables for the libraries.

        Writes the authority's certificate into the folder.
        """
        bundle = folder / "azure-ca.pem"
        bundle.write_bytes(self.authority.cert_pem.bytes())
        proxy = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": str(bundle),
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": "22222222-2222-2222-2222-222222222222",
            "AZURE_CLIENT_SECRET": "loopback",
            "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        }

    # for the handler

    def note(self, host: str, path: str) -> Fault | None:
        with self._lock:
            self.requests[f"{host}{path}"] += 1
        return self.faults.of(f"{host}{path}")

    def recorded_error(self, resource: str) -> Mapping[str, Any] | None:
        for error in self.cluster.errors:
            if error["source"] == "azure" and error["resource"].lower() in ("*", resource.lower()):
                return error
        return None

    def login(self) -> dict[str, str]:
        """The kubeconfig that `listClusterUserCredential` returns, in Azure's encoding."""
        if self.kube is None:
            return {"name": "clusterUser", "value": ""}
        user: dict[str, Any] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "kubelogin"}}
        if self.local_account:
            user = {"client-certificate-data": "Y2VydA==", "client-key-data": "a2V5", "token": self.kube.token}
        ca = base64.b64encode(self.kube.ca_pem.encode()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "aks", "cluster": {"server": self.kube.url, "certificate-authority-data": ca}}],
            "contexts": [{"name": "aks", "context": {"cluster": "aks", "user": "u"}}],
            "current-context": "aks",
            "users": [{"name": "u", "user": user}],
        }
        return {"name": "clusterUser", "value": base64.b64encode(yaml.safe_dump(config).encode()).decode()}


class _Server(LoopbackServer):
    owner: AzureServer


class _Handler(LoopbackHandler):
    server: _Server
    host = ""

    def do_CONNECT(self) -> None:  # noqa: N802 - the name that the base class requires
        """Accept the tunnel: the rest of the connection is TLS with this server as Azure."""
        self.host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.secure(self.server.owner.tls)
        self.open_files()
        self.close_connection = False

    def do_GET(self) -> None:  # noqa: N802 - the name that the base class requires
        self._serve("GET", b"")

    def do_POST(self) -> None:  # noqa: N802 - the name that the base class requires
        self._serve("POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _serve(self, method: str, body: bytes) -> None:
        owner = self.server.owner
        path = urlsplit(self.path).path
        if owner.latency:
            time.sleep(owner.latency)
        fault = owner.note(self.host, path)
        if fault is not None:
            owner.stopped.wait(fault.hang)
            if fault.close:
                self.close_connection = True
                return
            if fault.body is not None:
                self.send(200, fault.body)
                return
            if fault.cut:
                self.send(200, b'{"value":', {"Content-Length": "1000"})
                self.close_connection = True
                return
            if fault.drip:
                self.drip(fault.drip, owner.stopped)
                return
            if fault.status:
                self._error(fault.status, fault.message, fault.retry_after, code="Injected")
                return
        if self.host in (LOGIN, GOVERNMENT[0]):
            self._entra(path, body)
        elif self.headers.get("Authorization") != f"Bearer {ARM_TOKEN}":
            self._error(401, "The access token is missing.", code="AuthenticationFailed")
        else:
            self._arm(method, path)

    def _entra(self, path: str, body: bytes) -> None:
        if path.endswith("/token"):
            scope = parse_qs(body.decode()).get("scope", [""])[0]
            kube = self.server.owner.kube
            token = kube.token if scope == AKS_SCOPE and kube is not None else ARM_TOKEN
            if make := self.server.owner.tokens.get(scope):
                token = make()
            seconds = self.server.owner.token_seconds
            self._json(200, {"token_type": "Bearer", "expires_in": seconds, "access_token": token})
        elif path.endswith("/discovery/instance"):
            names = {"preferred_network": self.host, "preferred_cache": self.host, "aliases": [self.host]}
            discovery = f"https://{self.host}/{TENANT}/v2.0/.well-known/openid-configuration"
            self._json(200, {"tenant_discovery_endpoint": discovery, "metadata": [names]})
        else:
            base = f"https://{self.host}/{TENANT}"
            self._json(
                200,
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                },
            )

    def _arm(self, method: str, path: str) -> None:
        owner = self.server.owner
        path = path.rstrip("/")
        below = path.lower().removeprefix(owner.id.lower())
        if below == "/".join(owner.id.lower().split("/")[:3]) + "/providers/microsoft.containerservice/managedclusters":
            self._recorded("managedClusters", {"value": [owner.cluster.managed_cluster]})
            return
        match method, below:
            case "GET", "":
                self._recorded("managedClusters", owner.cluster.managed_cluster)
            case "GET", "/agentpools":
                pools = owner.cluster.agent_pools
                self._recorded("agentPools", None if pools is None else {"value": list(pools)})
            case "POST", "/listclusterusercredential":
                self._json(200, {"kubeconfigs": [owner.login()]})
            case _ if path.lower().endswith("/networkinterfaces"):
                below = f"{path.lower()}/"
                found = [each for each in owner.cluster.resources or () if str(each["id"]).lower().startswith(below)]
                self._recorded(path, {"value": found})
            case _:
                found = [each for each in owner.cluster.resources or () if str(each["id"]).lower() == path.lower()]
                self._recorded(path, found[0] if found else None)

    def _recorded(self, resource: str, body: Manifest | None) -> None:
        if error := self.server.owner.recorded_error(resource):
            self._error(int(error["status"]), str(error.get("message") or ""))
        elif body is None:
            self._error(404, f"The Resource '{resource}' was not found.", code="ResourceNotFound")
        else:
            self._json(200, body)

    def _error(self, status: int, message: str, retry_after: int | None = None, code: str = "") -> None:
        error = {"code": code, "message": message} if code else {"message": message}
        self._json(status, {"error": error}, {} if retry_after is None else {"Retry-After": str(retry_after)})

    def _json(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self.send(status, orjson.dumps(body), headers)

    def send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(content)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)
