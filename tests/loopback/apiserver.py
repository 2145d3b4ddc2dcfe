"""A real API server with etcd, with the objects of a test cluster.

If wanted, its controllers run, too. The programs are in the folder of KUBEBUILDER_ASSETS.
"""

from __future__ import annotations

import copy
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import orjson
import urllib3
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.clusters.compose import Manifest, resource_of
from tests.redis_server import find_free_port

ADMIN = "admin-token"
UNPRIVILEGED = "unprivileged-token"
_CLUSTER_WIDE = {"Namespace", "Node", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ClusterRole"}
_ORDER = {
    "Namespace": 0,
    "Node": 1,
    "StaticGatewayConfiguration": 2,
    "Deployment": 2,
    "DaemonSet": 2,
    "ReplicaSet": 3,
    "Event": 8,
}
_LAST = {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ResourceQuota"}
"""The kinds that are created last: webhooks and quotas take effect immediately."""
_CONTROLLERS = (
    *("deployment-controller", "replicaset-controller", "job-controller", "ttl-after-finished-controller"),
    *("garbage-collector-controller", "namespace-controller", "serviceaccount-controller", "resourcequota-controller"),
)
"""The controllers that take part in an active step."""
_GIVEN = ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields", "selfLink", "deletionTimestamp")


class ApiServer:
    """kube-apiserver and etcd on loopback, stopped at the end.

    Clients use `url`, `ca` and one of two tokens. With `controllers`, kube-controller-manager also runs, and pods need
    the service account that it creates in each namespace. `without` are admission plugins that are off.
    """

    def __init__(self, assets: Path, folder: Path, *, controllers: bool = False, without: Sequence[str] = ()) -> None:
        self.assets = assets
        self.folder = folder
        self.controllers = controllers
        self.without = [*without, *([] if controllers else ["ServiceAccount"])]
        self.url = ""
        self._processes: list[subprocess.Popen[bytes]] = []
        self._logs: list[IO[bytes]] = []
        self._uids: dict[str, str] = {}
        self.http = urllib3.PoolManager(ca_certs=str(self.ca), maxsize=8)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.http.clear()
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        for file in self._logs:
            file.close()

    @property
    def ca(self) -> Path:
        return self.folder / "certs/apiserver.crt"

    def kubeconfig(self, token: str = ADMIN) -> Path:
        path = self.folder / f"kubeconfig-{token}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "real",
            "clusters": [{"name": "real", "cluster": {"server": self.url, "certificate-authority": str(self.ca)}}],
            "contexts": [{"name": "real", "context": {"cluster": "real", "user": "someone"}}],
            "users": [{"name": "someone", "user": {"token": token}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def install(self, definitions: Path) -> None:
        """Create every CustomResourceDefinition of a folder and wait until all are served."""
        for path in sorted(definitions.glob("*.yaml")):
            for definition in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
                if definition:
                    self.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = self.ask("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
            if all(_established(each) and self._serves(each) for each in found):
                return
            time.sleep(0.2)
        raise TimeoutError("the definitions are not served")

    def create(self, objects: Iterable[Manifest]) -> list[Manifest]:
        """Create the objects with their status, and return each as the server returns it."""
        ordered = sorted(objects, key=lambda each: 9 if each["kind"] in _LAST else _ORDER.get(each["kind"], 5))
        return [self._create(each) for each in ordered]

    def ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The server's JSON. Raises AssertionError with the server's message for an error status."""
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        answer = self.http.request(verb, self.url + path, body=orjson.dumps(body) if body else None, headers=headers)
        assert answer.status < 300, f"{verb} {path}: {answer.status} {answer.data[:600]!r}"
        return orjson.loads(answer.data)

    def _serves(self, definition: Manifest) -> bool:
        """Whether a new kind can be listed: its storage needs a moment, in which the answer is 429."""
        group, plural = definition["spec"]["group"], definition["spec"]["names"]["plural"]
        version = next(each["name"] for each in definition["spec"]["versions"] if each["served"])
        headers = {"Authorization": f"Bearer {ADMIN}"}
        url = f"{self.url}/apis/{group}/{version}/{plural}"
        return self.http.request("GET", url, headers=headers, retries=False).status == 200

    def _create(self, manifest: Manifest) -> Manifest:
        wanted = copy.deepcopy(manifest)
        old = str(wanted["metadata"].get("uid", ""))
        for key in _GIVEN:
            wanted["metadata"].pop(key, None)
        self._follow_uids(wanted)
        path = _path(wanted)
        created = self.ask("POST", path, wanted)
        self._uids[old] = created["metadata"]["uid"]
        here = f"{path}/{created['metadata']['name']}"
        if "status" in wanted and wanted["status"] != created.get("status"):
            self.ask("PUT", f"{here}/status", {**created, "status": wanted["status"]})
        found: Manifest = self.ask("GET", here)
        return found

    def _follow_uids(self, wanted: Manifest) -> None:
        """Replace UIDs in references: the server assigns its own."""
        for owner in wanted["metadata"].get("ownerReferences") or ():
            owner["uid"] = self._uids.get(owner["uid"], owner["uid"])
        about = wanted.get("involvedObject") or {}
        if about.get("uid") in self._uids:
            about["uid"] = self._uids[about["uid"]]

    def _start(self) -> None:
        client, peer, secure = (find_free_port() for _ in range(3))
        etcd = f"http://127.0.0.1:{client}"
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self.folder / "sa.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )
        (self.folder / "sa.pub").write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        (self.folder / "tokens.csv").write_text(f'{ADMIN},admin,1,"system:masters"\n{UNPRIVILEGED},unprivileged,2\n')
        self._run(
            "etcd",
            f"--data-dir={self.folder}/etcd",
            "--unsafe-no-fsync",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
        )
        self.url = f"https://127.0.0.1:{secure}"
        self._run(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            f"--cert-dir={self.folder}/certs",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--service-account-issuer={self.url}",
            f"--service-account-signing-key-file={self.folder}/sa.key",
            f"--service-account-key-file={self.folder}/sa.pub",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            f"--token-auth-file={self.folder}/tokens.csv",
            "--endpoint-reconciler-type=none",
            f"--disable-admission-plugins={','.join(self.without)}",
        )
        self._wait()
        if self.controllers:
            self._run(
                "kube-controller-manager",
                f"--kubeconfig={self.kubeconfig()}",
                f"--controllers={','.join(_CONTROLLERS)}",
                f"--service-account-private-key-file={self.folder}/sa.key",
                f"--root-ca-file={self.ca}",
                "--leader-elect=false",
                "--secure-port=0",
                "--kube-api-qps=500",
                "--kube-api-burst=1000",
            )

    def _run(self, name: str, *arguments: str) -> None:
        self._logs.append((self.folder / f"{name}.log").open("wb"))
        self._processes.append(
            subprocess.Popen([str(self.assets / name), *arguments], stdout=self._logs[-1], stderr=subprocess.STDOUT)
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and all(process.poll() is None for process in self._processes):
            if not self.ca.exists():
                time.sleep(0.1)
                continue
            try:
                headers = {"Authorization": f"Bearer {ADMIN}"}
                if self.http.request("GET", f"{self.url}/readyz", headers=headers, retries=False).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.2)
        raise TimeoutError((self.folder / "kube-apiserver.log").read_text()[-2000:])


def _path(manifest: Manifest) -> str:
    version = str(manifest["apiVersion"])
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = resource_of(manifest).partition(".")[0]
    namespace = manifest["metadata"].get("namespace")
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def _established(definition: Manifest) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
