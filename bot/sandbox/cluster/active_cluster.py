"""An API server that accepts active steps, with a kubelet that starts and ends pods."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from threading import RLock
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import orjson

from bot.sandbox.cluster.api_server import KubeHandler, KubeServer, ServedCluster
from bot.sandbox.cluster.kubelet import Kubelet

_Manifest = dict[str, Any]


class ActiveKubeServer(KubeServer):
    """Serves a cluster whose gateway can be probed and restarted.

    `changes` counts the changes by `VERB KIND`.
    """

    def __init__(self, cluster: ServedCluster, kubelet: Kubelet | None = None, **options: Any) -> None:
        self.kubelet = kubelet or Kubelet()
        self.changes: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        """How often each object was created, and each restart was requested."""
        self.jobs: dict[str, _Manifest] = {}
        self.foreign_pods: list[_Manifest] = []
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

    def find(self, group: str, plural: str, namespace: str, name: str) -> _Manifest | None:
        listed = self.listed(group, "v1", plural)
        for each in listed[1] if listed else ():
            if (each["metadata"].get("namespace"), each["metadata"]["name"]) == (namespace, name):
                return each
        return None

    def pods_of(self, job: _Manifest) -> Iterator[_Manifest]:
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

    def with_status(self, job: _Manifest) -> _Manifest:
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
        self.kubelet = replace(self.kubelet, log=self.kubelet.restarted_log, restarted_log="", gateway_log="")
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
        return cast("ActiveKubeServer", self.server.owner)

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
        if self._forbidden("PATCH"):
            return
        parts = urlsplit(self.path).path.strip("/").split("/")
        with self.active.guard:
            if self._refused():
                return
            if parts[-1] == "ephemeralcontainers":
                self._add_container(parts[3], parts[5], body)
            else:
                self._restart(parts[4], parts[6], body)

    def _add_container(self, namespace: str, name: str, body: _Manifest) -> None:
        owner = self.active
        pod = owner.find("", "pods", namespace, name)
        if pod is None:
            self.status(404, f'pods "{name}" not found')
            return
        (added,) = body["spec"]["ephemeralContainers"]
        present = pod["spec"].setdefault("ephemeralContainers", [])
        if all(each["name"] != added["name"] for each in present):
            present.append(added)
            owner.changes["PATCH Pod"] += 1
            owner.made[f"container {added['name']}"] += 1
            pod["created"] = time.monotonic()
        self._changed(pod)

    def _restart(self, namespace: str, name: str, body: _Manifest) -> None:
        owner = self.active
        deployment = owner.find("apps", "deployments", namespace, name)
        if deployment is None:
            self.status(404, f'deployments.apps "{name}" not found')
            return
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

    def _changed(self, answer: _Manifest) -> None:
        if self.active.kubelet.lost:
            self.close_connection = True
            self.wfile.flush()
            self.connection.close()
            return
        self.json(200, answer)

    def _found(self, manifest: _Manifest | None, missing: str) -> None:
        if manifest is None:
            self.status(404, missing)
        else:
            self.json(200, manifest)

    def _jobs(self, namespace: str, query: Mapping[str, str]) -> Iterator[_Manifest]:
        wanted = dict(part.split("=", 1) for part in query.get("labelSelector", "").split(",") if part)
        for job in self.active.jobs.values():
            labels = job["metadata"].get("labels") or {}
            if job["metadata"]["namespace"] == namespace and wanted.items() <= labels.items():
                yield job

    def _gateway_pod(self, namespace: str, name: str) -> _Manifest | None:
        pod = self.active.find("", "pods", namespace, name)
        if pod is not None and (added := pod["spec"].get("ephemeralContainers")):
            state = self.active.state(pod["created"])
            pod["status"]["ephemeralContainerStatuses"] = [{"name": each["name"], "state": state} for each in added]
        return pod

    def _deployment(self, namespace: str, name: str) -> _Manifest | None:
        found = self.active.find("apps", "deployments", namespace, name)
        if found is None or "created" not in found:
            return found
        kubelet, wanted = self.active.kubelet, found["spec"]["replicas"]
        done = time.monotonic() - found["created"] >= kubelet.seconds and not kubelet.stuck
        if done and kubelet.restarted_log:
            self.active.replace_pods(namespace, name)
            found = self.active.find("apps", "deployments", namespace, name) or found
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
        log = kubelet.log if query["container"] == "probe" else kubelet.gateway_log or kubelet.log
        text = log.replace("{id}", name.rpartition("-")[2]).encode()
        self.send(200, text[: int(query.get("limitBytes", len(text)))], "text/plain")


ActiveKubeServer.handler = _ActiveHandler


def _copied(cluster: ServedCluster) -> ServedCluster:
    return copy.deepcopy(cluster)


def _named(job: _Manifest) -> dict[str, str]:
    return {key: str(job["metadata"].get(key, "")) for key in ("name", "uid")}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
