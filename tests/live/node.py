"""A stand-in for the scheduler and the kubelet of one node of a real API server.

It assigns pods to its node, starts, fails and ends their containers, and serves their logs to the API server over HTTPS,
as a kubelet does.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import orjson
import trustme
from kubernetes.client import ApiClient, Configuration, CoreV1Api
from kubernetes.client.exceptions import ApiException
from kubernetes.config import load_kube_config

from checks.actions.plan import ACTION_LABEL
from tests.loopback.server import LoopbackHandler, LoopbackServer

NODE = "aks-apps-0"
ADDRESS_OF_PREFIX = b"20.50.60.1\n{id} 0 200 0.420000 0.010000 0.020000 \n"
_PROBE = "egress-diag-probe-"
_ENDED = ("Succeeded", "Failed")

Json = dict[str, Any]


@dataclass(frozen=True)
class NodeBehaviour:
    """The behaviour of the node towards the pods of one namespace.

    `log` is that of a probe, with {id} in place of the plan's ID; the probe runs for `seconds` and ends with `exit_code`.
    `waiting` is the reason and message for which its container does not start, `terminated` replaces the end of it,
    `rejected` is the reason and message for which the kubelet refuses the pod, `unscheduled` is the scheduler's message,
    and `sandbox` that of a pod without a network. The log is served after `log_seconds` with `log_status`. Other pods run
    and, with `ready`, become ready after `ready_seconds`.
    """

    log: bytes = ADDRESS_OF_PREFIX
    seconds: float = 0.3
    exit_code: int = 0
    waiting: tuple[str, str] | None = None
    terminated: tuple[str, str] | None = None
    unscheduled: str = ""
    sandbox: str = ""
    rejected: tuple[str, str] | None = None
    log_status: int = 200
    log_seconds: float = 0.0
    ready: bool = True
    ready_seconds: float = 0.0


class NodeStandIn:
    """One node: every pod of the cluster runs on it.

    `behaviours` is by namespace. `logs_read` are the containers whose logs were requested, as `namespace/pod/container`;
    `problems` are the errors of its own requests.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.behaviours: dict[str, NodeBehaviour] = {}
        self.logs_read: list[str] = []
        self.problems: list[str] = []
        configuration = Configuration()
        load_kube_config(str(kubeconfig), client_configuration=configuration, persist_config=False)
        self._client = ApiClient(configuration)
        self._api = CoreV1Api(self._client)
        self._seen: dict[tuple[str, str], tuple[float, str]] = {}
        self._written: dict[str, bytes] = {}
        self._plans: dict[tuple[str, str], str] = {}
        self._stopped = Event()
        self._server = _LogServer(("127.0.0.1", 0), _LogHandler)
        self._server.node = self
        self._server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(self._server.tls)
        self._threads = [
            Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
            Thread(target=self._run, daemon=True),
        ]

    def __enter__(self) -> Self:
        self._api.create_node({"metadata": {"name": NODE}}, _preload_content=False)
        self._api.patch_node_status(NODE, {"status": self._node_status()}, _preload_content=False)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._threads[1].join(20)
        self._server.stop()
        self._threads[0].join(10)
        self._client.close()

    def behaviour(self, namespace: str) -> NodeBehaviour:
        return self.behaviours.get(namespace, NodeBehaviour())

    def probes(self, plan: str) -> list[str]:
        """The probe pods of a plan that the node has seen, also those that were deleted."""
        return [name for (_, name), each in self._plans.items() if each == plan]

    def log(self, namespace: str, pod: str, container: str) -> bytes:
        """The log of a container: that of a probe, or one line."""
        plan = container.removeprefix(_PROBE) if container.startswith(_PROBE) else self._plans.get((namespace, pod), "")
        if not plan:
            return b"started\n"
        return self.behaviour(namespace).log.replace(b"{id}", plan.encode())

    def _node_status(self) -> Json:
        amounts = {"cpu": "8", "memory": "32Gi", "pods": "250", "ephemeral-storage": "100Gi"}
        return {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._server.server_address[1]}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "capacity": amounts,
            "allocatable": amounts,
        }

    def _run(self) -> None:
        while not self._stopped.wait(0.1):
            found = orjson.loads(
                self._api.list_pod_for_all_namespaces(resource_version="0", _preload_content=False).data
            )
            for pod in found["items"]:
                try:
                    self._follow(pod)
                except ApiException as error:
                    # The pod was changed or deleted since it was listed, or its namespace is being deleted.
                    if error.status not in (403, 404, 409):
                        self.problems.append(f"{pod['metadata']['name']}: {error.status} {error.body}")

    def _follow(self, pod: Json) -> None:
        metadata, status = pod["metadata"], pod["status"]
        namespace, name = metadata["namespace"], metadata["name"]
        behaviour = self.behaviour(namespace)
        plan = metadata.get("labels", {}).get(ACTION_LABEL, "")
        self._plans[namespace, name] = plan
        if "deletionTimestamp" in metadata:
            self._end(pod)
        elif plan and behaviour.unscheduled:
            reason = {"reason": "Unschedulable", "message": behaviour.unscheduled}
            self._write(pod, {"conditions": [{"type": "PodScheduled", "status": "False", **reason}]})
        elif "nodeName" not in pod["spec"]:
            target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
            body = {"metadata": {"name": name}, "target": target}
            self._api.create_namespaced_pod_binding(name, namespace, body, _preload_content=False)
        elif status.get("phase") not in _ENDED:
            if plan and behaviour.rejected is not None:
                why = dict(zip(("reason", "message"), behaviour.rejected, strict=True))
                self._write(pod, {"phase": "Failed", **why})
                return
            if plan and behaviour.sandbox:
                self._report_sandbox(pod, behaviour.sandbox)
            self._write(pod, self._status(pod, plan, behaviour))

    def _status(self, pod: Json, plan: str, behaviour: NodeBehaviour) -> Json:
        """The status that the kubelet writes for a pod on its node."""
        since, written = self._since(pod, "")
        running: Json = {"running": {"startedAt": written}}
        states = [self._probe_state(pod, "", behaviour) if plan else running for _ in pod["spec"]["containers"]]
        ready = str(not plan and behaviour.ready and time.monotonic() - since >= behaviour.ready_seconds)
        status: Json = {
            "phase": _phase(states[0]),
            "hostIP": "127.0.0.1",
            "podIP": f"10.244.0.{sum(pod['metadata']['uid'].encode()) % 250 + 2}",
            "startTime": written,
            "conditions": [{"type": each, "status": ready} for each in ("ContainersReady", "Ready")],
            "containerStatuses": [
                _container_status(each, state, ready == "True")
                for each, state in zip(pod["spec"]["containers"], states, strict=True)
            ],
        }
        added = pod["spec"].get("ephemeralContainers", ())
        if added:
            status["ephemeralContainerStatuses"] = [
                _container_status(each, self._probe_state(pod, each["name"], behaviour), False) for each in added
            ]
        return status

    def _probe_state(self, pod: Json, container: str, behaviour: NodeBehaviour) -> Json:
        since, written = self._since(pod, container)
        if behaviour.waiting is not None:
            return {"waiting": {"reason": behaviour.waiting[0], "message": behaviour.waiting[1]}}
        if behaviour.sandbox:
            return {"waiting": {"reason": "ContainerCreating"}}
        ended: Json = {"startedAt": written, "finishedAt": written, "exitCode": behaviour.exit_code}
        if behaviour.terminated is not None:
            reason, message = behaviour.terminated
            return {"terminated": {**ended, "exitCode": 128, "reason": reason, "message": message}}
        if time.monotonic() - since < behaviour.seconds:
            return {"running": {"startedAt": written}}
        return {"terminated": {**ended, "reason": "Error" if behaviour.exit_code else "Completed"}}

    def _since(self, pod: Json, container: str) -> tuple[float, str]:
        """The time at which the node first saw a container."""
        return self._seen.setdefault((pod["metadata"]["uid"], container), (time.monotonic(), _now()))

    def _write(self, pod: Json, status: Json) -> None:
        uid, written = pod["metadata"]["uid"], orjson.dumps(status)
        if self._written.get(uid) == written:
            return
        where = pod["metadata"]["name"], pod["metadata"]["namespace"]
        self._api.patch_namespaced_pod_status(*where, {"status": status}, _preload_content=False)
        self._written[uid] = written

    def _end(self, pod: Json) -> None:
        """Stop the containers of a deleted pod, then confirm that they no longer run."""
        where = pod["metadata"]["name"], pod["metadata"]["namespace"]
        if pod["status"].get("phase") not in _ENDED:
            ended = {"exitCode": 137, "reason": "Error", "startedAt": _now(), "finishedAt": _now()}
            statuses = [_container_status(each, {"terminated": ended}, False) for each in pod["spec"]["containers"]]
            self._write(pod, {"phase": "Failed", "containerStatuses": statuses})
        now = {"gracePeriodSeconds": 0}
        self._api.delete_namespaced_pod(*where, body=now, _preload_content=False)

    def _report_sandbox(self, pod: Json, message: str) -> None:
        metadata = pod["metadata"]
        if (key := (metadata["uid"], "sandbox event")) in self._seen:
            return
        self._seen[key] = (time.monotonic(), _now())
        about = {"kind": "Pod", "apiVersion": "v1", **{key: metadata[key] for key in ("name", "namespace", "uid")}}
        event = {
            "metadata": {"name": f"{metadata['name']}.sandbox", "namespace": metadata["namespace"]},
            "involvedObject": about,
            "type": "Warning",
            "reason": "FailedCreatePodSandBox",
            "message": message,
            "count": 1,
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "source": {"component": "kubelet", "host": NODE},
        }
        self._api.create_namespaced_event(metadata["namespace"], event, _preload_content=False)


