"""A cluster served in an API server's wire format on loopback.

It serves pages, versions, partial metadata, logs and faults.
"""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, urlsplit

import orjson
import yaml

from bot.sandbox.cluster.injected_faults import InjectedFault, InjectedFaults
from bot.sandbox.cluster.loopback_server import LoopbackHandler, LoopbackServer
from checks.facts.kubernetes_kinds import LISTED_KINDS

__all__ = ["LOOPBACK_TOKEN", "VERSION", "KubeHandler", "KubeServer", "ServedCluster"]

_Manifest = dict[str, Any]

VERSION = "v1.33.5"
LOOPBACK_TOKEN = "loopback-token-0123456789"


class ServedCluster(Protocol):
    """The content of a cluster: objects, logs by `NAMESPACE/POD/CONTAINER`, failed reads."""

    @property
    def objects(self) -> Sequence[_Manifest]: ...

    @property
    def logs(self) -> Mapping[str, str]: ...

    @property
    def errors(self) -> Sequence[Mapping[str, Any]]: ...

    @property
    def absent_kinds(self) -> Collection[str]: ...


class CertificateAuthority(Protocol):
    """The certificate authority of a server with TLS, as the package trustme makes one."""

    @property
    def cert_pem(self) -> Any: ...

    def issue_cert(self, *names: str) -> Any: ...


