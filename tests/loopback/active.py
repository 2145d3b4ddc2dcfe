"""An API server that accepts active steps, with a kubelet that starts and ends pods.

The kubelet's behaviour is a value: the log that a probe writes, or what keeps it from running.
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import RLock
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from tests.clusters.compose import Cluster, Manifest
from tests.loopback.kube import KubeHandler, KubeServer

ANSWER = "20.50.60.1\n{id} 0 200 0.420000 \n"


@dataclass
class Kubelet:
    """The behaviour of the kubelet and of controllers.

    `log` contains {id} in place of the plan's ID. `refusal` answers the change, `lost` makes it and closes the connection.
    `waiting` is (reason, message) of the container, `events` and `job_events` are (reason, message). With
    `restarted_log`, a restart replaces the pods, and their probes write this log.
    """

    log: str = ANSWER
    seconds: float = 0.0
    refusal: tuple[int, str] | None = None
    lost: bool = False
    waiting: tuple[str, str] | None = None
    unscheduled: str = ""
    events: tuple[tuple[str, str], ...] = ()
    job_events: tuple[tuple[str, str], ...] = ()
    log_status: int = 200
    stuck: str = ""
    restarted_log: str = ""
    terminated: Mapping[str, Any] = field(default_factory=lambda: {"exitCode": 0, "reason": "Completed"})


class ActiveKubeServer(KubeServer):
    """Serves a cluster whose gateway can be probed and restarted.

    `changes` counts the changes by `VERB KIND`.
    """

    def __init__(self, cluster: Cluster, kubelet: Kubelet | None = None, **options: Any) -> None:
        self.kubelet = kubelet or Kubelet()
        self.changes: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        """How often each object was created, and each restart was requested."""
        self.jobs: dict[str, Manifest] = {}
        self.foreign_pods: list[Manifest] = []
        """Pods with the label of a probe that its Job did not create."""
        self.permissions: set[tuple[str, str]] = set()
        """The (verb, resource) of each request about a namespace, as RBAC names them."""
        self.lacking: set[tuple[str, str]] = set()
        """The (verb, resource) that the account may not use in a namespace."""
        self.guard = RLock()
        super().__init__(_copied(cluster), **options)

    def refusal_of(self, method: str, path: str) -> str:
        """The message of the API server if the account lacks the permission for a request, else ""."""
        parts = urlsplit(path).path.strip("/").split("/")
        at = parts.index("namespaces") if "namespaces" in parts else len(parts)
        if len(parts) <= at + 2:
            return ""
        name, *rest = parts[at + 2 :]
        verb = {"GET": "get" if rest else "list", "POST": "create"}.get(method, method.lower())
        resource = "/".join([name, *rest[1:]])
        self.permissions.add((verb, resource))
        if (verb, resource) not in self.lacking:
            return ""
        group = parts[1] if parts[0] == "apis" else ""
        user = "system:serviceaccount:egress-diag:egress-diag-actions"
        refused = (
            f"{f'{name}.{group}' if group else name}{f' {chr(34)}{rest[0]}{chr(34)}' if rest else ''} is forbidden"
        )
        return (
            f'{refused}: User "{user}" cannot {verb} resource "{resource}" in API group "{group}" in the namespace '
            f'"{parts[at + 1]}"'
        )

    def find(self, group: str, plural: str, namespace: str, name: str) -> Manifest | None:
        listed = self.listed(group, "v1", plural)
        for each in listed[1] if listed else ():
            if (each["metadata"].get("namespace"), each["metadata"]["name"]) == (namespace, name):
                return each
        return None

    def pods_of(self, job: Manifest) -> Iterator[Manifest]:
        """The pod of a Job, in the state that the kubelet has brought it to."""
        kubelet = self.kubelet
        if kubelet.job_events:
            return
        name = f"{job['metadata']['name']}-x7x7x"
        status: dict[str, Any] = {"phase": "Pending"}
        if kubelet.unscheduled:
            status["conditions"] = [{"type": "PodScheduled", "status": "False", "message": kubelet.unscheduled}]
        else:
            status["containerStatuses"] = [{"name": "probe", "state": self.state(job["created"])}]
            if "terminated" in status["containerStatuses"][0]["state"]:
                status["phase"] = "Succeeded"
        template = job["spec"]["template"]
        metadata = {
            **template["metadata"],
            "name": name,
            "namespace": job["metadata"]["namespace"],
            "uid": f"uid-{name}",
            "ownerReferences": [{"kind": "Job", "controller": True, **_named(job)}],
        }
        yield {"metadata": metadata, "spec": template["spec"], "status": status}

    def with_status(self, job: Manifest) -> Manifest:
        """A Job with the condition that its controller sets when the pod has ended."""
        kubelet = self.kubelet
        ended = None if kubelet.job_events or kubelet.unscheduled else self.state(job["created"]).get("terminated")
        if ended is None:
            return job
        condition = {"type": "Failed" if ended.get("exitCode") else "Complete", "status": "True"}
        return {**job, "status": {"conditions": [condition]}}

    def replace_pods(self, namespace: str, deployment: str) -> None:
        """New pods for a Deployment, without the ephemeral containers of the old ones.

        Every object that names an old pod (endpoints, static egress objects) then names the new one.
        """
        self.kubelet = replace(self.kubelet, log=self.kubelet.restarted_log, restarted_log="")
        names = []
        for pod in self._lists["pods"]:
            name = pod["metadata"]["name"]
            if pod["metadata"]["namespace"] == namespace and name.startswith(f"{deployment}-"):
                pod["spec"].pop("ephemeralContainers", None)
                pod["status"].pop("ephemeralContainerStatuses", None)
                names.append(name)
        for objects in self._lists.values():
            text = orjson.dumps(objects).decode()
            for name in names:
                text = text.replace(f'{name}"', f'{name}-new"')
            objects[:] = orjson.loads(text)

    def state(self, created: float) -> dict[str, Any]:
        kubelet = self.kubelet
        if kubelet.waiting is not None:
            return {"waiting": {"reason": kubelet.waiting[0], "message": kubelet.waiting[1]}}
        if kubelet.events:
            return {"waiting": {"reason": "ContainerCreating"}}
        if time.monotonic() - created < kubelet.seconds:
            return {"running": {"startedAt": _now()}}
        return {"terminated": dict(kubelet.terminated)}


class _ActiveHandler(KubeHandler):
    @property
    def active(self) -> ActiveKubeServer:
        owner = self.server.owner
        assert isinstance(owner, ActiveKubeServer)
        return owner

    def do_GET(self) -> None:  # noqa: N802 - the name that the base class requires
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        owner = self.active
        if self._forbidden("GET"):
            return
        with owner.guard:
            match url.path.strip("/").split("/"):
                case ["apis", "batch", "v1", "namespaces", namespace, "jobs"]:
                    self.json(200, {"items": [owner.with_status(each) for each in self._jobs(namespace, query)]})
                case ["apis", "batch", "v1", "namespaces", _, "jobs", name]:
                    job = owner.jobs.get(name)
                    self._found(job and owner.with_status(job), f'jobs.batch "{name}" not found')
                case ["api", "v1", "namespaces", namespace, "pods"]:
                    pods = [pod for job in self._jobs(namespace, query) for pod in owner.pods_of(job)]
                    self.json(200, {"items": [*pods, *owner.foreign_pods]})
                case ["api", "v1", "namespaces", _, "events"]:
                    about = "job_events" if "kind=Job" in query["fieldSelector"] else "events"
                    self.json(200, {"items": [{"reason": r, "message": m} for r, m in getattr(owner.kubelet, about)]})
                case ["api", "v1", "namespaces", namespace, "pods", name]:
                    self._found(self._gateway_pod(namespace, name), f'pods "{name}" not found')
                case ["apis", "apps", "v1", "namespaces", namespace, "deployments", name]:
                    self._found(self._deployment(namespace, name), f'deployments.apps "{name}" not found')
                case ["api", "v1", "namespaces", _, "pods", pod, "log"] if "egress-diag-probe" in url.path + url.query:
                    self._probe_log(pod, query)
                case _:
                    super().do_GET()

    def do_POST(self) -> None:  # noqa: N802 - the name that the base class requires
        if not self.path.endswith("/jobs"):
            super().do_POST()
            return
        body = self._body()
        owner = self.active
        if self._forbidden("POST"):
            return
        with owner.guard:
            if self._refused():
                return
            name = body["metadata"]["name"]
            if name in owner.jobs:
                self.status(409, f'jobs.batch "{name}" already exists')
                return
            owner.changes["POST Job"] += 1
            owner.made[f"Job {name}"] += 1
            metadata = {**body["metadata"], "uid": f"uid-{name}"}
            owner.jobs[name] = {**body, "metadata": metadata, "created": time.monotonic()}
            self._changed(body)

    def do_PATCH(self) -> None:  # noqa: N802 - the name that the base class requires
        body = self._body()
        owner = self.active
        if self._forbidden("PATCH"):
            return
        parts = urlsplit(self.path).path.strip("/").split("/")
        with owner.guard:
            if self._refused():
                return
            if parts[-1] == "ephemeralcontainers":
                pod = owner.find("", "pods", parts[3], parts[5])
                assert pod is not None
                (added,) = body["spec"]["ephemeralContainers"]
                present = pod["spec"].setdefault("ephemeralContainers", [])
                if all(each["name"] != added["name"] for each in present):
                    present.append(added)
                    owner.changes["PATCH Pod"] += 1
                    owner.made[f"container {added['name']}"] += 1
                    pod["created"] = time.monotonic()
                self._changed(pod)
                return
            deployment = owner.find("apps", "deployments", parts[4], parts[6])
            assert deployment is not None
            annotations = deployment["spec"]["template"].setdefault("metadata", {}).setdefault("annotations", {})
            wanted = body["spec"]["template"]["metadata"]["annotations"]
            if any(annotations.get(key) != value for key, value in wanted.items()):
                owner.changes["PATCH Deployment"] += 1
                owner.made[f"restart {sorted(wanted.values())}"] += 1
                annotations.update(wanted)
                metadata = deployment["metadata"]
                metadata["generation"] = int(metadata.get("generation") or 1) + 1
                deployment["created"] = time.monotonic()
            self._changed(deployment)

    def do_DELETE(self) -> None:  # noqa: N802 - the name that the base class requires
        self._body()
        owner = self.active
        if self._forbidden("DELETE"):
            return
        with owner.guard:
            name = self.path.rpartition("/")[2]
            if owner.jobs.pop(name, None) is None:
                self.status(404, f'jobs.batch "{name}" not found')
                return
            owner.changes["DELETE Job"] += 1
            self.json(200, {"kind": "Status", "status": "Success"})

    def _body(self) -> Any:
        return orjson.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def _forbidden(self, method: str) -> bool:
        message = self.active.refusal_of(method, self.path)
        if message:
            self.status(403, message)
        return bool(message)

    def _refused(self) -> bool:
        if self.active.kubelet.refusal is None:
            return False
        self.status(*self.active.kubelet.refusal)
        return True

    def _changed(self, answer: Manifest) -> None:
        if self.active.kubelet.lost:
            self.close_connection = True
            self.wfile.flush()
            self.connection.close()
            return
        self.json(200, answer)

    def _found(self, manifest: Manifest | None, missing: str) -> None:
        if manifest is None:
            self.status(404, missing)
        else:
            self.json(200, manifest)

    def _jobs(self, namespace: str, query: Mapping[str, str]) -> Iterator[Manifest]:
        wanted = dict(part.split("=", 1) for part in query.get("labelSelector", "").split(",") if part)
        for job in self.active.jobs.values():
            labels = job["metadata"].get("labels") or {}
            if job["metadata"]["namespace"] == namespace and wanted.items() <= labels.items():
                yield job

    def _gateway_pod(self, namespace: str, name: str) -> Manifest | None:
        pod = self.active.find("", "pods", namespace, name)
        if pod is not None and (added := pod["spec"].get("ephemeralContainers")):
            state = self.active.state(pod["created"])
            pod["status"]["ephemeralContainerStatuses"] = [{"name": each["name"], "state": state} for each in added]
        return pod

    def _deployment(self, namespace: str, name: str) -> Manifest | None:
        found = self.active.find("apps", "deployments", namespace, name)
        if found is None or "created" not in found:
            return found
        kubelet, wanted = self.active.kubelet, found["spec"]["replicas"]
        done = time.monotonic() - found["created"] >= kubelet.seconds and not kubelet.stuck
        if done and kubelet.restarted_log:
            self.active.replace_pods(namespace, name)
            found = self.active.find("apps", "deployments", namespace, name)
            assert found is not None
        found["status"] = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": wanted if done else wanted + 1,
            "updatedReplicas": wanted if done else 1,
            "readyReplicas": wanted,
            "availableReplicas": wanted,
        }
        if kubelet.stuck:
            reason = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
            found["status"]["conditions"] = [{**reason, "message": kubelet.stuck}]
        return found

    def _probe_log(self, pod: str, query: Mapping[str, str]) -> None:
        kubelet = self.active.kubelet
        if kubelet.log_status != 200:
            self.status(kubelet.log_status, "the kubelet did not answer")
            return
        name = query["container"] if query["container"] != "probe" else pod.rpartition("-")[0]
        text = kubelet.log.replace("{id}", name.rpartition("-")[2]).encode()
        self.send(200, text[: int(query.get("limitBytes", len(text)))], "text/plain")


ActiveKubeServer.handler = _ActiveHandler


def _copied(cluster: Cluster) -> Cluster:
    return copy.deepcopy(cluster)


def _named(job: Manifest) -> dict[str, str]:
    return {key: str(job["metadata"].get(key, "")) for key in ("name", "uid")}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