class _LogServer(LoopbackServer):
    node: NodeStandIn
    tls: ssl.SSLContext


class _LogHandler(LoopbackHandler):
    """Answers requests of the API server for logs.

    They are `GET /containerLogs/NAMESPACE/POD/CONTAINER`.
    """

    server: _LogServer

    def setup(self) -> None:
        super().setup()
        self.secure(self.server.tls)
        self.open_files()

    def do_GET(self) -> None:  # noqa: N802 - the name that the base class requires
        url, node = urlsplit(self.path), self.server.node
        limit = int(parse_qs(url.query).get("limitBytes", ["0"])[0])
        _, where, namespace, pod, container = url.path.split("/")
        assert where == "containerLogs"
        behaviour = node.behaviour(namespace)
        node.logs_read.append(f"{namespace}/{pod}/{container}")
        time.sleep(behaviour.log_seconds)
        body = node.log(namespace, pod, container) if behaviour.log_status == 200 else b"no such container"
        body = body[:limit] if limit else body
        self.send_response(behaviour.log_status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _container_status(container: Json, state: Json, ready: bool) -> Json:
    running = "running" in state
    names = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
    return {**names, "ready": ready, "started": running, "state": state}


def _phase(state: Json) -> str:
    if "terminated" in state:
        return "Failed" if state["terminated"]["exitCode"] else "Succeeded"
    return "Running" if "running" in state else "Pending"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