class KubeServer:
    """Serves one cluster until it is closed.

    `latency` is in seconds per request; `versions` overrides the served versions of a resource; without `authority` it
    uses plain HTTP. Access reviews deny `denied` (`PLURAL.GROUP`, `pods/log`,
    or `VERB PLURAL.GROUP in NAMESPACE`).
    """

    handler: type[LoopbackHandler]

    def __init__(
        self,
        cluster: ServedCluster,
        *,
        latency: float = 0.0,
        faults: Sequence[InjectedFault] = (),
        token: str = LOOPBACK_TOKEN,
        authority: CertificateAuthority | None = None,
        versions: Mapping[str, Sequence[str]] | None = None,
        denied: Collection[str] = (),
    ) -> None:
        self.denied = frozenset(denied)
        self.latency = latency
        self.faults = InjectedFaults(faults)
        self.token = token
        self.authority = authority
        self.cluster = cluster
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self.stopped = Event()
        self._lock = Lock()
        self._lists = _lists(cluster)
        self._served = {**_VERSIONS, **(versions or {})}
        self._server = _Server(("127.0.0.1", 0), self.handler)
        self._server.owner = self
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
            # The handshake runs in the connection's thread, so that it does not block accepting others.
            self._server.tls = context
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.stop()
        self._thread.join(10)

    @property
    def url(self) -> str:
        scheme = "http" if self.authority is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def ca_pem(self) -> str:
        return "" if self.authority is None else str(self.authority.cert_pem.bytes().decode())

    def kubeconfig(self, folder: Path, user: Mapping[str, Any] | None = None) -> Path:
        """Write a kubeconfig for this server into the folder, with its token or with `user`."""
        path = folder / "kubeconfig"
        target: dict[str, Any] = {"server": self.url}
        if self.authority is not None:
            (folder / "ca.pem").write_text(self.ca_pem)
            target["certificate-authority"] = "ca.pem"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "loopback",
            "clusters": [{"name": "loopback", "cluster": target}],
            "contexts": [{"name": "loopback", "context": {"cluster": "loopback", "user": "someone"}}],
            "users": [{"name": "someone", "user": {"token": self.token} if user is None else dict(user)}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    # for the handler

    def note(self, path: str) -> InjectedFault | None:
        with self._lock:
            self.requests[path] += 1
        return self.faults.of(path)

    def note_connection(self) -> None:
        with self._lock:
            self.connections += 1

    def recorded_error(self, source: str, resource: str, namespace: str = "") -> Mapping[str, Any] | None:
        """The cluster's recorded error for this read, if there is one.

        An error with `readable_in` is for reads outside these namespaces.
        """
        for error in self.cluster.errors:
            readable = error.get("readable_in", ())
            if namespace in readable or (readable and resource == "version"):
                continue
            here = not namespace or error.get("namespace") in (None, "", namespace)
            if here and error["source"] == source and error["resource"] in ("*", resource):
                return error
        return None

    def listed(self, group: str, version: str, plural: str) -> tuple[str, list[_Manifest]] | None:
        """The list as (kind, objects), or None if the server does not have the resource."""
        resource = f"{plural}.{group}" if group else plural
        if resource in self.cluster.absent_kinds or version not in self._served.get(resource, ()):
            return None
        return _KINDS[resource], self._lists.get(resource, [])


class _Server(LoopbackServer):
    owner: KubeServer
    tls: ssl.SSLContext | None = None


class KubeHandler(LoopbackHandler):
    """Answers one connection."""

    server: _Server

    def setup(self) -> None:
        super().setup()
        if self.server.tls is not None:
            self.secure(self.server.tls)
            self.open_files()
        self.server.owner.note_connection()

    def do_GET(self) -> None:  # noqa: N802 - the name that the base class requires
        owner = self.server.owner
        url = urlsplit(self.path)
        if owner.latency:
            time.sleep(owner.latency)
        fault = owner.note(url.path)
        if fault is not None and self._faulty(fault):
            return
        if self.headers.get("Authorization") != f"Bearer {owner.token}":
            self.status(401, "Unauthorized")
            return
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        self._answer(url.path, query)

    def do_POST(self) -> None:  # noqa: N802 - the name that the base class requires
        """Answer an access review."""
        owner = self.server.owner
        body = orjson.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        path = urlsplit(self.path).path
        fault = owner.note(path)
        if fault is not None and self._faulty(fault):
            return
        if self.headers.get("Authorization") != f"Bearer {owner.token}":
            self.status(401, "Unauthorized")
        elif path != "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
            self.status(404, "the server could not find the requested resource")
        else:
            wanted = body["spec"]["resourceAttributes"]
            resource = "/".join(part for part in (wanted["resource"], wanted.get("subresource")) if part)
            name = f"{resource}.{wanted['group']}" if wanted.get("group") else resource
            here = f"{wanted['verb']} {name} in {wanted.get('namespace', '')}"
            self.json(201, {**body, "status": {"allowed": not {name, here} & owner.denied}})

    def _faulty(self, fault: InjectedFault) -> bool:
        if fault.hang:
            self.server.owner.stopped.wait(fault.hang)
        if fault.close:
            self.close_connection = True
        elif fault.body is not None:
            self.send(200, fault.body, fault.kind)
        elif fault.cut:
            self.send(200, b'{"kind":', "application/json", {"Content-Length": "1000"})
            self.close_connection = True
        elif fault.drip:
            self.drip(fault.drip, self.server.owner.stopped)
        elif fault.page:
            self.send(fault.status, b"<html>", "text/html")
        elif fault.status:
            self.status(fault.status, fault.message, fault.retry_after)
        else:
            return False
        return True

    def _answer(self, path: str, query: Mapping[str, str]) -> None:
        parts = path.strip("/").split("/")
        match parts:
            case ["version"]:
                self._version()
            case ["api", version, plural]:
                self._list("", version, plural, query)
            case ["apis", group, version, plural]:
                self._list(group, version, plural, query)
            case ["api", "v1", "namespaces", name]:
                self._namespace(name)
            case ["api", version, "namespaces", namespace, plural]:
                self._list("", version, plural, query, namespace)
            case ["apis", group, version, "namespaces", namespace, plural]:
                self._list(group, version, plural, query, namespace)
            case ["api", "v1", "namespaces", namespace, "pods", pod, "log"]:
                self._log(namespace, pod, query)
            case _:
                self.status(404, "the server could not find the requested resource")

    def _version(self) -> None:
        if error := self.server.owner.recorded_error("kubernetes", "version"):
            self._recorded(error)
        else:
            self.json(200, {"major": "1", "minor": "33", "gitVersion": VERSION})

    def _namespace(self, name: str) -> None:
        owner = self.server.owner
        if error := owner.recorded_error("kubernetes", "namespaces", name):
            self._recorded(error)
            return
        found = owner.listed("", "v1", "namespaces")
        manifest = next((each for each in (found[1] if found else []) if _name(each) == name), None)
        if manifest is None:
            self.status(404, f'namespaces "{name}" not found')
        else:
            self.json(200, manifest)

    def _list(self, group: str, version: str, plural: str, query: Mapping[str, str], namespace: str = "") -> None:
        owner = self.server.owner
        resource = f"{plural}.{group}" if group else plural
        if error := owner.recorded_error("kubernetes", resource, namespace):
            self._recorded(error)
            return
        found = owner.listed(group, version, plural)
        if found is None:
            self.status(404, "the server could not find the requested resource")
            return
        kind, objects = found
        if namespace:
            objects = [each for each in objects if _namespace(each) == namespace]
        begin = int(query.get("continue", "0"))
        end = begin + int(query.get("limit", len(objects) or 1))
        api_version = f"{group}/{version}" if group else version
        items = [self._item(each, kind, api_version) for each in objects[begin:end]]
        metadata: dict[str, Any] = {"resourceVersion": "1"}
        if end < len(objects):
            metadata |= {"continue": str(end), "remainingItemCount": len(objects) - end}
        partial = "PartialObjectMetadataList" in self.headers.get("Accept", "")
        list_kind, list_version = (
            ("PartialObjectMetadataList", "meta.k8s.io/v1") if partial else (f"{kind}List", api_version)
        )
        self.json(200, {"kind": list_kind, "apiVersion": list_version, "metadata": metadata, "items": items})

    def _item(self, manifest: _Manifest, kind: str, api_version: str) -> _Manifest:
        if "PartialObjectMetadataList" in self.headers.get("Accept", ""):
            return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": _owned(manifest)}
        if "." in api_version and not api_version.split("/", maxsplit=1)[0].endswith("k8s.io"):
            # Custom resources have kind and apiVersion, in the requested version.
            return {**manifest, "apiVersion": api_version, "kind": kind}
        return {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}

    def _log(self, namespace: str, pod: str, query: Mapping[str, str]) -> None:
        owner = self.server.owner
        if error := owner.recorded_error("logs", "pods/log", namespace):
            self._recorded(error)
            return
        found = owner.listed("", "v1", "pods")
        pods = found[1] if found else []
        manifest = next((p for p in pods if (_namespace(p), _name(p)) == (namespace, pod)), None)
        if manifest is None:
            self.status(404, f'pods "{pod}" not found')
            return
        container = query.get("container", "")
        statuses = [
            each
            for key in ("containerStatuses", "initContainerStatuses")
            for each in (manifest.get("status") or {}).get(key) or ()
            if each.get("name") == container
        ]
        text = owner.cluster.logs.get(f"{namespace}/{pod}/{container}")
        waiting = statuses[0].get("state", {}).get("waiting") if statuses else None
        if text is None and waiting:
            reason = waiting.get("reason", "ContainerCreating")
            self.status(400, f'container "{container}" in pod "{pod}" is waiting to start: {reason}')
            return
        lines = (text or "").splitlines(keepends=True)[-int(query.get("tailLines", 1_000_000)) :]
        self.send(200, "".join(lines).encode(), "text/plain")

    def _recorded(self, error: Mapping[str, Any]) -> None:
        if not error["status"]:
            self.close_connection = True
            return
        self.status(int(error["status"]), str(error.get("message") or ""))

    def status(self, code: int, message: str, retry_after: int | None = None) -> None:
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
        self.json(code, body, {} if retry_after is None else {"Retry-After": str(retry_after)})

    def json(self, code: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self.send(code, orjson.dumps(body), "application/json", headers)

    def send(self, code: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


KubeServer.handler = KubeHandler

_KINDS = {resource: fact.kind for resource, (fact, _) in LISTED_KINDS.items()}
_VERSIONS: dict[str, Sequence[str]] = {resource: origin.versions for resource, (_, origin) in LISTED_KINDS.items()}
_BY_KIND = {(origin.group, fact.kind): resource for resource, (fact, origin) in LISTED_KINDS.items()}
_BY_KIND["events.k8s.io", "Event"] = "events"


def _lists(cluster: ServedCluster) -> dict[str, list[_Manifest]]:
    """The objects by resource, in an API server's order."""
    found: dict[str, list[_Manifest]] = {}
    for manifest in cluster.objects:
        version = str(manifest["apiVersion"])
        group = version.partition("/")[0] if "/" in version else ""
        if (resource := _BY_KIND.get((group, str(manifest["kind"])))) is not None:
            found.setdefault(resource, []).append(manifest)
    for objects in found.values():
        objects.sort(key=lambda each: (_namespace(each), _name(each)))
    return found


def _owned(manifest: _Manifest) -> _Manifest:
    """The metadata with the field ownership of an object's data."""
    metadata = dict(manifest["metadata"])
    if isinstance(manifest.get("data"), Mapping):
        fields: _Manifest = {"f:data": {".": {}, **{f"f:{key}": {} for key in manifest["data"]}}, "f:type": {}}
        owner = {"manager": "kubectl-create", "operation": "Update", "apiVersion": "v1", "fieldsV1": fields}
        metadata.setdefault("managedFields", [owner])
    return metadata


def _namespace(manifest: _Manifest) -> str:
    return str(manifest["metadata"].get("namespace") or "")


def _name(manifest: _Manifest) -> str:
    return str(manifest["metadata"]["name"])
