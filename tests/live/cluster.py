"""A real cluster for active steps.

It has an API server, controllers, a node, the chart with its accounts, and gateways.
"""

from __future__ import annotations

import copy
import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from checks.actions.probe_objects import probe_job
from tests.clusters.compose import Manifest, named, write_bundle
from tests.command_line import ENVIRONMENT, PROGRAM, Answer
from tests.helm.chart import LEAST, Json, merged
from tests.helm.installed import InstalledChart
from tests.helm.matrix import HERE, RULE
from tests.live.node import NodeBehaviour, NodeStandIn
from tests.live.webhook import AdmissionWebhook

ACTIONS = "egress-diag-actions"
DEPLOYMENT = "egw-asm-1-30"
URL = "https://echo.example.com/ip"
_KINDS = ("ServiceAccount", "Service", "Deployment", "StaticGatewayConfiguration")


def gateway_objects(namespace: str, replicas: int = 0, **deployment: Any) -> list[Manifest]:
    """The objects of the gateway `egw` of the test cluster, in another namespace.

    Controllers create its ReplicaSet and pods. `deployment` replaces fields of the Deployment's specification.
    """
    found: list[Manifest] = []
    for each in named("base").objects:
        if each["kind"] in _KINDS and each["metadata"].get("namespace") == "team-egress":
            made: Json = copy.deepcopy(dict(each))
            made["metadata"]["namespace"] = namespace
            made["metadata"].pop("finalizers", None)
            if made["kind"] == "Deployment":
                del made["status"]
                made["spec"].update(replicas=replicas, **deployment)
            for key in ("clusterIP", "clusterIPs"):
                made.get("spec", {}).pop(key, None)
            found.append(made)
    return found


def chart_values(namespaces: Sequence[str]) -> Json:
    """Values of the chart that permit active steps in these namespaces."""
    places = {"namespaces": list(namespaces)}
    rule = {**RULE, "allow": ["diagnose", "probe", "restart"]}
    return merged(
        LEAST,
        {
            "config": {"clusters": [HERE], "access": [rule], "probe": places},
            "actions": {"enabled": True},
            "rbac": {"probe": places, "restart": places, "secretNamespaces": list(namespaces)},
        },
    )


@dataclass
class StepCluster:
    """The cluster, and the command with the credentials of the action worker."""

    chart: InstalledChart
    node: NodeStandIn
    folder: Path
    config: Path

    def add_gateway(
        self,
        namespace: str,
        behaviour: NodeBehaviour | None = None,
        labels: Mapping[str, str] | None = None,
        replicas: int = 0,
        **deployment: Any,
    ) -> None:
        """Create a gateway in a namespace, and wait until its pods are ready."""
        if behaviour is not None:
            self.node.behaviours[namespace] = behaviour
        if labels:
            patch = {"metadata": {"labels": dict(labels)}}
            self.ok("PATCH", f"/api/v1/namespaces/{namespace}", patch, kind="application/merge-patch+json")
        self.chart.server.create(gateway_objects(namespace, replicas, **deployment))
        self.wait(lambda: self.ready(namespace) == replicas, f"{namespace}: {replicas} ready pods")

    def ready(self, namespace: str) -> int:
        """The ready pods of the gateway, by its Deployment's status."""
        status = self.ok("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{DEPLOYMENT}")["status"]
        return int(status.get("readyReplicas", 0))

    def ok(self, verb: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """The answer to a request of the administrator, which must succeed."""
        status, found = self.chart.ask(verb, path, body, kind=kind)
        assert status < 300, f"{verb} {path}: {status} {found}"
        return found

    def names(self, namespace: str, resource: str = "pods", probes: bool = True) -> set[str]:
        """The names of what probes have created in a namespace, or of everything."""
        root = "/apis/batch/v1" if resource == "jobs" else "/api/v1"
        query = "?labelSelector=egress-diag/action" if probes else ""
        found = self.ok("GET", f"{root}/namespaces/{namespace}/{resource}{query}")
        return {each["metadata"]["name"] for each in found["items"]}

    def ephemeral_containers(self, namespace: str) -> list[str]:
        """The names of all ephemeral containers in a namespace."""
        pods = self.ok("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        return [each["name"] for pod in pods for each in pod["spec"].get("ephemeralContainers", ())]

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Wait until the condition is true. Raises AssertionError after the time-out."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"not within {seconds} s: {what}; the node: {self.node.problems}"
            time.sleep(0.1)

    def wait_until_removed(self, namespace: str, seconds: float = 30) -> None:
        """Wait until neither Jobs nor pods of probes exist in a namespace."""
        for resource in ("jobs", "pods"):
            self.wait(lambda r=resource: not self.names(namespace, r), f"{resource} are left in {namespace}", seconds)  # type: ignore[misc]

    def wait_until_called(self, webhook: AdmissionWebhook, namespace: str) -> None:
        """Wait until the API server sends the Jobs of a namespace to a webhook."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs?dryRun=All"
        body = probe_job("0" * 12, "nobody", namespace, "sgc", "curl:8", [URL])

        def called() -> bool:
            self.ok("POST", path, body)
            return bool(webhook.requests)

        self.wait(called, "the webhook is called")

    def wait_until_denied(self, namespace: str, resource: str) -> None:
        """Wait until the API server denies the Jobs or pods of a namespace.

        New rules take effect after a moment.
        """
        job = probe_job("0" * 12, "nobody", namespace, "sgc", "curl:8", [URL])
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": job["spec"]["template"]["spec"]}
        root, body = ("/apis/batch/v1", job) if resource == "jobs" else ("/api/v1", pod)
        path = f"{root}/namespaces/{namespace}/{resource}?dryRun=All"
        self.wait(lambda: self.chart.ask("POST", path, body)[0] >= 400, f"{resource} are denied in {namespace}")

    def begin(self, command: str, namespace: str, *words: str) -> subprocess.Popen[bytes]:
        """Start `egress-diag probe` or `restart` for a gateway, confirmed and with JSON."""
        shared = ("--config", str(self.config), "--yes", "--output", "json")
        return subprocess.Popen(
            [str(PROGRAM), command, "real", f"{namespace}/egw", *shared, *words],
            env=dict(ENVIRONMENT),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def take(self, command: str, namespace: str, *words: str) -> Answer:
        """Run a step to its end."""
        process = self.begin(command, namespace, *words)
        try:
            out, err = process.communicate(timeout=200)
        finally:
            process.kill()
        answer = Answer(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in answer.out + answer.err, answer.err
        return answer


def write_step_config(chart: InstalledChart, folder: Path, namespaces: Sequence[str]) -> Path:
    """The configuration of one cluster with a gateway in each namespace.

    Its kubeconfig has the account of the action worker.
    """
    saved = folder / "saved"
    write_bundle(named("base"), saved)
    profile = saved / "azure" / "managed-cluster.json"
    cluster = json.loads(profile.read_text())
    components = cluster["properties"]["serviceMeshProfile"]["istio"]["components"]
    (entry,) = components["egressGateways"]
    components["egressGateways"] = [{**entry, "namespace": each} for each in namespaces]
    profile.write_text(json.dumps(cluster))
    azure = {"managed_cluster": profile, "agent_pools": saved / "azure" / "agent-pools.json"}
    config = {
        "clusters": [
            {
                "name": "real",
                "kubeconfig": str(chart.kubeconfig(folder, ACTIONS)),
                "azure": {key: str(path) for key, path in azure.items()},
            }
        ],
        "probe": {"urls": [URL], "namespaces": list(namespaces)},
    }
    path = folder / "egress-diag.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
